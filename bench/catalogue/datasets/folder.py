"""A folder of images as one memory-mapped array, decoded once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import DataError
from bench.files import atomic_write, describe_error

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}


def folder_arrays(folder: Path, channels: int, size: int, cache: Path) -> NDArray[np.uint8]:
    """All images below ``folder`` as uint8 [n, channels, size, size], memory-mapped.

    The images are taken in an order that is always the same and has nothing to do with their names, so that any part
    of them is a fair sample. The array lies in ``cache`` under a name made of the folder and of the names, sizes and
    times of its files, so that a changed folder is decoded again.

    Raises:
        DataError: no such folder, no images in it, or one that cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"image-folder: there is no folder {folder}")
    found = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    files = sorted(found, key=lambda path: hashlib.sha256(path.relative_to(folder).as_posix().encode()).digest())
    if not files:
        raise DataError(f"image-folder: {folder} holds no images ({', '.join(sorted(SUFFIXES))})")
    stamp = hashlib.sha256(f"{folder.resolve()} {channels} {size}".encode())
    for file in files:
        status = file.stat()
        stamp.update(f"{file.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    target = cache / f"{stamp.hexdigest()[:24]}.npy"
    try:
        return np.load(target, mmap_mode="c")
    except (OSError, ValueError):  # not there, or damaged
        _decode(files, channels, size, target)
    return np.load(target, mmap_mode="c")


def _decode(files: list[Path], channels: int, size: int, target: Path) -> None:
    try:
        with atomic_write(target) as partial:
            shape = (len(files), channels, size, size)
            images = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
            for index, file in enumerate(files):
                images[index] = _square(file, channels, size)
            images.flush()
    except OSError as error:
        raise DataError(f"image-folder: {target} cannot be written: {describe_error(error)}") from None


def _square(file: Path, channels: int, size: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits a pixel, which a conversion to 8 would clip
                upright = Image.fromarray((np.asarray(upright) / 257).clip(0, 255).round().astype(np.uint8))
            picture = upright.convert("L" if channels == 1 else "RGB")
            square = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise DataError(f"image-folder: {file} cannot be read: {error}") from None
    array = np.asarray(square, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)
