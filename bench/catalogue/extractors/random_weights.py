"""The weights of the random network: derived from integers alone, so that they are the same on every machine."""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import accumulate, pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

SEED = 0
SHAPES = ((32, 3, 3, 3), (64, 32, 3, 3), (128, 64, 3, 3), (128, 128, 3, 3), (64, 128 * 4 * 4))
ARCHITECTURE = "conv3x3 without bias, relu, mean pooling down to 4x4; linear"  # part of the hash


@cache
def random_weights() -> tuple[NDArray[np.float32], ...]:
    """Return the weights of four convolutions and a linear layer, of shapes ``SHAPES``.

    They are uniform with variance 2 / fan-in (He et al. 2015). The raw bits of PCG64 and square roots are the same on
    every platform, unlike numpy's distributions, which may change between versions.
    """
    sizes = [prod(shape) for shape in SHAPES]
    bits = np.random.PCG64(SEED).random_raw(sum(sizes)) >> np.uint64(40)
    uniform = bits * 2.0**-23 - 1  # 24 bits: exact in double precision
    parts = pairwise(accumulate(sizes, initial=0))
    return tuple(
        (uniform[start:end] * np.sqrt(6 / prod(shape[1:]))).astype(np.float32).reshape(shape)
        for shape, (start, end) in zip(SHAPES, parts, strict=True)
    )


@cache
def random_weights_hash() -> str:
    """Return the SHA-256 of the architecture and the weights, in hexadecimal."""
    digest = hashlib.sha256(ARCHITECTURE.encode())
    for weights in random_weights():
        digest.update(f"{weights.shape}".encode() + weights.astype("<f4").tobytes())
    return digest.hexdigest()
