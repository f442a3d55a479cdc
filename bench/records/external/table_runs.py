"""The runs of an imported table: their rows, their traces and how they ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.catalogue.metrics.measures import MEASURES, measure_name, plain_name
from bench.errors import TableError
from bench.plan.identity import MAIN_AXES, Label
from bench.records.external.column_roles import AXIS, SETTINGS, Roles
from bench.records.external.external_run import Row, ended, is_known_column, unknown_measure
from bench.records.external.possible_values import EXACT
from bench.records.external.spreadsheet import Spreadsheet
from bench.records.schema import Ending

Key = tuple[tuple[Label, ...], int]  # the labels on all axes, and the seed


@dataclass(frozen=True, kw_only=True)
class TableRun:
    """A run of a table.

    Attributes:
        name: Its labels and its seed, for messages.
        fields: Axes, seed and settings.
        rows: Numbers of its rows in the table, from 0.
        trace: One row per step, in ascending order, with the values measured; NaN for a lost value.
        ending: How the run ended.
        said: What the table says of its end: "failed", "finished", or None for nothing.
    """

    name: str
    fields: dict[str, Any]
    rows: tuple[int, ...]
    trace: list[Row]
    ending: Ending
    said: str | None


def runs_of(table: Spreadsheet, roles: Roles) -> list[TableRun]:
    """Return the runs of a table, in the order of their first rows.

    An empty cell counts as a lost value (NaN) if another run on the dataset has a value at the same step; otherwise
    nothing was measured.

    Raises:
        TableError: A cell is empty or not valid, a run has a step twice, or settings change within a run.
    """
    rows = _Rows(table, roles)
    for number, axis in enumerate(roles.axes):
        if axis not in MAIN_AXES and not {axis, axis.partition(".")[0]} & {*roles.explicit_axes}:
            _check_not_measure(number, axis, rows)
    groups: dict[Key, list[int]] = {}
    for row, key in enumerate(rows.keys):
        groups.setdefault(key, []).append(row)
    names = {key: " · ".join(map(str, (*key[0], f"seed {key[1]}"))) for key in groups}
    traces = {key: rows.trace(numbers, names[key]) for key, numbers in groups.items()}
    _mark_lost(traces)
    settings = {key: rows.settings(numbers, names[key]) for key, numbers in groups.items()}
    runs = []
    for (labels, seed), numbers in groups.items():
        trace, given = traces[labels, seed], settings[labels, seed]
        axes = dict(zip(roles.axes, labels, strict=True))
        failed, reason = rows.failure(numbers)
        said = None if failed is None else "failed" if failed else "finished"
        ending = _ending(trace, failed, reason)
        fields = {**given, "axes": axes, "seed": seed}
        name = names[labels, seed]
        runs.append(TableRun(name=name, fields=fields, rows=tuple(numbers), trace=trace, ending=ending, said=said))
    return runs


class _Rows:
    """The cells of a table by role, row by row."""

    def __init__(self, table: Spreadsheet, roles: Roles) -> None:
        self.table, self.roles = table, roles
        axes = [self._labels(axis) for axis in roles.axes]
        self.keys: list[Key] = list(zip(zip(*axes, strict=True), self._counts("seed", 0), strict=True))
        self.steps = self._counts("step", 0)
        self._settings = {name: self._counts(name, 1) for name in SETTINGS if self._has(name)}
        self._values = self._long() if roles.is_long else self._wide()
        columns = roles.columns
        self._seconds = table.numbers(columns["seconds"]) if "seconds" in columns else None
        self._flags = table.flags(columns["outcome"]) if "outcome" in columns else None
        self._reasons = table.column(columns["reason"]) if "reason" in columns else None

    def _has(self, role: str) -> bool:
        return role in self.roles.columns or role in self.roles.fixed

    def _labels(self, axis: str) -> list[Label]:
        if axis in self.roles.fixed:
            value = self.roles.fixed[axis]
            return [str(value) if axis in MAIN_AXES else value] * len(self.table)
        column = self.roles.columns[axis]
        return list(self.table.words(column)) if axis in MAIN_AXES else self.table.labels(column)

    def _counts(self, role: str, least: int) -> list[int]:
        if role not in self.roles.fixed:
            return self.table.counts(self.roles.columns[role], least)
        value = self.roles.fixed[role]
        if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise TableError(f"--set {role}={value}: expected an integer ≥ {least}")
        return [value] * len(self.table)

    def _wide(self) -> list[Row]:
        columns = {name: self.table.numbers(self.roles.columns[name]) for name in self.roles.measures}
        return [{name: numbers[row] for name, numbers in columns.items()} for row in range(len(self.table))]

    def _long(self) -> list[Row]:
        given = self.table.words(self.roles.columns["measure"])
        names = [measure_name(name, self.roles.directions) for name in given]
        for row, name in enumerate(names):
            if not is_known_column(name, self.roles.directions):
                remedy = f"--lower {name} or --higher {name}"
                where = f"{self.table.name}: row {row + 1}, column {self.roles.columns['measure']!r}"
                raise TableError(f"{where}: {unknown_measure(name, self.roles.directions, remedy)}")
        for name in self.roles.directions:
            if name not in {plain_name(measure) for measure in names}:
                raise TableError(f"--lower, --higher: {self.table.name} has no measure {name!r}")
        numbers = self.table.numbers(self.roles.columns["value"])
        return [{name: math.nan if n is None else n} for name, n in zip(names, numbers, strict=True)]

    def trace(self, numbers: Iterable[int], name: str) -> list[Row]:
        """Return one row per step; in long form this joins the rows of the table with the same step."""
        trace: dict[int, Row] = {}
        first: dict[tuple[int, str], int] = {}
        for row in numbers:
            step = self.steps[row]
            for measure in self._values[row] if self.roles.is_long else ("",):
                twin = first.setdefault((step, measure), row)
                if twin != row:
                    content = f"{measure} at step {step:,}" if measure else f"step {step:,}"
                    raise TableError(f"{self.table.name}: rows {twin + 1} and {row + 1} both give {content} of {name}")
            values = trace.setdefault(step, {"step": step})
            values.update(self._values[row])
            if self._seconds is not None and self._seconds[row] is not None:
                values["seconds"] = self._seconds[row]
        return [trace[step] for step in sorted(trace)]

    def settings(self, numbers: Iterable[int], name: str) -> dict[str, int]:
        """Return the run's steps, batch size and critic steps, where given."""
        settings = {}
        for setting, column in self._settings.items():
            values = sorted({column[row] for row in numbers})
            if len(values) > 1:
                raise TableError(f"{self.table.name}: {name} has two values of {setting}: {values[0]} and {values[1]}")
            settings[setting] = values[0]
        return settings

    def failure(self, numbers: Iterable[int]) -> tuple[bool | None, str]:
        """Return whether the table says that a run failed (None if it does not say), and the reason."""
        reasons = [
            str(self._reasons[row]).strip() for row in numbers if self._reasons and self._reasons[row] is not None
        ]
        if self._flags is None:
            return True if reasons else None, reasons[-1] if reasons else ""
        failed = any(self._flags[row] for row in numbers)
        return failed, (reasons[-1] if reasons and failed else "")


def _check_not_measure(number: int, axis: str, rows: _Rows) -> None:
    """Check that an axis is not a measure without a direction, which would turn nearly every row into a cell."""
    labels = [place[number] for place, _ in rows.keys]
    if not any(isinstance(label, float) for label in labels):
        return
    others: dict[Any, list[int]] = {}
    for row, (place, seed) in enumerate(rows.keys):
        others.setdefault((place[:number], place[number + 1 :], seed), []).append(row)
    one_run = [len({rows.steps[row] for row in group}) == len(group) for group in others.values()]
    along = all(one_run) and any(len({labels[row] for row in group}) > 1 for group in others.values())
    if along or len(set(labels)) > max(1, len(labels) / 2):
        raise TableError(
            f"{rows.table.name}: column {rows.roles.columns[axis]!r} looks like a measure, not like an axis {axis!r}: "
            f"use --lower {axis} or --higher {axis}, or --map {rows.roles.columns[axis]}={AXIS}{axis}"
        )


def _mark_lost(traces: dict[Key, list[Row]]) -> None:
    """Replace a missing value by NaN if another run on the dataset has a value at the same step."""
    measured = {
        (place[0], row["step"], name)
        for (place, _), trace in traces.items()
        for row in trace
        for name, value in row.items()
        if value is not None and name not in ("step", "seconds")
    }
    for (place, _), trace in traces.items():
        for row in trace:
            row.update({n: math.nan for n, v in row.items() if v is None and (place[0], row["step"], n) in measured})


def _ending(trace: list[Row], failed: bool | None, reason: str) -> Ending:
    """Return how a run ended: as the table says, else judged by its last values.

    Whether it ended too early is judged against the other runs of its cell when records are read.
    """
    step = int(trace[-1]["step"])
    if failed:
        return ended(step, reason or "failed")
    for name, at, value in _last_values(trace):
        if value is None or not math.isfinite(value):
            label = MEASURES[name].label if name in MEASURES else name.replace("_", " ")
            return ended(at, f"no finite {label} at step {at:,}", label)
    return ended(step)


def _last_values(trace: list[Row]) -> Iterator[tuple[str, int, float | None]]:
    """Yield the last step and value of every measure; the value is None if nothing was measured at the last step."""
    names = dict.fromkeys(name for row in trace for name in row if name not in ("step", "seconds"))
    if all(trace[-1].get(name) is None for name in names):
        yield next(iter(names)), trace[-1]["step"], None
    for name in names:
        for row in reversed(trace):
            if row.get(name) is not None:
                yield name, row["step"], row[name]
                break
