"""Translated points: their sources, and lines from some of them to their known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from bench.records.pairs import Pairs
from bench.report.sample_views import Plane


def draw_pairs(
    canvas: Axes, points: NDArray[Any], pairs: Pairs, plane: Plane, corner: tuple[float, float], side: float
) -> None:
    """Draw sources in a square, and lines from translations to answers; what is outside the window is left out.

    Args:
        canvas: What to draw on.
        points: The translations, [n, d].
        pairs: Their sources and answers.
        plane: The plane of the dataset.
        corner: The lower left corner of the square.
        side: The side of the square.
    """
    count = min(len(points), len(pairs.answers))
    sources, ends, answers = (plane.place(each[:count]) for each in (pairs.sources, points, pairs.answers))
    middle, unit = np.array(corner) + side / 2, side / (2 * plane.reach)
    near = (np.abs(sources) <= plane.reach).all(axis=1)
    x, y = (middle + unit * sources[near]).T
    canvas.scatter(x, y, s=1.2, color="0.6", linewidths=0, zorder=1.5, rasterized=True)
    inside = (np.abs(np.concatenate([ends, answers], axis=1)) <= plane.reach).all(axis=1)
    lines = middle + unit * np.stack([ends, answers], axis=1)[inside]
    canvas.add_collection(LineCollection(list(lines), colors="0.4", linewidths=0.3, zorder=2.5))
