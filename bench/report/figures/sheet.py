"""Sheets of figures: how wide, how high, what fits beside each other, and where title and legend go."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures.style import SIZE, SMALL, fold, plain, text_width

T = TypeVar("T")
HANDLE = 0.36  # inches of the sample of a line in a legend, with what is around it


class Drawing(NamedTuple):
    """A figure, the name of its files without suffix, and what it shows in a sentence."""

    name: str
    shows: str
    figure: Figure


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What every figure is drawn on.

    Attributes:
        width: Inches, of every figure.
        titles: Whether a figure says over itself what it shows; a paper says so in the caption.
    """

    width: float
    titles: bool = True

    def figure(self, height: float) -> Figure:
        """An empty one whose panels make room for their labels."""
        return Figure(figsize=(self.width, height), layout="constrained")

    def canvas(self, height: float) -> tuple[Figure, Axes]:
        """One on which places are inches from the lower left corner."""
        figure = Figure(figsize=(self.width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, self.width), ylim=(0, height))
        axes.set_axis_off()
        return figure, axes

    def beside(self, least: float, margin: float = 0.35) -> int:
        """How many panels of at least so many inches fit beside each other."""
        return max(1, math.floor((self.width - margin) / least))

    def title(self, figure: Figure, text: str) -> None:
        """What the figure shows, over it."""
        if self.titles:
            figure.suptitle(self.folded(text))

    def folded(self, text: str) -> str:
        """A title in as many lines as it needs."""
        return fold(plain(text), self.width - 0.2, SIZE)

    def title_height(self, text: str) -> float:
        """Inches that the title takes."""
        return 0.145 * (self.folded(text).count("\n") + 1) + 0.06 if self.titles else 0.04

    def legend(self, figure: Figure, handles: Sequence[Artist], **options: Any) -> None:
        """Below the panels, in as many columns as fit."""
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=self.legend_columns([str(each.get_label()) for each in handles]),
            columnspacing=1.0,
            handlelength=2.0,
            handletextpad=0.5,
            borderaxespad=0.2,
            **options,
        )

    def legend_columns(self, labels: Sequence[str]) -> int:
        """How many columns of a legend fit."""
        for columns in range(len(labels), 1, -1):
            parts = even(labels, math.ceil(len(labels) / columns))
            if sum(max(text_width(label, SMALL) for label in part) + HANDLE for part in parts) <= self.width - 0.1:
                return len(parts)
        return 1

    def legend_height(self, labels: Sequence[str]) -> float:
        """Inches that the legend takes."""
        return 0.15 * math.ceil(len(labels) / self.legend_columns(labels)) + 0.08


def even(things: Sequence[T], most: int) -> list[list[T]]:
    """In as few parts as can be with no more than ``most`` each, as alike in length as can be."""
    count = math.ceil(len(things) / most)
    sizes = [len(things) // count + (part < len(things) % count) for part in range(count)]
    return [list(things[end - size : end]) for size, end in zip(sizes, itertools.accumulate(sizes), strict=True)]


def balanced(count: int, most: int) -> int:
    """How many stand in a row where no more than ``most`` may, so that the rows are as alike as can be."""
    return math.ceil(count / math.ceil(count / most))


def paged(name: str, number: int) -> str:
    """The name of the files of a page; the first has the plain one."""
    return f"{name}-{number + 1}" if number else name


def slug(text: str) -> str:
    """A name for a file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-")
