"""The samples that records keep: a few images as bytes, or some points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.errors import ResultsError

KEPT_IMAGES, KEPT_POINTS = 25, 250  # samples per evaluation that go into the record
KEPT_EVALUATIONS = 4  # whose samples go into the record
KEPT_BITS = 12  # of the significand of a point's coordinates: 0.01% is finer than any figure shows, and compresses well
MAX_CHANNELS = 4  # of an image; more are taken for its height, as in n×H×W×C
POINT_AXES = 2  # of an array of points, [n, d]
RANGES = ((-1, 1), (0, 1))
TOLERANCE = 0.01  # of the range: resizing can push a pixel a little outside it


def kept_samples(given: Any, value_range: tuple[float, float] | None) -> NDArray[Any] | None:
    """The samples that a record keeps: images as uint8 [n, channels, h, w], or points as float32 [n, d].

    Points are rounded to ``KEPT_BITS`` significant bits. None if a sample is not finite.

    Args:
        given: Images [n, channels, h, w] or [n, h, w], uint8 or floats, or points [n, d]; an array, a tensor, or
            nested sequences.
        value_range: The range of float images: (-1, 1) or (0, 1).

    Raises:
        ResultsError: the shape or type is another, the range is missing, or values lie outside it.
    """
    samples = as_array(given)
    if samples.ndim == 3:
        samples = samples[:, None]
    points = samples.ndim == 2
    if (not points and not (samples.ndim == 4 and samples.shape[1] <= MAX_CHANNELS)) or samples.size == 0:
        expected = f"images n×C×H×W with 1 to {MAX_CHANNELS} channels, n×H×W, or points n×d"
        raise ResultsError(f"samples: expected {expected}, not {_times(samples.shape)}")
    if samples.dtype.kind != "f" and not (samples.dtype == np.uint8 and not points):
        raise ResultsError(f"samples: expected uint8 images, or floats, not {samples.dtype}")
    samples = samples[: kept_count(samples.ndim)]
    if not np.isfinite(samples).all():
        return None
    if points:
        return rounded(samples)
    return samples if samples.dtype == np.uint8 else _quantised(samples, value_range)


def rounded(points: NDArray[Any]) -> NDArray[np.float32]:
    """Points as float32, rounded to ``KEPT_BITS`` significant bits."""
    significand, exponent = np.frexp(points)
    return np.ldexp(np.ldexp(significand, KEPT_BITS).round(), exponent - KEPT_BITS).astype(np.float32)


def kept_count(axes: int) -> int:
    """Return how many samples of an evaluation go into the record: few images, sounds or strings, or more points.

    Args:
        axes: Of an array of samples, [n, ...].
    """
    return KEPT_POINTS if axes == POINT_AXES else KEPT_IMAGES


def thinned(samples: pa.ChunkedArray, count: int) -> pa.ChunkedArray:
    """The column of samples with those of ``count`` evenly spaced evaluations, the last among them; null elsewhere."""
    contents = samples.to_pylist()
    present = [index for index, content in enumerate(contents) if content]
    kept = {present[index] for index in (evenly_spaced(len(present), count) if count > 1 else [-1] if present else [])}
    left = [content if index in kept else None for index, content in enumerate(contents)]
    return pa.chunked_array([left], samples.type)


def evenly_spaced(count: int, max_count: int) -> list[int]:
    """At most ``max_count`` of ``count`` indices: the first, the last, and evenly spaced ones between them."""
    return np.unique(np.linspace(0, count - 1, min(count, max_count)).round().astype(int)).tolist()


def _quantised(images: NDArray[Any], value_range: tuple[float, float] | None) -> NDArray[np.uint8]:
    if value_range is None or tuple(value_range) not in RANGES:
        said = "" if value_range is None else f", not {value_range}"
        raise ResultsError(f"samples: float images need value_range=(-1, 1) or (0, 1){said}")
    low, high = value_range
    slack = TOLERANCE * (high - low)
    if images.min() < low - slack or images.max() > high + slack:
        found = f"from {images.min():.3g} to {images.max():.3g}"
        raise ResultsError(f"samples: values {found} are outside the value_range ({low}, {high})")
    return ((images.astype(np.float64) - low) * (255 / (high - low))).round().clip(0, 255).astype(np.uint8)


def as_array(given: Any) -> NDArray[Any]:
    """A numpy array made of an array, nested sequences, or a tensor on any device and of any precision."""
    if hasattr(given, "detach"):  # torch's, without importing it
        given = given.detach().cpu()
        given = (given.float() if given.is_floating_point() else given).numpy()
    return np.asarray(given)


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"
