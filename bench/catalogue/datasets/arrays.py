"""Arrays of other programs as datasets: images or points in .npz or .npy files."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.datasets.array_files import StoredArray
from bench.catalogue.datasets.array_samples import ArrayOptions, Form, load_arrays, sample_shape
from bench.catalogue.datasets.data import Data
from bench.catalogue.datasets.flips import ImageOptions
from bench.catalogue.datasets.found_files import shown
from bench.catalogue.datasets.pixels import ValueRange, check_range
from bench.errors import DataError

Layout = Literal["NHWC", "NCHW"]


class ImageArrayOptions(ArrayOptions, ImageOptions):
    """Options of arrays of images; those of ``ArrayOptions`` and ``ImageOptions``, and the following.

    ``layout``: "NHWC" or "NCHW"; by default it is recognised by the axis that has 1 or 3 channels.
    ``range``: [lowest, highest], the values of black and white. It is needed for everything but 8 bits.
    """

    layout: Layout | None = None
    range: ValueRange = None


def image_array_shape(options: ImageArrayOptions) -> tuple[int, ...]:
    """Return (channels, height, width), from the header of the file."""
    return sample_shape(options, _images(options))


def point_array_shape(options: ArrayOptions) -> tuple[int, ...]:
    """Return (d,), from the header of the file."""
    return sample_shape(options, POINTS)


def image_arrays(options: ImageArrayOptions) -> Data:
    """Load images as uint8 [n, channels, height, width]. They are converted once into a file of the data folder.

    Raises:
        DataError: The file cannot be read, or an option is missing.
    """
    data = load_arrays(options, _images(options))
    _check_depth(data.train, options)
    return data


def point_arrays(options: ArrayOptions) -> Data:
    """Load points as float32 [n, d]. They are converted once into a file of the data folder.

    Raises:
        DataError: The file cannot be read, or a value is not finite.
    """
    return load_arrays(options, POINTS)


def _images(options: ImageArrayOptions) -> Form:
    def convert(images: NDArray[np.generic]) -> NDArray[np.generic]:
        planes = images[:, None] if images.ndim == 3 else images
        if images.ndim == 4 and _layout(images.shape, options.layout) == "NHWC":
            planes = planes.transpose(0, 3, 1, 2)
        return _to_8_bits(planes, options)

    return Form("image-arrays", "images", lambda array: _image_shape(array, options.layout), convert, np.uint8)


def _check_depth(images: NDArray[np.generic], options: ImageArrayOptions) -> None:
    if options.range is None and images.max() == 1:
        raise DataError(f"image-arrays: {shown(options.path)}: no value above 1 of 255; set range = [0, 1]")


def _image_shape(array: StoredArray, layout: Layout | None) -> tuple[int, ...]:
    if array.dtype.kind not in "biuf":
        raise ValueError(f"array {array}: expected numbers")
    shape = array.shape
    if len(shape) == 2:
        raise ValueError(f"array {array}: expected images; points are dataset 'point-arrays'")
    if len(shape) not in (3, 4) or 0 in shape:
        raise ValueError(f"array {array}: expected images [n, height, width] or [n, height, width, channels]")
    if len(shape) == 3:
        return 1, *shape[1:]
    if _layout(shape, layout) == "NCHW":
        return shape[1:]
    return shape[3], *shape[1:3]


def _layout(shape: tuple[int, ...], given: Layout | None) -> Layout:
    channels = {"NCHW": shape[1], "NHWC": shape[3]}
    fitting = [name for name, count in channels.items() if count in (1, 3)]
    if given is not None and given not in fitting:
        raise ValueError(f"shape {list(shape)}: layout {given} has {channels[given]} channels; expected 1 or 3")
    if given is None and len(fitting) == 2:
        raise ValueError(f'shape {list(shape)}: set layout = "NHWC" or "NCHW"; both are possible')
    if not fitting:
        raise ValueError(f"shape {list(shape)}: no axis has 1 or 3 channels")
    return given or fitting[0]  # type: ignore[return-value]


def _to_8_bits(planes: NDArray[np.generic], options: ImageArrayOptions) -> NDArray[np.generic]:
    if planes.dtype == np.bool_:
        return planes.astype(np.uint8) * 255
    if options.range is None:
        if planes.dtype == np.uint8:
            return planes
        found = f"{planes.dtype} values from {planes.min():.6g} to {planes.max():.6g}"
        raise ValueError(f"{found}: set range = [lowest, highest], the values of black and white")
    low, high = options.range
    check_range(planes, low, high)
    values = planes.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("it has values that are not finite")
    return ((values - low) * (255 / (high - low))).clip(0, 255).round().astype(np.uint8)


def _point_shape(array: StoredArray) -> tuple[int, ...]:
    if array.dtype.kind not in "biuf":
        raise ValueError(f"array {array}: expected numbers")
    if len(array.shape) in (3, 4):
        raise ValueError(f"array {array}: expected points; images are dataset 'image-arrays'")
    if len(array.shape) != 2 or 0 in array.shape:
        raise ValueError(f"array {array}: expected points [n, d]")
    return array.shape[1:]


def _finite_points(points: NDArray[np.generic]) -> NDArray[np.generic]:
    with np.errstate(over="ignore"):
        values = points.astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("it has values that are not finite in float32")
    return values


POINTS = Form("point-arrays", "points", _point_shape, _finite_points, np.float32)
