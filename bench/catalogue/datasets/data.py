"""A loaded dataset: two arrays and their fingerprint, and the true modes, classes, files and sources where known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.datasets.few_examples import choose_examples
from bench.catalogue.datasets.found_files import FoundFiles
from bench.catalogue.datasets.signals import RecognisedModes, Signal
from bench.errors import DataError


@dataclass(frozen=True)
class Modes:
    """The modes of a mixture of isotropic Gaussians with the same standard deviation.

    Attributes:
        centres: [k, d].
        sigma: The standard deviation along each axis.
        weights: The probability of each mode, [k]; None if they are equally likely.
    """

    centres: NDArray[np.float64]
    sigma: float
    weights: NDArray[np.float64] | None = None

    @property
    def shares(self) -> NDArray[np.float64]:
        """The probability of each mode, [k]."""
        return np.full(len(self.centres), 1 / len(self.centres)) if self.weights is None else self.weights


@dataclass(frozen=True)
class Labels:
    """The class of every sample. Only conditional training uses it, so it is part of the identity of those runs alone.

    Attributes:
        train: int64 [n], a position in ``names`` for each training sample.
        test: int64 [m], the same for each test sample.
        names: The names of the classes.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Sources:
    """What the samples of a dataset are translations of: the i-th sample is the known answer to the i-th source.

    Attributes:
        train: The sources of the training samples, of the same type and shape as those.
        test: The sources of the test samples.
    """

    train: NDArray[np.generic]
    test: NDArray[np.generic]


@dataclass(frozen=True)
class Data:
    """Real samples in two splits, each in random order: its first samples stand for all of them.

    Attributes:
        train: float32 points [n, d], uint8 images [n, channels, height, width], or float32 sounds or strings
            [n, channels, length]. May be memory-mapped.
        test: Held-out samples of the same type and shape.
        fingerprint: SHA-256 of both arrays with their shapes and types; it is part of the identity of runs.
        modes: The true modes, if the data are a Gaussian mixture, or if a rule recognises them.
        labels: The class of every sample, if known.
        files: What was found in the folder or file of the data, and what was left out.
        signal: What the numbers of sounds and strings are.
        examples_per_class: How many training examples of each class a run trains on; None for all.
        sources: What the samples are translations of, for datasets of translations.
    """

    train: NDArray[np.generic]
    test: NDArray[np.generic]
    fingerprint: str
    modes: Modes | RecognisedModes | None = None
    labels: Labels | None = None
    files: FoundFiles | None = None
    signal: Signal | None = None
    examples_per_class: int | None = None
    sources: Sources | None = None

    def examples(self, seed: int) -> NDArray[np.int64] | None:
        """Return the positions in ``train`` of what a run with this seed trains on, int64 [n]; None for all."""
        if self.examples_per_class is None or self.labels is None:
            return None
        return choose_examples(self.labels.train, self.examples_per_class, seed)

    def fingerprint_for(self, conditional: bool) -> str:
        """Return the fingerprint of what training uses: the arrays and, if it is conditional, their labels."""
        if not conditional or self.labels is None:
            return self.fingerprint
        labels = fingerprint(self.labels.train, self.labels.test)
        return hashlib.sha256(f"{self.fingerprint} {labels} {len(self.labels.names)}".encode()).hexdigest()


def make_data(
    train: NDArray[np.generic],
    test: NDArray[np.generic],
    modes: Modes | RecognisedModes | None = None,
    *,
    labels: Labels | None = None,
    files: FoundFiles | None = None,
    signal: Signal | None = None,
    sources: Sources | None = None,
) -> Data:
    """Return the data with their fingerprint, which depends on the two arrays and on their sources only.

    Args:
        train: float32 points [n, d], uint8 images [n, channels, height, width], or float32 sounds or strings
            [n, channels, length].
        test: Held-out samples of the same type and shape.
        modes: The true modes, if the data are a Gaussian mixture, or if a rule recognises them.
        labels: The class of every sample, if known.
        files: What was found in the folder or file of the data.
        signal: What the numbers of sounds and strings are.
        sources: What the samples are translations of, for datasets of translations.

    Raises:
        DataError: a split has fewer than two samples, so that it has no covariance; or labels or sources do not match
            samples.
    """
    if min(len(train), len(test)) < 2:
        raise DataError(f"a dataset needs at least 2 training and 2 test samples; it has {len(train)} and {len(test)}")
    if labels is not None and (len(labels.train), len(labels.test)) != (len(train), len(test)):
        raise DataError(
            f"a dataset needs one label per sample; it has {len(labels.train)} and {len(labels.test)} labels for "
            f"{len(train)} training and {len(test)} test samples"
        )
    if sources is None:
        return Data(train, test, fingerprint(train, test), modes, labels, files, signal)
    for split, given, own in (("training", train, sources.train), ("test", test, sources.test)):
        if (given.shape, given.dtype) != (own.shape, own.dtype):
            raise DataError(
                f"a dataset of translations needs one source per sample, of the same type and shape; its {split} "
                f"samples are {given.dtype} {list(given.shape)}, its sources {own.dtype} {list(own.shape)}"
            )
    marked = fingerprint(train, test, sources.train, sources.test)
    return Data(train, test, marked, modes, labels, files, signal, sources=sources)


def make_labels(train: Sequence[str], test: Sequence[str], known: Sequence[str] | None = None) -> Labels:
    """Return the labels of samples whose classes are given by name.

    Args:
        train: The class of each training sample.
        test: The class of each test sample.
        known: All classes in their order; by default those that occur, in alphabetical order.
    """
    names = sorted({*train, *test}) if known is None else known
    number = {name: index for index, name in enumerate(names)}
    first, second = (np.array([number[name] for name in split], dtype=np.int64) for split in (train, test))
    return Labels(first, second, tuple(names))


def fingerprint(*arrays: NDArray[np.generic]) -> str:
    """Return the SHA-256 of types, shapes and bytes, in hexadecimal. Arrays are read in pieces, for memory maps."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for start in range(0, len(array), 4096):
            digest.update(np.ascontiguousarray(array[start : start + 4096]).data)
    return digest.hexdigest()


def random_order(count: int) -> NDArray[np.int64]:
    """Return the positions of samples that may be sorted in a random order, always the same, [count]."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(0))).permutation(count)
