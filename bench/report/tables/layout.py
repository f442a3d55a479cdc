"""From records to tables: which axes are rows, which are columns, and which get a table per value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from bench.catalogue import suggestion
from bench.errors import ResultsError
from bench.evidence.results import Evidence
from bench.evidence.step_times import ran_alone
from bench.report.row_names import FAILED, FAILURES, SPEED
from bench.report.tables.entries import entries_of, is_geometric
from bench.report.tables.model import Column, Entry, Layout, Row, Table
from bench.report.tables.reference_rows import reference_rows


class Group(NamedTuple):
    """The runs of one entry, with its values on the row axes and on the column axes."""

    row: tuple[str, ...]
    place: tuple[str, ...]
    runs: pd.DataFrame


def lay_out(evidence: Evidence, layout: Layout, *, for_paper: bool = False) -> list[Table]:
    """Return the tables of a layout, in the order of the matrix.

    Args:
        evidence: The records.
        layout: What the tables show.
        for_paper: Whether to leave out secondary measures, the outcomes of failed runs and speed.

    Raises:
        ResultsError: The records have no such axis or measure.
    """
    _check(evidence, layout)
    shown = {*(layout.rows or ()), *layout.columns}
    varying = [axis for axis in ("dataset", *evidence.axes) if evidence.runs[axis].nunique(dropna=False) > 1]
    split_by = [axis for axis in varying if axis not in shown] if layout.rows is not None else []
    if layout.rows is None and "dataset" not in layout.columns:
        split_by = ["dataset"]
    elif not split_by and "dataset" not in shown:
        split_by = ["dataset"]  # a single one, named by the title
    groups = evidence.runs.groupby(split_by, sort=False, dropna=False) if split_by else [((), evidence.runs)]
    return [
        _table(evidence, layout, runs, dict(zip(split_by, map(str, values), strict=True)), for_paper)
        for values, runs in groups
    ]


def _check(evidence: Evidence, layout: Layout) -> None:
    axes = ["dataset", *evidence.axes]
    for axis in (*(layout.rows or ()), *layout.columns):
        if axis not in axes:
            raise ResultsError(f"no axis {axis!r} in these records{suggestion(axis, axes)}")
    twice = set(layout.rows or ()) & set(layout.columns)
    if twice:
        raise ResultsError(f"axis {', '.join(sorted(twice))}: choose rows or columns, not both")
    measures = [name for dataset in evidence.datasets() for name in evidence.measures(dataset)]
    for name in layout.measures or ():
        if name not in measures:
            raise ResultsError(f"no measure {name!r} in these records{suggestion(name, measures)}")


def _table(evidence: Evidence, layout: Layout, runs: pd.DataFrame, fixed: dict[str, str], for_paper: bool) -> Table:
    row_axes = layout.rows
    constant: dict[str, str] = {}
    if row_axes is None:
        row_axes = tuple(axis for axis in evidence.varying(runs) if axis not in layout.columns)
        several = tuple(axis for axis in row_axes if runs[axis].nunique(dropna=False) > 1) or row_axes[:1]
        constant = {axis: str(runs[axis].iloc[0]) for axis in row_axes if axis not in several}
        needs_dataset = "dataset" not in (*fixed, *layout.columns) and runs["dataset"].nunique() > 1
        row_axes = ("dataset", *several) if needs_dataset else several
    datasets = list(runs["dataset"].unique())
    measures = _measures(evidence, layout, datasets, for_paper)
    geometric = [name for name in measures if is_geometric(evidence, runs, name)]
    groups = list(_groups(runs, row_axes, layout.columns))
    columns = list(_columns(evidence, layout, groups, measures, for_paper))
    entries: dict[tuple[str, ...], dict[Column, Entry]] = {}
    for column in columns:
        cells = {group.row: group.runs for group in groups if group.place == column.place}
        for row, entry in entries_of(evidence, cells, column, geometric).items():
            entries.setdefault(row, {})[column] = entry
    rows = [Row(kind="cell", labels=labels, entries=of_row) for labels, of_row in entries.items()]
    rows += reference_rows(evidence, runs, row_axes, layout.columns, columns)
    suite = str(evidence.runs["suite"].iloc[0])
    return Table(
        label=evidence.label_prefix + "-".join([suite, *fixed.values()]),
        fixed=fixed,
        row_axes=tuple(row_axes),
        column_axes=layout.columns,
        columns=columns,
        rows=rows,
        datasets=datasets,
        geometric=geometric,
        constant=constant,
    )


def _groups(runs: pd.DataFrame, row_axes: Sequence[str], column_axes: Sequence[str]) -> Iterator[Group]:
    for values, group in runs.groupby([*row_axes, *column_axes], sort=False, dropna=False):
        words = tuple(map(str, values))
        yield Group(words[: len(row_axes)], words[len(row_axes) :], group)


def _measures(evidence: Evidence, layout: Layout, datasets: list[str], for_paper: bool) -> list[str]:
    measures = list(dict.fromkeys(name for dataset in datasets for name in evidence.measures(dataset)))
    if layout.measures is not None:
        return [name for name in layout.measures if name in measures]
    if not for_paper:
        return measures
    main = {evidence.primary(dataset) for dataset in datasets} | {"modes", "recall"}
    return [name for name in measures if name in main]


def _columns(
    evidence: Evidence, layout: Layout, groups: list[Group], measures: list[str], for_paper: bool
) -> Iterator[Column]:
    wanted = ("final", "best") if layout.values == "both" else (layout.values,)
    for place in dict.fromkeys(group.place for group in groups):
        runs = pd.concat([group.runs for group in groups if group.place == place])
        measured = {name for dataset in runs["dataset"].unique() for name in evidence.measures(str(dataset))}
        for name in measures:
            if name in measured:
                kinds = [which for which in wanted if which in evidence.kinds(name)] or ["final"]
                yield from (Column(place, name, which) for which in kinds)
        yield Column(place, FAILED)
        if not for_paper and not layout.columns:
            yield Column(place, FAILURES)
            if ran_alone(runs):
                yield Column(place, SPEED)
