"""Tables split into parts that fit the page, by the width that they take in print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

from bench.evidence.results import Evidence
from bench.notation import with_exponents
from bench.report.tables.legend import with_arrow
from bench.report.tables.model import Column, Entry, Table
from bench.report.tables.print_widths import BOLD, COLUMN_SEPARATION, text_em
from bench.report.venues import Page

MAX_ROWS = 45  # of a table on one page
LABEL_SHARE = 0.45  # of the width of a page, for the labels of rows together
SEPARATION = 0.25  # em between a number and its interval


def fit(evidence: Evidence, table: Table, page: Page) -> list[Table]:
    """Return a table as parts that are no wider and no higher than a page; each repeats the labels of the rows.

    Columns of one place on the column axes stay together if they fit, then those of one measure.
    """
    widths = {column: _column_width(evidence, table, column, page) for column in table.columns}
    room = page.text - sum(label_widths(table, page)) - COLUMN_SEPARATION * (len(table.row_axes) - 1)
    groups = _split_columns(table.columns, widths, room)
    parts = [_select(table, columns, rows) for rows in _split_rows(table) for columns in groups]
    return [
        replace(part, label=f"{table.label}-{number}" if number > 1 else table.label, part=(number, len(parts)))
        for number, part in enumerate(parts, 1)
    ]


def table_width(evidence: Evidence, table: Table, page: Page) -> float:
    """Return the width of a table in points."""
    columns = [_column_width(evidence, table, column, page) for column in table.columns]
    return sum(label_widths(table, page)) + COLUMN_SEPARATION * (len(table.row_axes) - 1) + sum(columns)


def label_widths(table: Table, page: Page) -> list[float]:
    """Return the widths of the labels of rows in points; the longest are wrapped if they take too much of the page."""
    natural = [
        page.size * max(text_em(text) for text in (axis, *(row.labels[index] for row in table.rows)))
        for index, axis in enumerate(table.row_axes)
    ]
    return limited(natural, LABEL_SHARE * page.text)


def limited(widths: Sequence[float], room: float) -> list[float]:
    """Return widths of which the largest are cut to one length, so that all take no more than ``room``."""
    if sum(widths) <= room:
        return list(widths)
    smallest_first = sorted(widths)
    for index, width in enumerate(smallest_first):
        share = room / (len(widths) - index)
        if width > share:
            return [min(each, share) for each in widths]
        room -= width
    return list(widths)


def separation(entries: Sequence[Entry | None]) -> float:
    """Return the distance in em between numbers and their intervals: bold digits need more room than others."""
    bold = [entry.value for entry in entries if entry and entry.bold]
    return SEPARATION + max(((BOLD - 1) * text_em(value.rpartition(".")[2]) for value in bold), default=0)


def _column_width(evidence: Evidence, table: Table, column: Column, page: Page) -> float:
    """The width of a column in points, with the distance to the column before it."""
    entries = [row.entries[column] for row in table.rows if column in row.entries]
    heading = text_em(column.which or column.measure)
    about = with_arrow(evidence, column.measure) if column.which else ""
    if not column.which:
        return page.size * max([heading, *(text_em(entry.value) for entry in entries)]) + COLUMN_SEPARATION
    numbers = [with_exponents(entry.value).partition("e") for entry in entries]
    whole = max((text_em(number.partition(".")[0]) for number, _, _ in numbers), default=0)
    decimals = max((text_em(number.partition(".")[2]) for number, _, _ in numbers), default=0)
    power = 2.6 if any(exponent for _, _, exponent in numbers) else 0.0
    interval = max((text_em(entry.interval) for entry in entries), default=0)
    content = whole + decimals + 0.3 + power + separation(entries) + interval
    beside = sum(other.measure == column.measure and other.place == column.place for other in table.columns)
    spanning = text_em(about) / beside
    above = text_em(" · ".join(column.place)) / sum(other.place == column.place for other in table.columns)
    return page.size * max(heading, content, spanning, above) + COLUMN_SEPARATION


def _split_columns(columns: Sequence[Column], widths: dict[Column, float], room: float) -> list[list[Column]]:
    parts: list[list[Column]] = []

    def pack(group: Sequence[Column], keys: Sequence[Callable[[Column], Any]]) -> None:
        for _, members in groupby(group, keys[0]):
            together = list(members)
            width = sum(widths[column] for column in together)
            if parts and sum(widths[column] for column in parts[-1]) + width <= room:
                parts[-1] += together
            elif width <= room or len(keys) == 1:
                parts.append(together)
            else:
                pack(together, keys[1:])

    pack(columns, (lambda column: column.place, lambda column: column[:2], lambda column: column))
    return _without_rest(parts, widths, room)


def _without_rest(parts: list[list[Column]], widths: dict[Column, float], room: float) -> list[list[Column]]:
    """Move a last part without measures, such as the failures alone, to the last part that has room for it."""
    *others, rest = parts or [[]]
    if any(column.which for column in rest):
        return parts
    width = sum(widths[column] for column in rest)
    for part in reversed(others):
        if sum(widths[column] for column in part) + width <= room:
            part += rest
            return others
    return parts


def _split_rows(table: Table) -> list[list[int]]:
    """The indices of the rows of each part, as equal in number as possible."""
    count = -(-len(table.rows) // MAX_ROWS)
    ends = [round(len(table.rows) * part / count) for part in range(count + 1)]
    return [list(range(start, end)) for start, end in pairwise(ends)]


def _select(table: Table, columns: list[Column], rows: list[int]) -> Table:
    """The part of a table with these columns and rows; a reference row without entries is left out."""
    selected = [
        replace(row, entries={column: entry for column, entry in row.entries.items() if column in columns})
        for row in (table.rows[index] for index in rows)
    ]
    return replace(table, columns=columns, rows=[row for row in selected if row.kind == "cell" or row.entries])
