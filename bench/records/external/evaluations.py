"""The evaluations of the runs of imported tables: rows with the same run and step are one evaluation."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.errors import TableError
from bench.records.external.cells import Values
from bench.records.external.run_keys import RunKeys
from bench.records.external.table_parts import Part


class Column(NamedTuple):
    """The values of a measure: indices of evaluations, ascending, [n], and values, [n]."""

    places: NDArray[np.int32]
    values: NDArray[np.float64]

    def within(self, first: int, last: int) -> Column:
        """Return the values of the evaluations from ``first`` to before ``last``."""
        begin, end = np.searchsorted(self.places, (first, last))
        return Column(self.places[begin:end], self.values[begin:end])

    def spread(self, first: int, last: int) -> pa.Array:
        """Return one value for each evaluation from ``first`` to before ``last``; null for those without a value."""
        if len(self.places) == last - first:
            return pa.array(self.values)
        values, is_missing = np.zeros(last - first), np.ones(last - first, dtype=bool)
        places = self.places - first
        values[places], is_missing[places] = self.values, False
        return pa.array(values, mask=is_missing)


class Evaluations:
    """The evaluations of all runs, ordered by run, then by step.

    Attributes:
        steps: Their steps, [evaluations].
    """

    def __init__(self, parts: Sequence[Part], keys: RunKeys) -> None:
        """Find the evaluations: only a row with a value of a measure is one."""
        self._parts, self._keys = parts, keys
        measured = [_rows_with_values(part) for part in parts]
        runs = _joined([_chosen(*each) for each in zip(keys.runs, measured, strict=True)])
        steps = _joined([_chosen(_steps(part), rows) for part, rows in zip(parts, measured, strict=True)])
        self._rows = measured
        self._starts = np.cumsum([0, *map(len, measured)])
        self._place_of_row = np.arange(len(steps), dtype=np.int32)
        if not _ascends(runs, steps):
            order = np.lexsort((steps, runs))
            runs, steps = runs[order], steps[order]
            is_new = np.r_[True, (runs[1:] != runs[:-1]) | (steps[1:] != steps[:-1])]
            self._place_of_row[order] = np.cumsum(is_new) - 1
            runs, steps = runs[is_new], steps[is_new]
        self.steps = steps
        starts = np.flatnonzero(np.diff(runs, prepend=-1))
        bounds = pairwise([*starts.tolist(), len(runs)])
        self._bounds = dict(zip(runs[starts].tolist(), bounds, strict=True))

    @property
    def runs(self) -> list[int]:
        """The numbers of the runs that have evaluations, ascending."""
        return list(self._bounds)

    def bounds(self, run: int) -> tuple[int, int]:
        """Return the index of the first evaluation of a run, and of the first after its last."""
        return self._bounds.get(run, (0, 0))

    def column(self, name: str, values: Sequence[Values | None], *, keep_last: bool) -> Column:
        """Return the values of a measure by evaluation.

        Args:
            name: The measure.
            values: Part by part, its values; None if a part has none.
            keep_last: Whether the last of several values at a step is kept.

        Raises:
            TableError: There are several values at a step of a run.
        """
        places, numbers = [], []
        for number, cells in enumerate(values):
            if cells is not None and len(self._rows[number]):
                known, index = _found(self._rows[number], cells.rows)
                places.append(self._place_of_row[self._starts[number] : self._starts[number + 1]][index])
                numbers.append(cells.values[known])
        if not places:
            return Column(np.empty(0, dtype=np.int32), np.empty(0))
        place, joined = _joined(places), _joined(numbers)
        del places, numbers
        if (place[1:] > place[:-1]).all():
            return Column(place, joined)
        order = np.argsort(place, kind="stable")
        sorted_places = place[order]
        is_repeated = sorted_places[1:] == sorted_places[:-1]
        if not keep_last and is_repeated.any():
            first = int(np.argmax(is_repeated))
            raise self._repeated(name, values, (int(order[first]), int(order[first + 1])))
        is_last = np.r_[~is_repeated, True]
        return Column(sorted_places[is_last], joined[order][is_last])

    def _repeated(self, name: str, values: Sequence[Values | None], twins: tuple[int, int]) -> TableError:
        rows = [(part, row) for part, cells in zip(self._parts, values, strict=True) if cells for row in (cells.rows,)]
        starts = np.cumsum([0, *(len(each) for _, each in rows)])
        found = []
        for twin in twins:
            number = int(np.searchsorted(starts, twin, side="right")) - 1
            part, each = rows[number]
            found.append((part, int(each[twin - starts[number]])))
        (part, row), (other, twin_row) = found
        number = next(number for number, one in enumerate(self._parts) if one is part)
        step, run = _steps(part)[row], self._keys.name(int(self._keys.runs[number][row]))
        what = f"both give {name} at step {step:,} of {run}"
        if part.roles.table is other.roles.table:
            table = part.roles.table
            where = f"{table.name}: {table.place(row)} and {table.place(twin_row)}"
            return TableError(f"{where} {what}; --repeated-steps last keeps the last value")
        column = next(
            (
                f"{each.roles.table.name}:{each.roles.columns[name]}={name}"
                for each in (part, other)
                if name in each.roles.columns
            ),
            "",
        )
        remedy = "if they hold different runs, use a pattern such as 's{seed}.csv'; "
        remedy += f"if they hold different measures, map each (--map {shlex.quote(column)}); " if column else ""
        return TableError(
            f"{part.place(row)} and {other.place(twin_row)} {what}; {remedy}--repeated-steps last keeps the last value"
        )


def _rows_with_values(part: Part) -> NDArray[np.int32]:
    for values in part.values.values():
        if len(part.values) == 1 or len(values.rows) == part.size:
            return values.rows
    has_value = np.zeros(part.size, dtype=bool)
    for values in part.values.values():
        has_value[values.rows] = True
    return np.flatnonzero(has_value).astype(np.int32)


def _chosen(column: NDArray[Any], rows: NDArray[np.int32]) -> NDArray[Any]:
    return column if len(rows) == len(column) else column[rows]


def _joined(pieces: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(pieces) if len(pieces) > 1 else pieces[0]


def _steps(part: Part) -> NDArray[np.int64]:
    if "step" in part.counts:
        return part.counts["step"]
    return np.full(part.size, part.roles.fixed["step"], dtype=np.int64)


def _ascends(runs: NDArray[np.int32], steps: NDArray[np.int64]) -> bool:
    later_run, same_run = runs[1:] > runs[:-1], runs[1:] == runs[:-1]
    return bool((later_run | (same_run & (steps[1:] > steps[:-1]))).all())


def _found(rows: NDArray[np.int32], wanted: NDArray[np.int32]) -> tuple[Any, Any]:
    """Return which of ``wanted`` are among ``rows``, and the index in ``rows`` of those that are."""
    if len(rows) == len(wanted) and np.array_equal(rows, wanted):
        return slice(None), slice(0, len(rows))
    index = np.searchsorted(rows, wanted)
    known = rows[np.minimum(index, len(rows) - 1)] == wanted
    return known, index[known]
