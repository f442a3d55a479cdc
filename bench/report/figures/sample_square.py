"""The samples of one evaluation in a square: points with the modes that they miss, a grid of images, or strings."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bench.report.figures.style import TINY
from bench.report.figures.written_strings import draw_strings
from bench.report.sample_views import Plane, visible_channels

MISSED = "Circles: true modes that none of the drawn points hits; tables count all samples."
RING = "#D55E00"
SMALLEST = 0.03  # radius of a circle as a share of the window, so that it is visible


def image_grid(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images [n, channels, h, w] in a nearly square grid with one pixel between them: [rows, columns(, 3)]."""
    images = visible_channels(images)
    count, channels, height, width = images.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = int(np.ceil(count / columns))
    grid = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, channels), 255, dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + 1), (index % columns) * (width + 1)
        grid[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return grid[..., 0] if channels == 1 else grid


def draw_samples(
    canvas: Axes, samples: NDArray[Any] | list[str], plane: Plane | None, corner: tuple[float, float], side: float
) -> list[NDArray[Any]]:
    """Draw the samples of one evaluation in a square; of points, draw only circles and return the points, [n, 2].

    Circles are around the true modes that no point hits, or, where modes are unknown, around a few real samples.
    """
    left, bottom = corner
    if isinstance(samples, list):
        draw_strings(canvas, samples, corner, side)
        return []
    if samples.dtype == np.uint8:
        extent = (left, left + side, bottom, bottom + side)
        limits = canvas.get_xlim(), canvas.get_ylim()
        canvas.imshow(
            image_grid(samples), cmap="gray", vmin=0, vmax=255, interpolation="nearest", extent=extent, aspect="auto"
        )
        canvas.set(xlim=limits[0], ylim=limits[1])
        return []
    assert plane is not None  # can_be_shown
    samples, reach = plane.place(samples), plane.reach
    unit = side / (2 * reach)
    middle = np.array(corner) + side / 2
    circled = plane.centres if plane.of_real else missed_modes(samples, plane)
    rings = EllipseCollection(
        2 * _radius(plane) * unit,
        2 * _radius(plane) * unit,
        0,
        units="xy",
        offsets=middle + unit * circled,
        offset_transform=canvas.transData,
        facecolors="none",
        edgecolors=RING,
        linewidths=0.6,
        zorder=3,
    )
    canvas.add_collection(rings)
    canvas.plot(
        [left, left, left + side, left + side, left],
        [bottom, bottom + side, bottom + side, bottom, bottom],
        color="0.8",
        linewidth=0.3,
        zorder=1,
    )
    inside = middle + unit * samples[(np.abs(samples) <= reach).all(axis=1)]
    if not len(inside):
        canvas.text(middle[0], middle[1], "all outside", fontsize=TINY, ha="center", va="center")
    return [inside]


def missed_modes(placed: NDArray[Any], plane: Plane) -> NDArray[np.float64]:
    """Return the true modes, [k, 2], in whose circles there is none of the samples, [n, 2], both in the plane.

    On a line, only the values count: heights are those of a distribution function.
    """
    axes = slice(0, 1 if plane.dimension == 1 else 2)
    apart = np.linalg.norm(plane.centres[:, None, axes] - placed[None, :, axes], axis=2)
    return plane.centres[~(apart <= _radius(plane)).any(axis=1)]


def missed_key() -> Line2D:
    """Return the legend entry of the circles around modes that samples miss."""
    return Line2D(
        [],
        [],
        color=RING,
        marker="o",
        markerfacecolor="none",
        markersize=4,
        linestyle="",
        label="mode without a drawn point",
    )


def _radius(plane: Plane) -> float:
    """Return the radius of circles: 3σ of the modes, unless that is too small to see."""
    return max(3 * plane.sigma, SMALLEST * plane.reach)
