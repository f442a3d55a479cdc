"""A table before it is formatted: rows, columns, and for each entry its text and the runs behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Values = Literal["final", "best", "both"]
RowKind = Literal["cell", "untrained", "real", "published"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a table shows.

    Attributes:
        rows: Axes shown as rows; None means all axes with several values that are not columns. Each value of
            an axis that varies and is neither a row nor a column gets a table of its own.
        columns: Axes shown as columns.
        measures: The measures shown; None means all in Markdown and CSV, the primary measure and coverage in LaTeX.
        values: Values after the last step, best values, or both.
    """

    rows: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    measures: tuple[str, ...] | None = None
    values: Values = "both"


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        place: Its values on the column axes.
        measure: A measure, or one of ``FAILED``, ``FAILURES`` and ``SPEED``.
        which: "final" or "best"; empty for a column that is no measure.
    """

    place: tuple[str, ...]
    measure: str
    which: str = ""


class Entry(NamedTuple):
    """A number and its interval as text, whether it is as good as the best, and the runs behind it.

    ``plain`` is the text of an entry in scientific notation as other columns would show it.
    """

    value: str
    interval: str = ""
    bold: bool = False
    runs: tuple[str, ...] = ()
    plain: str = ""

    @property
    def text(self) -> str:
        """The value with its interval."""
        return self.plain or f"{self.value} {self.interval}".strip()


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row: a cell of the matrix, or a reference row below the cells (untrained, real data, published)."""

    kind: RowKind
    labels: tuple[str, ...]
    entries: Mapping[Column, Entry]


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    Attributes:
        label: Its LaTeX label, without ``tab:``.
        fixed: Axis → value, for the axes on which the tables of a layout differ.
        row_axes: The axes shown as rows.
        column_axes: The axes shown as columns.
        columns: From left to right.
        rows: From top to bottom.
        datasets: The datasets of its values.
        geometric: The measures shown as geometric means.
        constant: Axis → label, for the axes that would be rows but have one value.
        part: Which part of a table this is, counted from 1, and the number of parts.
        has_powers: Whether an interval is followed by a power of ten that applies to its value too.
    """

    label: str
    fixed: Mapping[str, str]
    row_axes: tuple[str, ...]
    column_axes: tuple[str, ...]
    columns: list[Column]
    rows: list[Row]
    datasets: list[str]
    geometric: list[str] = field(default_factory=list)
    constant: Mapping[str, str] = field(default_factory=dict)
    part: tuple[int, int] = (1, 1)
    has_powers: bool = False

    @property
    def title(self) -> str:
        """The values that distinguish it from the other tables of the layout."""
        return " · ".join(self.fixed.values())
