"""Pictures of generated samples for those who watch a run: a grid of images, or points over real ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.records.spectrograms import spectrograms

SIDE = 300  # pixels of a picture of points
SMALLEST = 32  # pixels of an image in a grid; smaller ones are enlarged
SHORTEST = 64  # numbers of a sound with a spectrogram; shorter ones are drawn as points
REACH = 1.35  # half the side of a picture of points, in units of the largest coordinate of a real point
MARGIN = 3.0  # where the reach is 0, because all real points are the same
GREY, BLUE = (200, 200, 200), (31, 88, 180)


def picture(samples: NDArray[Any], real: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a picture of samples, uint8 [height, width, 3].

    Images [n, channels, height, width] become a grid; of images without one or three channels, the first is shown.
    Sounds [n, 1, length] become a grid of spectrograms, and strings [n, letters, length] one of their probabilities.
    Other samples are drawn as blue points over grey real ones: two coordinates as they are, more on the plane of the
    first two principal axes of the real samples, and a single one along the horizontal, in the order of the samples.

    Args:
        samples: The samples, [n, *shape].
        real: Real samples, [m, *shape].
    """
    if samples.ndim == 4 and samples.dtype == np.uint8:
        return _grid(samples)
    if samples.ndim == 3 and samples.shape[1] > 1:
        return _grid((255 * (1 - samples.clip(0, 1))).astype(np.uint8)[:, None])
    if samples.ndim == 3 and samples.shape[2] >= SHORTEST:
        return _grid(spectrograms(samples))
    return _scatter(samples.reshape(len(samples), -1), np.asarray(real).reshape(len(real), -1))


def _grid(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if images.shape[1] != 3:
        images = images[:, :1].repeat(3, axis=1)
    scale = -(-SMALLEST // max(images.shape[2:]))
    tiles = images.transpose(0, 2, 3, 1).repeat(scale, axis=1).repeat(scale, axis=2)
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = -(-len(tiles) // columns)
    height, width = tiles.shape[1] + 2, tiles.shape[2] + 2
    grid = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * height + 1, number % columns * width + 1
        grid[top : top + height - 2, left : left + width - 2] = tile
    return grid


def _scatter(samples: NDArray[Any], real: NDArray[Any]) -> NDArray[np.uint8]:
    canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
    centre = real.mean(axis=0) if real.shape[1] > 2 else np.zeros(real.shape[1])
    axes = np.linalg.svd(real - centre, full_matrices=False)[2][:2].T if real.shape[1] > 2 else np.eye(real.shape[1])
    shown = [(real - centre) @ axes, (samples - centre) @ axes]
    reach = REACH * float(np.abs(shown[0]).max()) or MARGIN
    for points, colour in zip(shown, (GREY, BLUE), strict=True):
        if points.shape[1] == 1:
            points = np.column_stack([points, np.linspace(-reach, reach, len(points))])
        inside = points[(np.abs(points) < reach).all(axis=1)]
        columns, rows = ((inside * (1, -1) / reach + 1) / 2 * (SIDE - 2)).astype(int).T
        for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
            canvas[rows + down, columns + right] = colour
    return canvas
