"""Reference rows below the cells of a table: untrained generators, real data, published numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from bench.evidence.results import Evidence, real_data_value
from bench.plan.published import PublishedResult
from bench.report.row_names import PUBLISHED, REAL, UNTRAINED
from bench.report.tables.entries import format_number
from bench.report.tables.model import Column, Entry, Row, RowKind

NAMES: tuple[tuple[RowKind, str], ...] = (("untrained", UNTRAINED), ("real", REAL))


def reference_rows(
    evidence: Evidence, runs: pd.DataFrame, row_axes: Sequence[str], column_axes: Sequence[str], columns: list[Column]
) -> Iterator[Row]:
    """Yield the reference rows of a table: one of each kind, or one per dataset if datasets are rows."""
    groups = list(runs.groupby("dataset", sort=False)) if "dataset" in row_axes else [("", runs)]
    for kind, name in NAMES:
        for dataset, group in groups:
            entries = {
                column: Entry(text)
                for column in columns
                if column.which and (text := _reference_value(evidence, group, column_axes, column, kind))
            }
            if entries:
                yield Row(kind=kind, labels=_labels(row_axes, name, str(dataset)), entries=entries)
    for reference in evidence.references:
        published = {c: entry for c in columns if (entry := _published(evidence, reference, runs, column_axes, c))}
        if published:
            yield Row(kind="published", labels=_published_labels(reference, row_axes, column_axes), entries=published)


def _labels(row_axes: Sequence[str], name: str, dataset: str) -> tuple[str, ...]:
    """The name in the first column, and the dataset in its own column if datasets are rows."""
    labels = [dataset if axis == "dataset" else "" for axis in row_axes]
    return (f"{name}, {labels[0]}" if labels[0] else name, *labels[1:])


def _in_column(runs: pd.DataFrame, column_axes: Sequence[str], column: Column) -> pd.DataFrame:
    for axis, value in zip(column_axes, column.place, strict=True):
        runs = runs[runs[axis].astype(str) == value]
    return runs


def _reference_value(
    evidence: Evidence, runs: pd.DataFrame, column_axes: Sequence[str], column: Column, kind: RowKind
) -> str:
    """The value of untrained generators or of real data; empty if several datasets share the column."""
    in_column = _in_column(runs, column_axes, column)
    if in_column["dataset"].nunique() != 1 or (kind == "untrained" and column.which != "final"):
        return ""
    about = evidence.describe(column.measure)
    value_of = real_data_value if kind == "real" else evidence.untrained
    value = value_of(in_column, column.measure)
    return format_number(value, about.scale, about.spec)


def _published(
    evidence: Evidence, reference: PublishedResult, runs: pd.DataFrame, column_axes: Sequence[str], column: Column
) -> Entry | None:
    if column.measure not in reference.values:
        return None
    kinds = evidence.kinds(column.measure)
    if column.which != (reference.at if reference.at in kinds else "final"):
        return None
    for axis in ("dataset", *column_axes):
        values = set(_in_column(runs, column_axes, column)[axis].astype(str))
        if reference.words(axis) and not values & set(reference.words(axis)):
            return None
    about, spread = evidence.describe(column.measure), reference.plus_minus.get(column.measure)
    interval = "" if spread is None else f"± {format_number(spread, about.scale, about.spec)}"
    return Entry(format_number(reference.values[column.measure], about.scale, about.spec), interval)


def _published_labels(
    reference: PublishedResult, row_axes: Sequence[str], column_axes: Sequence[str]
) -> tuple[str, ...]:
    """The source in the first column, with the values of axes that have no column of their own."""
    values = {axis: " or ".join(reference.words(axis)) for axis in reference.when}
    in_brackets = [
        value
        for axis, value in values.items()
        if axis == row_axes[0] or (axis not in row_axes and axis not in column_axes and axis != "dataset")
    ]
    first = f"{PUBLISHED}{reference.source}" + (f" ({', '.join(in_brackets)})" if in_brackets else "")
    return (first, *(values.get(axis, "") for axis in row_axes[1:]))
