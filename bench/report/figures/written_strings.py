"""Strings written below each other in a square of a figure."""

from __future__ import annotations

from matplotlib.axes import Axes

from bench.report.figures.style import SMALL, escape_dollars

LETTER, LINE = 0.602, 1.25  # width of a letter and height of a line, in units of the size of a monospaced font
POINTS = 72  # in an inch


def draw_strings(canvas: Axes, strings: list[str], corner: tuple[float, float], side: float) -> None:
    """Write strings below each other in a square, as many as fit, as large as their length allows.

    Args:
        canvas: Axes in inches.
        strings: The strings.
        corner: The lower left corner of the square.
        side: Its side in inches.
    """
    length = LETTER * max(map(len, strings)) / POINTS  # in inches, at a size of one point
    size = min(SMALL, side / length)
    height = LINE * size / POINTS  # lines are drawn one by one, because those of one text vary in height
    for number, line in enumerate(strings[: max(1, int(side / height))]):
        canvas.text(
            corner[0] + (side - length * size) / 2,
            corner[1] + side - (number + 0.8) * height,
            escape_dollars(line),
            fontsize=size,
            family="monospace",
            va="baseline",
        )
