"""What a dataset gives: two arrays, their fingerprint, and, for synthetic data, the true modes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import DataError


@dataclass(frozen=True)
class Modes:
    """The true modes of a mixture of equal isotropic Gaussians: centres [k, d] and the standard deviation of each."""

    centres: NDArray[np.float64]
    sigma: float


@dataclass(frozen=True)
class Data:
    """Real samples, split for training and for the floor of the metrics.

    Attributes:
        train: [n, ...]: float32 points, or uint8 images [n, channels, height, width]. May be memory-mapped.
        test: The same, never trained on.
        fingerprint: SHA-256 over both arrays, their shapes and types: the part of a run's identity that is data.
        modes: The true modes of synthetic data.
    """

    train: NDArray[np.generic]
    test: NDArray[np.generic]
    fingerprint: str
    modes: Modes | None = None


def make_data(train: NDArray[np.generic], test: NDArray[np.generic], modes: Modes | None = None) -> Data:
    """Data with its fingerprint.

    Raises:
        DataError: a split of fewer than two samples has no covariance.
    """
    if min(len(train), len(test)) < 2:
        raise DataError(f"a dataset needs 2 samples or more to train and to test; it has {len(train)} and {len(test)}")
    return Data(train=train, test=test, fingerprint=fingerprint(train, test), modes=modes)


def fingerprint(*arrays: NDArray[np.generic]) -> str:
    """SHA-256 over types, shapes and bytes, in hexadecimal; read in pieces, so that a memory map stays one."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for start in range(0, len(array), 4096):
            digest.update(np.ascontiguousarray(array[start : start + 4096]).data)
    return digest.hexdigest()
