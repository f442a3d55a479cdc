"""The file of an extractor that a user trained: its weights, its classes and the shape of its images."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import DataError
from bench.files import atomic_write, describe_error


class TrainedWeights(NamedTuple):
    """The content of the file.

    Attributes:
        arrays: Name of a parameter or buffer → its values.
        classes: Names of the classes, in the order of the logits.
        shape: Shape of its images, (channels, height, width).
        accuracy: Share of held-out images that it classifies correctly.
        sha256: Hash of the file.
    """

    arrays: dict[str, NDArray[np.generic]]
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    accuracy: float
    sha256: str


def write_trained(
    path: Path,
    arrays: dict[str, NDArray[np.generic]],
    classes: tuple[str, ...],
    shape: tuple[int, ...],
    accuracy: float,
) -> None:
    """Write the file of an extractor.

    Raises:
        DataError: The file cannot be written; nothing is left of it.
    """
    described: dict[str, Any] = {"classes": np.array(classes), "shape": np.array(shape), "accuracy": np.array(accuracy)}
    described |= {f"network.{name}": array for name, array in arrays.items()}
    try:
        with atomic_write(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **described)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {describe_error(error)}") from None


def read_trained(path: Path) -> TrainedWeights:
    """Return the content of the file of an extractor.

    Raises:
        DataError: The file is missing, or was not written by ``write_trained``.
    """
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise DataError(f"extractor 'trained': {path} cannot be read: {describe_error(error)}") from None


@cache
def _read(path: Path, modified: int, size: int) -> TrainedWeights:
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {
                name.removeprefix("network."): stored[name] for name in stored.files if name.startswith("network.")
            }
            classes = tuple(str(name) for name in stored["classes"])
            shape = tuple(int(length) for length in stored["shape"])
            accuracy = float(stored["accuracy"])
    except Exception:  # numpy raises many types for files that are damaged, or not its own
        raise DataError(
            f"extractor 'trained': {path} is not a file of weights; "
            f"write one with python -m bench.catalogue.extractors FOLDER --output {path}"
        ) from None
    return TrainedWeights(arrays, classes, shape, accuracy, hashlib.sha256(content).hexdigest())
