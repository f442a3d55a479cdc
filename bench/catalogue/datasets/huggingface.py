"""Folders that Hugging Face ``datasets`` has saved with ``save_to_disk``, as datasets of images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.datasets.data import Data, random_order
from bench.catalogue.datasets.decoding import VERSION, decode_once
from bench.catalogue.datasets.folder import (
    LEAST,
    SAVED,
    FolderImages,
    as_data,
    check_broken,
    existing_folder,
    without_broken,
)
from bench.catalogue.datasets.found_files import DataPath, FoundFiles, listed, shown
from bench.catalogue.datasets.pixels import PixelOptions
from bench.errors import DataError
from bench.files import data_folder

WHERE = "huggingface"
ORDER = 1  # raised when rows are taken in another order
TEST_SPLITS = ("test", "validation", "valid", "val")
LABEL_COLUMNS = ("label", "labels", "fine_label", "class")
Splits = dict[str, Any]  # name → datasets.Dataset


class HuggingFaceOptions(PixelOptions):
    """Options of a folder saved by ``save_to_disk``; those of ``PixelOptions`` and the following.

    ``path``: the folder.
    ``image``: the column of images; by default the only one.
    ``labels``: the column of classes; by default the column of type ClassLabel, or the one called "label".
    ``train``: the split to train on, by default "train".
    ``test``: the test split; by default "test", else "validation". Without it, a random tenth is held out.
    """

    path: DataPath
    image: str = ""
    labels: str = ""
    train: str = "train"
    test: str = ""


def saved_dataset(options: HuggingFaceOptions) -> Data:
    """Load the images of a saved dataset. They are decoded once into a file of the data folder.

    Raises:
        DataError: ``datasets`` is not installed, the folder cannot be read, or a column or split is missing.
    """
    folder, where = existing_folder(options.path, WHERE), f"{WHERE}: {shown(options.path)}"
    parts = _parts(_splits(folder, where), options, where)
    column = _image_column(parts[0].rows.features, options, where)
    rows = [len(part.numbers) for part in parts]
    decoded = decode_once(
        _images(parts, column, where),
        sum(rows),
        options,
        data_folder() / "folders" / f"{_stamp(folder, column, options)}.images",
        where,
    )
    check_broken(decoded.broken, len(decoded.images), options, where)
    classes, names = _classes(parts, options, where)
    train, classes = without_broken(rows[0], classes, decoded.broken, sum(rows))
    files = FoundFiles(
        samples=len(decoded.images),
        broken=len(decoded.broken),
        enlarged=decoded.enlarged,
        first_frames=decoded.several_frames,
    )
    return as_data(FolderImages(decoded.images, train, classes, files, names), where)


def _splits(folder: Path, where: str) -> Splits:
    if not any((folder / name).is_file() for name in SAVED):
        raise DataError(f"{where} was not saved by save_to_disk: it has no dataset_dict.json or state.json")
    try:
        import datasets
    except ImportError:
        raise DataError(f"{where}: needs the package datasets; pip install 'ganbench[huggingface]'") from None
    try:
        loaded = datasets.load_from_disk(str(folder))
    except Exception as error:  # of json, pyarrow or datasets itself, on damaged files
        reason = shown(" ".join(str(error).split()))[:200] or type(error).__name__
        raise DataError(f"{where}: cannot read it: {reason}") from None
    return dict(loaded) if isinstance(loaded, datasets.DatasetDict) else {"": loaded}


class Part(NamedTuple):
    """Rows in random order, because they are often sorted by class.

    Attributes:
        rows: The rows.
        numbers: Their numbers in the saved split, [n].
    """

    rows: Any
    numbers: NDArray[np.int64]


def _parts(splits: Splits, options: HuggingFaceOptions, where: str) -> list[Part]:
    """Return the training and the test rows."""
    if "" in splits:
        if options.test:
            raise DataError(f"{where}: test = {options.test!r}: it has no splits")
        return _divided(splits[""], where)
    for key, name in (("train", options.train), ("test", options.test)):
        if name and name not in splits:
            raise DataError(f"{where}: {key} = {name!r}: no such split; available: {listed(map(repr, splits))}")
    test = options.test or next((name for name in TEST_SPLITS if name in splits and name != options.train), "")
    if not test:
        return _divided(splits[options.train], where)
    return [_chosen(splits[name], random_order(len(splits[name]))) for name in (options.train, test)]


def _divided(rows: Any, where: str) -> list[Part]:
    """Hold out a random tenth."""
    total = len(rows)
    if total < LEAST:
        raise DataError(f"{where} has {total} images; at least {LEAST} are needed")
    order = random_order(total)
    return [_chosen(rows, part) for part in (order[total // 10 :], order[: total // 10])]


def _chosen(rows: Any, numbers: NDArray[np.int64]) -> Part:
    return Part(rows.select(numbers), numbers)


def _image_column(features: Any, options: HuggingFaceOptions, where: str) -> str:
    import datasets

    found = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    if options.image in found or (len(found) == 1 and not options.image):
        return options.image or found[0]
    if options.image or found:
        given = f"image = {options.image!r}: no such column of images; " if options.image else "set image to one of: "
        raise DataError(f"{where}: {given}{listed(map(repr, found)) or 'it has none'}")
    columns = listed(f"{shown(name)} ({type(feature).__name__})" for name, feature in features.items())
    raise DataError(f"{where}: no column of type Image; columns: {columns}")


def _images(parts: list[Part], column: str, where: str) -> Iterator[tuple[str, Path | bytes]]:
    """Yield the name and the content of each image, without decoding it."""
    import datasets

    for split, (rows, numbers) in zip(("train", "test"), parts, strict=True):
        try:
            stored = rows.select_columns([column]).cast_column(column, datasets.Image(decode=False)).with_format(None)
            for number, row in zip(numbers, stored, strict=True):
                value = row[column] or {}
                content, path = value.get("bytes"), value.get("path")
                name = f"{split} row {number}"
                yield name, Path(path) if content is None and path else content or b""
        except DataError:
            raise
        except Exception as error:  # of pyarrow or datasets, on damaged files
            reason = shown(" ".join(str(error).split()))[:200] or type(error).__name__
            raise DataError(f"{where}: cannot read the {split} split: {reason}") from None


def _classes(parts: list[Part], options: HuggingFaceOptions, where: str) -> tuple[list[str] | None, list[str] | None]:
    """Return the class of every row, and all classes in their order; None where there are no classes."""
    import datasets

    features = parts[0].rows.features
    if options.labels and options.labels not in features:
        raise DataError(f"{where}: labels = {options.labels!r}: no such column; columns: {listed(map(repr, features))}")
    typed = [name for name, feature in features.items() if isinstance(feature, datasets.ClassLabel)]
    column = options.labels or next(iter([*typed, *(name for name in LABEL_COLUMNS if name in features)]), "")
    if not column or any(column not in part.rows.features for part in parts):
        return None, None
    values = [value for part in parts for value in part.rows.select_columns([column]).with_format(None)[:][column]]
    if column in typed and all(isinstance(value, int) and value >= 0 for value in values):
        names = [shown(name) for name in features[column].names]
        return [names[value] for value in values], names
    if all(type(value) is int for value in values) and column not in typed:
        return list(map(str, values)), [str(value) for value in sorted(set(values))]
    if all(isinstance(value, str) for value in values):
        return list(map(shown, values)), None
    if options.labels:
        raise DataError(f"{where}: labels = {options.labels!r}: expected one whole number or text per row")
    return None, None


def _stamp(folder: Path, column: str, options: HuggingFaceOptions) -> str:
    rows = (column, options.train, options.test, ORDER)
    pixels = (options.channels, options.size, options.background, options.range, VERSION)
    stamp = hashlib.sha256(os.fsencode(f"{folder.resolve()} {rows} {pixels}"))
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            stamp.update(os.fsencode(f"{path.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\0"))
    return stamp.hexdigest()[:24]
