"""The sheet that figures are drawn on: its width, the number of panels in a row, and room for title and legend."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.plan.identity import MAX_TITLE
from bench.report.figures.style import SIZE, SMALL, escape_dollars, text_width, wrap_text

T = TypeVar("T")
MARGIN = 0.35  # inches for the labels of the vertical axis
KEY_WIDTH = 0.36  # inches of a line in a legend, with the space around it


class Drawing(NamedTuple):
    """A figure, the name of its files without suffix, and a description in one sentence."""

    name: str
    description: str
    figure: Figure


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The common width of all figures.

    The height of a figure follows from its content, so text is measured before anything is laid out.

    Attributes:
        width: In inches.
        titles: Whether figures have titles. In a paper their captions say the same.
    """

    width: float
    titles: bool = True

    def figure(self, height: float) -> Figure:
        """Return an empty figure with constrained layout."""
        return Figure(figsize=(self.width, height), layout="constrained")

    def canvas(self, height: float) -> tuple[Figure, Axes]:
        """Return a figure whose coordinates are inches from the lower left corner."""
        figure = Figure(figsize=(self.width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, self.width), ylim=(0, height))
        axes.set_axis_off()
        return figure, axes

    def panels_per_row(self, min_width: float) -> int:
        """Return how many panels of at least this width, in inches, fit side by side."""
        return max(1, math.floor((self.width - MARGIN) / min_width))

    def wrap_title(self, text: str) -> str:
        """Return a title in as many lines as it needs; empty if figures have none."""
        if not self.titles:
            return ""
        text, width = escape_dollars(text, 3 * MAX_TITLE), self.width - 0.2
        lines = wrap_text(text, width, SIZE, 3 * MAX_TITLE)
        for share in (0.9, 0.8, 0.7, 0.6):  # lines of similar length, so that no word stands alone in the last
            narrower = wrap_text(text, share * width, SIZE, 3 * MAX_TITLE)
            if narrower.count("\n") == lines.count("\n"):
                lines = narrower
        return lines

    def title_height(self, text: str) -> float:
        """Return the height of a title in inches."""
        if not self.titles:
            return 0.04
        return 0.145 * (self.wrap_title(text).count("\n") + 1) + 0.06

    def legend(self, figure: Figure, handles: Sequence[Artist]) -> None:
        """Draw a legend below the panels, in as many columns as fit."""
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=self.legend_columns([str(handle.get_label()) for handle in handles]),
            columnspacing=1.0,
            handlelength=2.0,
            handletextpad=0.5,
            borderaxespad=0.2,
        )

    def legend_columns(self, labels: Sequence[str]) -> int:
        """Return how many columns of a legend fit."""
        for columns in range(len(labels), 1, -1):
            parts = split_evenly(labels, math.ceil(len(labels) / columns))
            if sum(max(text_width(label, SMALL) for label in part) + KEY_WIDTH for part in parts) <= self.width - 0.1:
                return len(parts)
        return 1

    def legend_height(self, handles: Sequence[Artist]) -> float:
        """Return the height of a legend in inches."""
        labels = [str(handle.get_label()) for handle in handles]
        return 0.15 * math.ceil(len(labels) / self.legend_columns(labels)) + 0.08


def split_evenly(items: Sequence[T], max_length: int) -> list[list[T]]:
    """Split items into as few parts of at most ``max_length`` as possible, with lengths that differ by at most one."""
    count = math.ceil(len(items) / max_length)
    sizes = [len(items) // count + (part < len(items) % count) for part in range(count)]
    return [list(items[end - size : end]) for size, end in zip(sizes, itertools.accumulate(sizes), strict=True)]


def balanced_columns(count: int, max_columns: int) -> int:
    """Return the number of columns for ``count`` panels that makes the rows as equal in length as possible."""
    return math.ceil(count / math.ceil(count / max_columns))


def page_name(name: str, page: int) -> str:
    """Return the file name of a page, counted from 0; the first page has no number."""
    return f"{name}-{page + 1}" if page else name
