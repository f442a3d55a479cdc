"""Checks of loaded data: their type, their shape, and that all of their values are finite."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.catalogue import find, suggestion, title
from bench.catalogue.datasets.data import Data, Modes
from bench.catalogue.datasets.signals import RecognisedModes
from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.extractors.sample_kinds import kind_of_samples
from bench.errors import DataError

TOLERANCE = 1e-6  # of the sum of probabilities
AT_ONCE = 1 << 16  # samples that are checked at once, for memory maps


def check_data(name: str, data: object, declared: tuple[int, ...]) -> Data:
    """Return the data of a dataset if training can use them.

    Args:
        name: Name of the dataset.
        data: What its loader returned.
        declared: The shape of one sample that the dataset declares.

    Raises:
        DataError: They are neither uint8 images nor float32 points, sounds or strings, the splits differ in type or
            shape, the shape is not the declared one, or a value is not finite. The message says what was given and
            expected.
    """
    who = title("dataset", name)
    if not isinstance(data, Data):
        given = f"a {type(data).__name__}"
        raise DataError(f"{who}: its loader returned {given}, expected bench.make_data(train=..., test=...)")
    for split in ("train", "test"):
        _check_type(getattr(data, split), f"{who}: {split} split")
    train, test = data.train, data.test
    if tuple(train.shape[1:]) != tuple(declared):
        raise DataError(f"{who} declares shape {tuple(declared)}, but its samples have shape {train.shape[1:]}")
    if (train.dtype, train.shape[1:]) != (test.dtype, test.shape[1:]):
        one, other = (f"{split.dtype} {list(split.shape[1:])}" for split in (train, test))
        raise DataError(f"{who}: its training samples are {one}, but its test samples {other}")
    if min(len(train), len(test)) < 2:
        raise DataError(f"{who} needs at least 2 training and 2 test samples; it has {len(train)} and {len(test)}")
    _check_finite(data, who)
    _check_extractor(name, who, kind_of_samples(train.shape[1:]))
    _check_signal(data, who)
    if find("dataset", name).translates != (data.sources is not None):
        fault = "says that it translates sources, but its loader returned none"
        if data.sources is not None:
            fault = "has sources, but does not say so: Dataset(..., translates=True)"
        raise DataError(f"{who} {fault}")
    _check_modes(data.modes, who, train.shape[1:])
    return data


def _check_modes(modes: object, who: str, shape: tuple[int, ...]) -> None:
    if isinstance(modes, Modes):
        if np.shape(modes.centres)[1:] != shape:
            raise DataError(f"{who}: its modes have centres {list(np.shape(modes.centres))}, expected [modes, d]")
        if not 0 < modes.sigma < np.inf:
            raise DataError(f"{who}: its modes have sigma {modes.sigma!r}, expected a number above 0")
        count = len(modes.centres)
    elif isinstance(modes, RecognisedModes):
        count = len(modes.names)
    else:
        return
    weights = np.asarray(modes.shares)
    if weights.shape != (count,):
        raise DataError(f"{who}: its {count} modes have weights {list(weights.shape)}, expected one for each mode")
    if not (weights >= 0).all():
        raise DataError(f"{who}: a weight of its modes is {weights.min():.6g}, expected probabilities")
    if abs(weights.sum() - 1) > TOLERANCE:
        total = f"{weights.sum():.6g}"
        raise DataError(f"{who}: the weights of its modes add up to {total}, expected probabilities that sum to 1")


def _check_type(split: Any, where: str) -> None:
    if not isinstance(split, np.ndarray):
        raise DataError(f"{where} is a {type(split).__name__}, expected a numpy array")
    if (split.dtype, split.ndim) in ((np.dtype("float32"), 2), (np.dtype("float32"), 3), (np.dtype("uint8"), 4)):
        return
    given = f"{where} is {split.dtype} {list(split.shape)}"
    expected = (
        "expected float32 points [n, d], uint8 images [n, channels, height, width], or float32 sounds or strings "
        "[n, channels, length]"
    )
    hint = ""
    if split.ndim == 2 and split.dtype.kind in "fiu":
        hint = "; convert with .astype(numpy.float32)"
    elif split.ndim >= 3 and split.dtype.kind == "f" and split.size:
        low, high = float(np.nanmin(split)), float(np.nanmax(split))
        given += f" with values from {low:.3g} to {high:.3g}"
        hint = "; images are stored from 0 to 255"
        if low >= 0 and high <= 1:
            hint += ": (255 * images).round().astype(numpy.uint8)"
        elif low >= -1 and high <= 1:
            hint += ": (127.5 * (images + 1)).round().astype(numpy.uint8)"
    raise DataError(f"{given}, {expected}{hint}")


def _check_finite(data: Data, who: str) -> None:
    splits = [("training", data.train), ("test", data.test)]
    if data.sources is not None:
        splits += [("training source", data.sources.train), ("test source", data.sources.test)]
    for split, samples in splits:
        if samples.dtype == np.uint8:
            continue
        wrong = sum(_count_not_finite(samples[start : start + AT_ONCE]) for start in range(0, len(samples), AT_ONCE))
        if wrong:
            verb = "is" if wrong == 1 else "are"
            raise DataError(f"{who}: {wrong:,} of {samples.size:,} {split} values {verb} not finite (NaN or infinite)")


def _count_not_finite(samples: NDArray[Any]) -> int:
    return int((~np.isfinite(samples)).sum())


def _check_signal(data: Data, who: str) -> None:
    shape = data.train.shape[1:]
    if len(shape) == 2 and not (data.signal and data.signal.describes(shape)):
        wanted = "Signal(sample_rate=...)" if shape[0] == 1 else f"Signal(alphabet=...) with {shape[0]} letters"
        raise DataError(f"{who}: its samples have shape {shape}; say what they are: make_data(signal={wanted})")


def _check_extractor(name: str, who: str, kind: str) -> None:
    extractor = find("dataset", name).extractor
    if extractor not in EXTRACTORS:
        raise DataError(f"{who}: unknown extractor {extractor!r}{suggestion(str(extractor), EXTRACTORS)}")
    if EXTRACTORS[extractor].of != kind:
        own = next((name for name, entry in EXTRACTORS.items() if entry.of == kind), "")
        wanted = "an extractor of images" if kind == "images" else repr(own)
        raise DataError(f"{who}: its samples are {kind}, so its extractor must be {wanted}, not {extractor!r}")
