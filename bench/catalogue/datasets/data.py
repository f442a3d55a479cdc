"""A loaded dataset: two arrays, their fingerprint and, for Gaussian mixtures, the true modes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import DataError


@dataclass(frozen=True)
class Modes:
    """The modes of a mixture of equally likely isotropic Gaussians with the same standard deviation.

    Attributes:
        centres: [k, d].
        sigma: The standard deviation along each axis.
    """

    centres: NDArray[np.float64]
    sigma: float


@dataclass(frozen=True)
class Data:
    """Real samples in two splits.

    Attributes:
        train: float32 points [n, d] or uint8 images [n, channels, height, width]. May be memory-mapped.
        test: Held-out samples of the same type and shape.
        fingerprint: SHA-256 of both arrays with their shapes and types; it is part of the identity of runs.
        modes: The true modes, if the data are a Gaussian mixture.
    """

    train: NDArray[np.generic]
    test: NDArray[np.generic]
    fingerprint: str
    modes: Modes | None = None


def make_data(train: NDArray[np.generic], test: NDArray[np.generic], modes: Modes | None = None) -> Data:
    """Return the data with their fingerprint.

    Args:
        train: float32 points [n, d] or uint8 images [n, channels, height, width].
        test: Held-out samples of the same type and shape.
        modes: The true modes, if the data are a Gaussian mixture.

    Raises:
        DataError: a split has fewer than two samples, so that it has no covariance.
    """
    if min(len(train), len(test)) < 2:
        raise DataError(f"a dataset needs at least 2 training and 2 test samples; it has {len(train)} and {len(test)}")
    return Data(train=train, test=test, fingerprint=fingerprint(train, test), modes=modes)


def fingerprint(*arrays: NDArray[np.generic]) -> str:
    """Return the SHA-256 of types, shapes and bytes, in hexadecimal. Arrays are read in pieces, for memory maps."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for start in range(0, len(array), 4096):
            digest.update(np.ascontiguousarray(array[start : start + 4096]).data)
    return digest.hexdigest()
