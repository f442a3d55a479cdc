"""What stands below the cells of a table: untrained generators, real data, published numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from bench.evidence.results import Evidence, real_data_value
from bench.plan.rules import Reference
from bench.report.row_names import PUBLISHED, REAL, UNTRAINED
from bench.report.tables.entries import number
from bench.report.tables.model import Column, Entry, Kind, Line

WORDS: tuple[tuple[Kind, str], ...] = (("untrained", UNTRAINED), ("real", REAL))


def levels(
    evidence: Evidence, here: pd.DataFrame, rows: Sequence[str], column_axes: Sequence[str], columns: list[Column]
) -> Iterator[Line]:
    """Lines of untrained generators, real data and published numbers, of every dataset that rows tell."""
    by_row = list(here.groupby("dataset", sort=False)) if "dataset" in rows else [("", here)]
    for kind, word in WORDS:
        for dataset, runs in by_row:
            entries = {
                column: Entry(text)
                for column in columns
                if column.which and (text := _level(evidence, runs, column_axes, column, kind))
            }
            if entries:
                yield Line(kind=kind, heads=_heads(rows, word, str(dataset)), entries=entries)
    for reference in evidence.references:
        found = {c: entry for c in columns if (entry := _published(evidence, reference, here, column_axes, c))}
        if found:
            yield Line(kind="published", heads=_published_heads(reference, rows, column_axes), entries=found)


def _heads(rows: Sequence[str], word: str, dataset: str) -> tuple[str, ...]:
    """The word in the first column, and the dataset in its own where rows tell it."""
    heads = [dataset if axis == "dataset" else "" for axis in rows]
    return (f"{word}, {heads[0]}" if heads[0] else word, *heads[1:])


def _in_column(runs: pd.DataFrame, column_axes: Sequence[str], column: Column) -> pd.DataFrame:
    for axis, value in zip(column_axes, column.place, strict=True):
        runs = runs[runs[axis].astype(str) == value]
    return runs


def _level(evidence: Evidence, runs: pd.DataFrame, column_axes: Sequence[str], column: Column, kind: Kind) -> str:
    """The value of untrained generators, or of real data; none where several datasets share the column."""
    there = _in_column(runs, column_axes, column)
    if there["dataset"].nunique() != 1 or (kind == "untrained" and column.which != "final"):
        return ""
    about = evidence.describe(column.measure)
    value = real_data_value(there, column.measure) if kind == "real" else evidence.untrained(there, column.measure)
    return number(value, about.scale, about.spec)


def _published(
    evidence: Evidence, reference: Reference, here: pd.DataFrame, column_axes: Sequence[str], column: Column
) -> Entry | None:
    if column.measure not in reference.values:
        return None
    kinds = evidence.kinds(column.measure)
    if column.which != (reference.at if reference.at in kinds else "final"):
        return None
    for axis in ("dataset", *column_axes):
        there = set(_in_column(here, column_axes, column)[axis].astype(str))
        if reference.words(axis) and not there & set(reference.words(axis)):
            return None
    about, spread = evidence.describe(column.measure), reference.plus_minus.get(column.measure)
    interval = "" if spread is None else f"± {number(spread, about.scale, about.spec)}"
    return Entry(number(reference.values[column.measure], about.scale, about.spec), interval)


def _published_heads(reference: Reference, rows: Sequence[str], column_axes: Sequence[str]) -> tuple[str, ...]:
    """In the first column the source and its place there, the others as they are."""
    told = {axis: " or ".join(reference.words(axis)) for axis in reference.when}
    aside = [
        word
        for axis, word in told.items()
        if axis == rows[0] or (axis not in rows and axis not in column_axes and axis != "dataset")
    ]
    first = f"{PUBLISHED}{reference.source}" + (f" ({', '.join(aside)})" if aside else "")
    return (first, *(told.get(axis, "") for axis in rows[1:]))
