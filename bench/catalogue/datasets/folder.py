"""A folder of images as a dataset, or as samples."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.datasets.data import Data, make_data, make_labels
from bench.catalogue.datasets.decoding import VERSION, Broken, broken_images, decode_once
from bench.catalogue.datasets.found_files import DataPath, FoundFiles, shown
from bench.catalogue.datasets.image_files import SUFFIXES, ImageFiles, find_images
from bench.catalogue.datasets.pixels import PixelOptions
from bench.errors import DataError
from bench.files import data_folder

SAVED = ("dataset_dict.json", "state.json")  # one of them is in every folder of Hugging Face's save_to_disk
LEAST = 20  # images that a tenth is held out of
LEAST_OF_SPLIT = 2  # fewer have no covariance
NEEDED = f"at least {LEAST_OF_SPLIT} of each are needed"


class ImageFolderOptions(PixelOptions):
    """Options of the images in a folder and its subfolders; those of ``PixelOptions`` and the following.

    ``path``: the folder. If it has folders ``train`` and ``test`` (or ``val``), these are the splits; otherwise a tenth
    of the images is the test split.
    ``test``: a folder with the test images, beside ``path``.
    """

    path: DataPath
    test: DataPath = ""


class FolderImages(NamedTuple):
    """The images of a folder.

    Attributes:
        images: uint8 [n, channels, size, size], memory-mapped. They are in the order of the hashes of their paths: it
            is always the same, and any part of the images is a random sample.
        train: Number of training images, which come first, if folders are the splits; else None.
        classes: The class of each image; None if there are no classes.
        files: What was found, and what was left out.
        names: All classes in their order, if the order is not that of the alphabet.
    """

    images: NDArray[np.uint8]
    train: int | None
    classes: list[str] | None
    files: FoundFiles
    names: list[str] | None = None


def image_shape(options: PixelOptions) -> tuple[int, ...]:
    """Return (channels, size, size)."""
    return options.channels, options.size, options.size


def image_folder(options: ImageFolderOptions) -> Data:
    """Load the images of a folder as a dataset.

    Raises:
        DataError: the folder or an image cannot be read, or a tenth would be held out of fewer than 20 images.
    """
    where = f"image-folder: {shown(options.path)}"
    if options.test:
        return _with_test_folder(options, where)
    return as_data(read_folder(options.path, options), where)


def _with_test_folder(options: ImageFolderOptions, where: str) -> Data:
    path, other = (existing_folder(given, "image-folder").resolve() for given in (options.path, options.test))
    if path.is_relative_to(other) or other.is_relative_to(path):
        raise DataError(f"{where}: test = {shown(options.test)!r} must be a folder beside it, not inside or around it")
    train, test = (read_folder(given, options) for given in (options.path, options.test))
    if train.train is not None:
        raise DataError(f"{where} has folders train and test of its own; leave out test = {shown(options.test)!r}")
    if min(len(train.images), len(test.images)) < LEAST_OF_SPLIT:
        raise DataError(f"{where} has {len(train.images)} training and {len(test.images)} test images; {NEEDED}")
    classes = None if train.classes is None or test.classes is None else (train.classes, test.classes)
    labels = None if classes is None else make_labels(*classes)
    return make_data(train.images, test.images, labels=labels, files=train.files.and_also(test.files))


def as_data(found: FolderImages, where: str) -> Data:
    """Return images as a dataset: their own splits, or else the last tenth of them as test split.

    Raises:
        DataError: There are too few images.
    """
    count = len(found.images)
    split = count - count // 10 if found.train is None else found.train
    if found.train is None and count < LEAST:
        raise DataError(f"{where} has {count} images; at least {LEAST} are needed")
    if min(split, count - split) < LEAST_OF_SPLIT:
        raise DataError(f"{where} has {split} training and {count - split} test images; {NEEDED}")
    classes = found.classes
    labels = None if classes is None else make_labels(classes[:split], classes[split:], found.names)
    return make_data(found.images[:split], found.images[split:], labels=labels, files=found.files)


def read_folder(
    path: str | Path, options: PixelOptions, where: str = "image-folder", cache: Path | None = None
) -> FolderImages:
    """Return all images in a folder and its subfolders. They are decoded once into a file of the data folder.

    The name of that file depends on the folder, on the options, and on the names, sizes and times of the images, so a
    changed folder is decoded again.

    Args:
        path: The folder.
        options: Size, channels, and how to treat transparent, deep and broken images.
        where: What asks for the images, for messages.
        cache: Another folder for that file.

    Raises:
        DataError: the folder does not exist or has no images; images cannot be read, or need an option.
    """
    folder = existing_folder(path, where)
    listing = find_images(folder, where)
    if not listing.files:
        raise DataError(f"{where}: no images in {shown(folder)}{_what_else(folder, listing)}")
    names = [file.name for file in listing.files]
    decoded = decode_once(
        ((name, folder / name) for name in names),
        len(names),
        options,
        (cache or data_folder() / "folders") / f"{_stamp(folder, listing, options)}.images",
        f"{where}: {shown(path)}",
    )
    broken = [*decoded.broken, *(Broken(-1, shown(name), "a link that leads nowhere") for name in listing.dangling)]
    check_broken(broken, len(decoded.images), options, f"{where}: {shown(path)}")
    train, classes = without_broken(listing.train, listing.classes, broken, len(names))
    files = FoundFiles(
        samples=len(decoded.images),
        ignored=dict(sorted(listing.ignored.items())),
        broken=len(broken),
        enlarged=decoded.enlarged,
        first_frames=decoded.several_frames,
        outside=listing.outside,
        repeated=listing.repeated,
    )
    return FolderImages(decoded.images, train, classes, files)


def check_broken(broken: list[Broken], intact: int, options: PixelOptions, where: str) -> None:
    """Check that no image is broken, unless these may be skipped and others are left.

    Raises:
        DataError: An image is broken; the message lists all of them.
    """
    if broken and not (options.skip_broken and intact):
        hint = "skip_broken = true in the dataset's options, or --skip-broken, leaves them out" if intact else ""
        raise DataError(f"{where}: {broken_images(broken)}; {hint or 'no image is left'}")


def without_broken(
    train: int | None, classes: list[str] | None, broken: list[Broken], count: int
) -> tuple[int | None, list[str] | None]:
    """Return how many training images are left of ``count`` images, and the classes of all that are left."""
    left_out = {image.position for image in broken}
    if not left_out:
        return train, classes
    kept = [position for position in range(count) if position not in left_out]
    return (
        None if train is None else sum(position < train for position in kept),
        None if classes is None else [classes[position] for position in kept],
    )


def _what_else(folder: Path, listing: ImageFiles) -> str:
    if any((folder / name).is_file() for name in SAVED):
        return "; it was saved by Hugging Face datasets: use dataset 'huggingface'"
    if listing.ignored.keys() & {".npy", ".npz"}:
        return "; for arrays, use dataset 'image-arrays'"
    return f"; {FoundFiles(0, listing.ignored)}" if listing.ignored else f" ({', '.join(sorted(SUFFIXES))})"


def existing_folder(path: str | Path, where: str) -> Path:
    """Return the folder that a path names; ``~`` is the home folder.

    Raises:
        DataError: There is no such folder.
    """
    if not os.fspath(path):
        raise DataError(f"{where}: path is empty; it should name a folder")
    try:
        folder = Path(path).expanduser()
        if folder.is_dir():
            return folder
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        problem += "; for arrays, use dataset 'image-arrays'" if folder.suffix in (".npy", ".npz") else ""
    except (OSError, ValueError, RuntimeError) as error:  # too long, with a null byte, or an unknown home
        problem = f"cannot be read: {error.strerror if isinstance(error, OSError) else error}"
    raise DataError(f"{where}: folder {shown(path)} {problem}")


def _stamp(folder: Path, listing: ImageFiles, options: PixelOptions) -> str:
    decided = (options.channels, options.size, options.background, options.range, VERSION)
    stamp = hashlib.sha256(os.fsencode(f"{folder.resolve()} {decided}"))
    for name, size, time in listing.files:
        stamp.update(os.fsencode(f"{name}\0{size}\0{time}\0"))
    return stamp.hexdigest()[:24]
