"""A folder of images, decoded once into a memory-mapped array."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import DataError
from bench.files import atomic_write, describe_error

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"}


def folder_arrays(folder: Path, channels: int, size: int, cache: Path) -> NDArray[np.uint8]:
    """Return all images in ``folder`` and its subfolders as uint8 [n, channels, size, size], memory-mapped.

    They are in the order of the hashes of their paths: it is always the same, and any part of the images is a random
    sample. The array is kept in ``cache``; its file name depends on the folder and on the names, sizes and times of
    its files, so a changed folder is decoded again.

    Raises:
        DataError: the folder does not exist or has no images, or an image cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"image-folder: folder {folder} does not exist")
    paths = [path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    files = sorted(paths, key=lambda path: hashlib.sha256(path.relative_to(folder).as_posix().encode()).digest())
    if not files:
        raise DataError(f"image-folder: no images in {folder} ({', '.join(sorted(SUFFIXES))})")
    stamp = hashlib.sha256(f"{folder.resolve()} {channels} {size}".encode())
    for file in files:
        status = file.stat()
        stamp.update(f"{file.relative_to(folder)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    target = cache / f"{stamp.hexdigest()[:24]}.npy"
    try:
        return np.load(target, mmap_mode="c")
    except (OSError, ValueError):  # missing or damaged
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
        raise DataError(f"image-folder: cannot write {target}: {describe_error(error)}") from None


def _square(file: Path, channels: int, size: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits per pixel, which converting to 8 would clip
                upright = Image.fromarray((np.asarray(upright) / 257).clip(0, 255).round().astype(np.uint8))
            picture = upright.convert("L" if channels == 1 else "RGB")
            square = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise DataError(f"image-folder: cannot read {file}: {error}") from None
    array = np.asarray(square, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)
