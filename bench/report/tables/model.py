"""A table before it is written: its rows and columns, what each entry says, and of which runs it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Values = Literal["final", "best", "both"]
Kind = Literal["cell", "untrained", "real", "published"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a table shows.

    Attributes:
        rows: Axes told by rows; None: all that vary and are not columns. What varies and is neither makes a table each.
        columns: Axes told by columns.
        measures: What is shown; None: all for Markdown and CSV, the primary measure and modes covered for LaTeX.
        values: Values after the last step, the best, or both.
    """

    rows: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    measures: tuple[str, ...] | None = None
    values: Values = "both"


class Column(NamedTuple):
    """Where it stands on the column axes, and what it shows: a measure, final or best; or failures, or speed."""

    place: tuple[str, ...]
    measure: str
    which: str = ""


class Entry(NamedTuple):
    """A number with its interval as text, whether it is as good as the best, and the runs that it is of."""

    value: str
    interval: str = ""
    bold: bool = False
    runs: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Both in one."""
        return f"{self.value} {self.interval}".strip()


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row: a cell, or one of the levels and published numbers that stand below the cells."""

    kind: Kind
    heads: tuple[str, ...]
    entries: Mapping[Column, Entry]


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        label: What it is referred to by, after ``tab:``.
        fixed: Axis → value of what makes it one of several tables.
        axes: The axes that its rows tell.
        column_axes: The axes that its columns tell.
        columns: From left to right.
        lines: From top to bottom.
        datasets: Those that its values are of.
        geometric: Measures of which it has geometric means.
    """

    label: str
    fixed: Mapping[str, str]
    axes: tuple[str, ...]
    column_axes: tuple[str, ...]
    columns: list[Column]
    lines: list[Line]
    datasets: list[str]
    geometric: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What makes it one of several."""
        return " · ".join(self.fixed.values())
