"""Brings given samples into the form of generated ones: uint8 images [n, channels, size, size], or float32 points."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from bench.catalogue.datasets.pixels import check_range
from bench.catalogue.extractors.sample_kinds import kind_of_samples
from bench.errors import DataError

BYTES = (0.0, 255.0)
NUMBERS = "fiub"  # kinds of numpy's types: floats, integers, bytes and booleans
Shape = tuple[int, ...]


class Prepared(NamedTuple):
    """Samples in the form of generated ones.

    Attributes:
        samples: uint8 images [n, channels, size, size], or float32 points [n, d].
        resized: How images were resized; "" if they were not.
    """

    samples: Tensor
    resized: str


def choose_some(samples: NDArray[Any], count: int | None, name: str) -> NDArray[Any]:
    """Return ``count`` of the samples, always the same random ones, in their order; all of them for None.

    Raises:
        DataError: They are not numbers, or there are fewer, or fewer than two.
    """
    if samples.dtype.kind not in NUMBERS:
        raise DataError(f"{name}: expected numbers, not {samples.dtype}")
    if samples.ndim == 0 or len(samples) < 2:
        raise DataError(f"{name}: at least 2 samples are needed; there {_are(len(samples) if samples.ndim else 1)}")
    if count is None or count == len(samples):
        return samples
    if count > len(samples):
        raise DataError(f"{name}: {count:,} samples are needed; there {_are(len(samples))}")
    return samples[np.sort(np.random.default_rng(0).choice(len(samples), count, replace=False))]


def _are(count: int) -> str:
    return f"is {count}" if count == 1 else f"are {count:,}"


def prepare_images(
    array: NDArray[Any], shape: Shape, value_range: tuple[float, float] | None, resize: bool, name: str
) -> Prepared:
    """Return images as uint8 [n, channels, size, size].

    Args:
        array: Images [n, channels, h, w] or [n, h, w, channels], or grey ones [n, h, w]; uint8, or numbers in a range.
        shape: The shape of one sample of the dataset, (channels, size, size).
        value_range: The values of black and white, for numbers that are not uint8; for example (−1, 1).
        resize: Whether to crop images of another size to centred squares and resize them.
        name: Where the samples are from, for messages.

    Raises:
        DataError: Shape, type or values are not as expected, or the range is missing.
    """
    images = _channels_first(array, shape, name)
    quantised = _as_bytes(images, value_range, name)
    height, width = quantised.shape[2:]
    if (height, width) == tuple(shape[1:]):
        return Prepared(torch.from_numpy(np.array(quantised)), "")
    if not resize:
        raise DataError(
            f"{name}: expected images of {shape[1]}×{shape[2]} pixels, as in the dataset, not {height}×{width}; "
            f"--resize resizes them and says so in the protocol"
        )
    resized = np.stack([_fit(image, shape) for image in quantised])
    return Prepared(torch.from_numpy(resized), f"from {height}×{width}, bicubic")


def prepare_points(array: NDArray[Any], shape: Shape, name: str) -> Prepared:
    """Return points as float32 [n, d], sounds as [n, 1, length], and strings as [n, letters, length].

    A sound can be given without its axis of length 1.

    Raises:
        DataError: Shape, type or values are not as expected.
    """
    points = array[:, None] if shape[0] == 1 and array.ndim == len(shape) else array
    if points.shape[1:] != shape:
        expected = f"{kind_of_samples(shape)} n×{_times(shape)}"
        raise DataError(f"{name}: expected {expected}, as in the dataset, not {_times(array.shape)}")
    _check_numbers(points, name)
    with np.errstate(over="ignore"):  # what is too large for single precision is not finite
        single = np.array(points, dtype=np.float32)
    _check_numbers(single, name)
    return Prepared(torch.from_numpy(single), "")


def _channels_first(array: NDArray[Any], shape: Shape, name: str) -> NDArray[Any]:
    channels = shape[0]
    if array.ndim == 3 and channels == 1:
        return array[:, None]
    if array.ndim == 4 and array.size:
        first, last = array.shape[1] == channels, array.shape[3] == channels
        if first and (not last or array.shape[1:] == shape):
            return array
        if last:
            return array.transpose(0, 3, 1, 2)
    size = f"{shape[1]}×{shape[2]}"
    forms = f"n×{channels}×{size} or n×{size}×{channels}" + (f" or n×{size}" if channels == 1 else "")
    raise DataError(f"{name}: expected images {forms}, as in the dataset, not {_times(array.shape)}")


def _as_bytes(images: NDArray[Any], value_range: tuple[float, float] | None, name: str) -> NDArray[np.uint8]:
    """Return images as bytes: floats in (−1, 1) with the arithmetic of ``bench.compute.evaluation.quantised``."""
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype == np.uint8 and value_range in (None, BYTES):
        if value_range is None and images.max() == 1:
            raise DataError(f"{name}: no value above 1 of 255; give the range of black and white, --range 0 1")
        return images
    _check_numbers(images, name)
    if value_range is None:
        most = float(images.max())
        found = f"values from {float(images.min()):.6g} to {most:.6g}"
        raise DataError(
            f"{name}: {images.dtype} images with {found}: give the range of black and white, "
            f"--range -1 1, --range 0 1 or --range 0 {255 if most <= BYTES[1] else 65535}"
        )
    low, high = value_range
    try:
        check_range(images, low, high)
    except ValueError as error:
        raise DataError(f"{name}: {error}; clip them, or give another --range") from None
    numbers = torch.from_numpy(np.array(images, dtype=np.float32))
    scaled = (numbers - low) * (255 / (high - low))  # (x + 1) · 127.5 for −1 and 1
    return np.asarray(scaled.round().clamp(0, 255).to(torch.uint8).numpy())


def _check_numbers(array: NDArray[Any], name: str) -> None:
    if array.dtype.kind != "f":
        return
    finite = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        raise DataError(
            f"{name}: {int((~finite).sum()):,} of {len(array):,} samples are not finite, first number {first}"
        )


def _fit(image: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """Return an image [channels, h, w] cropped around its centre and resized, as folders of images are."""
    channels_last = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    fitted = ImageOps.fit(Image.fromarray(channels_last), (shape[2], shape[1]), Image.Resampling.BICUBIC)
    pixels = np.asarray(fitted, dtype=np.uint8)
    return pixels[None] if len(image) == 1 else pixels.transpose(2, 0, 1)


def _times(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "one number"
