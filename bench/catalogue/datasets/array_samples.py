"""Samples and labels from stored arrays, converted once into memory-mapped files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.datasets.array_files import StoredArray, choose_array, reading, stored_arrays
from bench.catalogue.datasets.data import Data, Labels, make_data, random_order
from bench.catalogue.datasets.few_examples import LabelledOptions
from bench.catalogue.datasets.found_files import DataPath, FoundFiles, listed, shown
from bench.errors import DataError
from bench.files import atomic_write, data_folder, describe_error, remove_partial_files

VERSION = 2  # raised when arrays are converted to other values, or in another order
LEAST = 20  # samples that a tenth is held out of
TRAIN = ("train", "x_train", "train_images", "images", "x", "data", "samples", "arr_0")
TEST = ("test", "x_test", "test_images", "val", "x_val", "val_images")
LABELS = ("labels", "train_labels", "y_train", "label", "y")
TEST_LABELS = ("test_labels", "y_test", "val_labels", "y_val")


class ArrayOptions(LabelledOptions):
    """Options of arrays.

    ``path``: a .npz file, a .npy file, or a folder of .npy files.
    ``train``: name of the training samples; by default the usual names, such as "train", "x_train" or "images", or the
    only array.
    ``test``: name of the test samples; by default "test" or "x_test". Without them, a random tenth is held out.
    ``labels``, ``test_labels``: names of the classes of the samples; by default "labels" or "y_train", and
    "test_labels" or "y_test". They are optional.
    ``examples_per_class``: how many training examples of each class a run gets; by default all.
    """

    path: DataPath
    train: str = ""
    test: str = ""
    labels: str = ""
    test_labels: str = ""


class Form(NamedTuple):
    """What samples of one kind look like.

    Attributes:
        dataset: Name of the dataset, for messages.
        kind: "images" or "points".
        shape: A stored array → the shape of one of its samples; ValueError if it is of another kind.
        convert: Stored samples → samples of ``dtype``; ValueError if a value does not fit.
        dtype: uint8 or float32.
    """

    dataset: str
    kind: str
    shape: Callable[[StoredArray], tuple[int, ...]]
    convert: Callable[[NDArray[np.generic]], NDArray[np.generic]]
    dtype: type[np.generic]


class Chosen(NamedTuple):
    """The arrays of a dataset: training and test samples, and their labels, where there are any."""

    train: StoredArray
    test: StoredArray | None
    labels: StoredArray | None
    test_labels: StoredArray | None


class Rows(NamedTuple):
    """Which rows are the samples of each split, in their order."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]


def choose_arrays(options: ArrayOptions, where: str) -> Chosen:
    """Return the arrays that the options name, or those with the usual names.

    Raises:
        DataError: The file cannot be read, or no array can be chosen.
    """
    arrays = stored_arrays(options.path, where)
    with reading(Path(options.path), where):
        train = choose_array(arrays, options.train, TRAIN, "train")
        if train is None and len(arrays) > 1:
            names = listed(map(str, arrays.values()))
            raise ValueError(f'several arrays; set train = "NAME" to one of them: {names}')
        chosen = train or next(iter(arrays.values()))
        others = {name: array for name, array in arrays.items() if array is not chosen}
        return Chosen(
            chosen,
            choose_array(others, options.test, TEST, "test"),
            choose_array(others, options.labels, LABELS, "labels"),
            choose_array(others, options.test_labels, TEST_LABELS, "test_labels"),
        )


def sample_shape(options: ArrayOptions, form: Form) -> tuple[int, ...]:
    """Return the shape of one sample, from the header of the file.

    Raises:
        DataError: The file cannot be read, or its samples are of another kind.
    """
    array = choose_arrays(options, form.dataset).train
    with reading(array.path, form.dataset):
        return form.shape(array)


def load_arrays(options: ArrayOptions, form: Form) -> Data:
    """Return arrays as a dataset, in random order; without test samples, a tenth is held out.

    Raises:
        DataError: The file cannot be read, a value does not fit, or there are too few samples.
    """
    where = form.dataset
    chosen = choose_arrays(options, where)
    total = chosen.train.shape[0] if chosen.train.shape else 0
    if chosen.test is None and total < LEAST:
        raise DataError(f"{where}: {shown(options.path)} has {total} samples; at least {LEAST} are needed")
    rows = _random_rows(total, chosen.test.shape[0] if chosen.test and chosen.test.shape else None)
    train, test = _converted(options, chosen, rows, form)
    files = FoundFiles(len(train) + len(test), kind=form.kind)
    return make_data(train, test, labels=_labels(options, chosen, rows, where), files=files)


def _random_rows(total: int, of_test: int | None) -> Rows:
    """Return the rows of both splits in random order, because arrays are often sorted by class.

    The rows of a test array are counted after those of the training array.

    Args:
        total: The number of rows of the training array.
        of_test: That of the test array; None if there is none.
    """
    order = random_order(total)
    if of_test is None:
        return Rows(order[total // 10 :], order[: total // 10])
    return Rows(order, total + random_order(of_test))


def _converted(
    options: ArrayOptions, chosen: Chosen, rows: Rows, form: Form
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Return both splits, converted now or by an earlier call."""
    where = form.dataset
    with reading(chosen.train.path, where):
        shape = form.shape(chosen.train)
        if chosen.test is not None and form.shape(chosen.test) != shape:
            raise ValueError(f"array {chosen.test}: its samples differ in shape from array {chosen.train}")
    shapes = [(len(split), *shape) for split in rows]
    sizes = [int(np.prod(split, dtype=np.int64)) * np.dtype(form.dtype).itemsize for split in shapes]
    base = data_folder() / "arrays" / _stamp(options, chosen, len(rows.test), where)
    targets = [base.with_suffix(".train"), base.with_suffix(".test")]
    if not all(target.is_file() and target.stat().st_size == size for target, size in zip(targets, sizes, strict=True)):
        _convert(chosen, rows, form, targets)
    train, test = (
        np.memmap(target, form.dtype, "c", shape=split) if split[0] else np.zeros(split, form.dtype)
        for target, split in zip(targets, shapes, strict=True)
    )
    return train, test


def _stamp(options: ArrayOptions, chosen: Chosen, held_out: int, where: str) -> str:
    stamp = hashlib.sha256(os.fsencode(f"{where} {VERSION} {options!r} {held_out}"))
    for array in (chosen.train, chosen.test):
        if array is not None:
            status = array.path.stat()
            stamp.update(os.fsencode(f"{array.path.resolve()}\0{array}\0{status.st_size}\0{status.st_mtime_ns}\0"))
    return stamp.hexdigest()[:24]


def _convert(chosen: Chosen, rows: Rows, form: Form, targets: list[Path]) -> None:
    where, start = form.dataset, 0
    place, in_test = np.empty((2, sum(map(len, rows))), dtype=np.int64)  # of each row in its split
    for number, split in enumerate(rows):
        place[split], in_test[split] = np.arange(len(split)), number
    try:
        remove_partial_files(targets[0].parent)
        with ExitStack() as stack:
            parts = [stack.enter_context(atomic_write(target)) for target in targets]
            files = [stack.enter_context(part.open("wb")) for part in parts]
            for array in filter(None, (chosen.train, chosen.test)):
                for piece in array.pieces(where):
                    with reading(array.path, where):
                        converted = form.convert(piece)
                    for row, sample in enumerate(converted, start):
                        file = files[in_test[row]]
                        file.seek(place[row] * sample.nbytes)
                        file.write(sample.tobytes())
                    start += len(piece)
    except OSError as error:
        raise DataError(f"{where}: cannot write {shown(targets[0])}: {describe_error(error)}") from None


def _labels(options: ArrayOptions, chosen: Chosen, rows: Rows, where: str) -> Labels | None:
    """Return the labels if there is one for every sample; labels that were not asked for may be of another form."""
    stated = bool(options.labels or options.test_labels)
    parts = [chosen.labels, chosen.test_labels if chosen.test else None]
    samples = [chosen.train, chosen.test]
    for labels, of in zip(parts, samples, strict=True):
        if of is not None and (labels is None or not _labels_fit(labels, of)):
            if not stated:
                return None
            raise DataError(f"{where}: labels: expected one whole number or text for each of {of}, not {labels}")
    values = [part.whole(where).reshape(-1) for part in parts if part is not None]
    names, numbers = np.unique(np.concatenate(values), return_inverse=True)
    train, test = (numbers[split].astype(np.int64) for split in rows)
    return Labels(train, test, tuple(shown(str(name)) for name in names))


def _labels_fit(labels: StoredArray, samples: StoredArray) -> bool:
    count = samples.shape[0]
    return labels.dtype.kind in "biuU" and labels.shape in ((count,), (count, 1))
