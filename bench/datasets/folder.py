"""A folder of images as one memory-mapped array, decoded once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import DataError
from bench.files import written_whole

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}


def folder_arrays(folder: Path, channels: int, size: int, cache: Path) -> NDArray[np.uint8]:
    """All images below ``folder`` as uint8 [n, channels, size, size], memory-mapped.

    The images are taken in the order of their paths, every tenth moved to the end. The array lies in ``cache`` under
    a name made of the paths, sizes and times of the files, so that a changed folder is decoded again.

    Raises:
        DataError: no such folder, no images in it, or one that cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"image-folder: there is no folder {folder}")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(f"image-folder: {folder} holds no images ({', '.join(sorted(SUFFIXES))})")
    files = [file for i, file in enumerate(files) if i % 10 != 9] + files[9::10]
    stamp = hashlib.sha256(f"{channels} {size}".encode())
    for file in files:
        status = file.stat()
        stamp.update(f"{file.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    target = cache / f"{stamp.hexdigest()[:24]}.npy"
    if not target.is_file():
        _decode(files, channels, size, target)
    images: NDArray[np.uint8] = np.load(target, mmap_mode="c")
    return images


def _decode(files: list[Path], channels: int, size: int, target: Path) -> None:
    try:
        with written_whole(target) as partial:
            shape = (len(files), channels, size, size)
            images = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
            for index, file in enumerate(files):
                images[index] = _square(file, channels, size)
            images.flush()
    except OSError as error:
        raise DataError(f"image-folder: {target} cannot be written: {error.strerror or error}") from None


def _square(file: Path, channels: int, size: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            square = ImageOps.fit(
                image.convert("L" if channels == 1 else "RGB"), (size, size), Image.Resampling.BICUBIC
            )
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"image-folder: {file} cannot be read: {error}") from None
    array = np.asarray(square, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)
