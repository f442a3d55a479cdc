"""From records to tables: what are rows, what are columns, what makes a table of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from bench.catalogue import suggestion
from bench.errors import ResultsError
from bench.evidence.results import Evidence
from bench.report.row_names import FAILED, FAILURES, SPEED
from bench.report.tables.entries import entries_of, is_geometric
from bench.report.tables.model import Column, Entry, Layout, Line, Table
from bench.report.tables.reference_rows import levels


def lay_out(evidence: Evidence, layout: Layout, *, for_paper: bool = False) -> list[Table]:
    """The tables of a layout, in the order of the matrix.

    Args:
        evidence: The records.
        layout: What they show.
        for_paper: Leaves out what a paper has no room for: measures beside the main ones, outcomes, speed.

    Raises:
        ResultsError: an axis or a measure that the records have not.
    """
    axes = ["dataset", *evidence.axes]
    for axis in (*(layout.rows or ()), *layout.columns):
        if axis not in axes:
            raise ResultsError(f"no axis {axis!r} in these records{suggestion(axis, axes)}")
    twice = set(layout.rows or ()) & set(layout.columns)
    if twice:
        raise ResultsError(f"axis {', '.join(sorted(twice))}: rows or columns, not both")
    known = [name for dataset in evidence.datasets() for name in evidence.measures(dataset)]
    for name in layout.measures or ():
        if name not in known:
            raise ResultsError(f"no measure {name!r} in these records{suggestion(name, known)}")
    told = {*(layout.rows or ()), *layout.columns}
    varying = [axis for axis in axes if evidence.runs[axis].nunique(dropna=False) > 1]
    apart = [axis for axis in varying if axis not in told] if layout.rows is not None else []
    if layout.rows is None and "dataset" not in layout.columns:
        apart = ["dataset"]
    elif not apart and "dataset" not in told:
        apart = ["dataset"]  # one, which the title names
    return [
        _table(evidence, layout, here, dict(zip(apart, map(str, place), strict=True)), for_paper)
        for place, here in (evidence.runs.groupby(apart, sort=False, dropna=False) if apart else [((), evidence.runs)])
    ]


def _table(evidence: Evidence, layout: Layout, here: pd.DataFrame, fixed: dict[str, str], for_paper: bool) -> Table:
    rows = layout.rows
    if rows is None:
        rows = tuple(axis for axis in evidence.varying(here) if axis not in layout.columns)
        lacking = "dataset" not in (*fixed, *layout.columns) and here["dataset"].nunique() > 1
        rows = ("dataset", *rows) if lacking else rows
    datasets = list(here["dataset"].unique())
    measures = _measures(evidence, layout, datasets, for_paper)
    geometric = [name for name in measures if is_geometric(evidence, here, name)]
    groups = list(_groups(here, rows, layout.columns))
    columns = list(_columns(evidence, layout, groups, measures, for_paper))
    cells: dict[tuple[str, ...], dict[Column, Entry]] = {}
    for column in columns:
        of_column = {row: runs for row, place, runs in groups if place == column.place}
        for row, entry in entries_of(evidence, of_column, column, geometric).items():
            cells.setdefault(row, {})[column] = entry
    lines = [Line(kind="cell", heads=row, entries=entries) for row, entries in cells.items()]
    lines += levels(evidence, here, rows, layout.columns, columns)
    suite = str(evidence.runs["suite"].iloc[0])
    return Table(
        label="-".join([suite, *fixed.values()]),
        fixed=fixed,
        axes=tuple(rows),
        column_axes=layout.columns,
        columns=columns,
        lines=lines,
        datasets=datasets,
        geometric=geometric,
    )


def _groups(
    here: pd.DataFrame, rows: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], pd.DataFrame]]:
    """The runs of every entry, with its row and its place on the column axes."""
    for place, runs in here.groupby([*rows, *columns], sort=False, dropna=False):
        words = tuple(map(str, place))
        yield words[: len(rows)], words[len(rows) :], runs


def _measures(evidence: Evidence, layout: Layout, datasets: list[str], for_paper: bool) -> list[str]:
    there = list(dict.fromkeys(name for each in datasets for name in evidence.measures(each)))
    if layout.measures is not None:
        return [name for name in layout.measures if name in there]
    if not for_paper:
        return there
    main = {evidence.primary(each) for each in datasets} | {"modes", "recall"}
    return [name for name in there if name in main]


def _columns(
    evidence: Evidence, layout: Layout, groups: list[Any], measures: list[str], for_paper: bool
) -> Iterator[Column]:
    wanted = ("final", "best") if layout.values == "both" else (layout.values,)
    for place in dict.fromkeys(place for _, place, _ in groups):
        of_place = pd.concat([runs for _, each, runs in groups if each == place])
        there = {name for each in of_place["dataset"].unique() for name in evidence.measures(str(each))}
        for name in measures:
            if name in there:
                kinds = [which for which in wanted if which in evidence.kinds(name)] or ["final"]
                yield from (Column(place, name, which) for which in kinds)
        yield Column(place, FAILED)
        if not for_paper and not layout.columns:
            yield Column(place, FAILURES)
            yield Column(place, SPEED)
