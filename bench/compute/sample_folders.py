"""Reads a folder of generated images, by the rules of datasets: what is an image, and what its pixels are."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.datasets.folder import read_folder
from bench.catalogue.datasets.found_files import FoundFiles, listed, shown
from bench.catalogue.datasets.image_files import find_images
from bench.catalogue.datasets.pixels import Header, PixelOptions, read_header
from bench.errors import DataError

TENSORS = (".pt", ".pth")
LOSSY = {"JPEG", "MPO", "WEBP", "JPEG2000", "AVIF"}  # some of them can be lossless, but seldom are
Shape = tuple[int, ...]


class Stored(NamedTuple):
    """Samples as they are stored.

    Attributes:
        samples: [n, ...].
        resized: How the images of a folder were resized; "" if they were not.
        lossy: How many images of a folder are in a format that changes pixels.
        found: What was found in a folder, if there is more to tell than the number of images.
        of_folder: Whether they are the images of a folder, as 8 bits.
    """

    samples: NDArray[Any]
    resized: str = ""
    lossy: int = 0
    found: str = ""
    of_folder: bool = False


def named(path: Path) -> str:
    """Return what messages call samples."""
    return f"samples {shown(path)}"


def read_headers(folder: Path) -> dict[str, Header]:
    """Return the headers of the images in a folder and its subfolders, by name; without those that cannot be read.

    Raises:
        DataError: There are no images, or they are a training and a test split.
    """
    listing = find_images(folder, "samples")
    if listing.train is not None:
        raise DataError(
            f"{named(folder)}: it has folders of a training and a test split; which of them are the samples? "
            f"Give that folder"
        )
    if not listing.files and not listing.dangling:
        arrays = listing.ignored.keys() & {".npy", ".npz", *TENSORS}
        hint = "; give the file with the samples instead of its folder" if arrays else ""
        what = f" ({FoundFiles(0, listing.ignored)})" if listing.ignored else ""
        raise DataError(f"{named(folder)}: no images{what}{hint}")
    headers = ((file.name, read_header(folder / file.name)) for file in listing.files)
    return {name: header for name, header in headers if header is not None}


def common_size(folder: Path) -> int:
    """Return the size of the images in a folder, in pixels.

    Raises:
        DataError: They have several sizes, or are not square.
    """
    headers = read_headers(folder)
    sizes = {(header.width, header.height): name for name, header in sorted(headers.items(), reverse=True)}
    if len(sizes) == 1 and (side := next(iter(sizes))[0]) == next(iter(sizes))[1]:
        return side
    examples = listed((f"{shown(name)} has {_times(size)}" for size, name in sizes.items()), most=3)
    raise DataError(
        f"{named(folder)}: expected square images of one size, but {examples or 'none can be read'}; "
        f'to resize them, give the size in --against: {{ name = "image-folder", path = ..., size = 64 }}, '
        f"with --resize"
    )


def read_image_folder(folder: Path, shape: Shape, resize: bool, pixels: PixelOptions) -> Stored:
    """Return the images of a folder in the dataset's size.

    They are in the order of the hashes of their paths, so that any part of them is a random part.

    Args:
        folder: The folder.
        shape: The shape of one sample of the dataset.
        resize: Whether images may have another size, or not be square; they are then cropped and resized.
        pixels: How to treat transparent, deep and broken images.

    Raises:
        DataError: There are no images, or they are not as expected; an image is broken, or needs an option.
    """
    if shape[1] != shape[2]:
        raise DataError(
            f"{named(folder)}: images of a folder become squares, but those of the dataset are {shape[1]}×{shape[2]}"
        )
    headers = read_headers(folder)
    sizes = {name: (header.width, header.height) for name, header in sorted(headers.items())}
    wrong = {name: size for name, size in sizes.items() if size != shape[:0:-1]}
    common = set(sizes.values())
    if wrong and not resize:
        examples = listed((f"{shown(name)} has {_times(size)}" for name, size in wrong.items()), most=3)
        given = f"not {_times(next(iter(common)))}" if len(common) == 1 else f"but {examples}"
        raise DataError(
            f"{named(folder)}: expected images of {shape[1]}×{shape[2]} pixels, as in the dataset, {given}; "
            f"--resize resizes them and says so in the protocol"
        )
    resized = f"from {_times(common.pop()) if len(common) == 1 else 'several sizes'}, bicubic" if wrong else ""
    options = pixels.model_copy(update={"channels": shape[0], "size": shape[1]})
    with tempfile.TemporaryDirectory() as cache:
        images = read_folder(folder, options, "samples", Path(cache))
        array = np.array(images.images)
    lossy = sum(header.format in LOSSY for header in headers.values())
    return Stored(
        array, resized, lossy, f"{shown(folder)}: {images.files}" if images.files.tells_more else "", of_folder=True
    )


def _times(size: tuple[int, int]) -> str:
    """Return the height and the width of images."""
    return f"{size[1]}×{size[0]}"
