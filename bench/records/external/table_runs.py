"""The runs of a table: which rows are one run, what was measured at each step, and how the run ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.catalogue.metrics.measures import MEASURES, plain_name
from bench.errors import TableError
from bench.records.external.column_roles import AXIS, SETTINGS, Roles
from bench.records.external.external_run import PLACE, Row, ended, is_known, unknown
from bench.records.external.spreadsheet import Table
from bench.records.schema import Ending, Label

Key = tuple[tuple[Label, ...], int]  # the place on all axes, and the seed


@dataclass(frozen=True, kw_only=True)
class TableRun:
    """A run of a table.

    Attributes:
        known: Axes, seed and settings.
        rows: Of the table, from 0.
        trace: A row a step, in their order, with what was measured there; NaN is a value that was lost.
        ending: How it ended.
    """

    known: dict[str, Any]
    rows: tuple[int, ...]
    trace: list[Row]
    ending: Ending


def runs_of(table: Table, roles: Roles) -> list[TableRun]:
    """The runs of a table, in the order of their first rows.

    A cell that is empty where another run of the dataset has a value at the same step was lost; where none has, nothing
    was measured.

    Raises:
        TableError: a cell that is empty or of a wrong kind, a step that a run has twice, settings that change in a run.
    """
    rows = _Rows(table, roles)
    for number, axis in enumerate(roles.axes):
        if axis not in PLACE and axis not in roles.meant and axis.partition(".")[0] not in roles.meant:
            _check_no_measure(number, axis, rows)
    groups: dict[Key, list[int]] = {}
    for row, key in enumerate(rows.keys):
        groups.setdefault(key, []).append(row)
    names = {key: " · ".join(map(str, (*key[0], f"seed {key[1]}"))) for key in groups}
    traces = {key: rows.trace(numbers, names[key]) for key, numbers in groups.items()}
    _mark_lost(traces)
    settings = {key: rows.settings(numbers, names[key]) for key, numbers in groups.items()}
    last: dict[tuple[Label, ...], int] = {}
    for (place, _), trace in traces.items():
        last[place] = max(last.get(place, 0), trace[-1]["step"])
    found = []
    for key, numbers in groups.items():
        planned = settings[key].get("steps", last[key[0]])
        known = {**settings[key], "steps": max(planned, 1), "axes": dict(zip(roles.axes, key[0], strict=True))}
        ending = _ending(traces[key], planned, *rows.told(numbers))
        found.append(TableRun(known={**known, "seed": key[1]}, rows=tuple(numbers), trace=traces[key], ending=ending))
    return found


class _Rows:
    """The cells of a table by their roles, row by row."""

    def __init__(self, table: Table, roles: Roles) -> None:
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
            return [str(value) if axis in PLACE else value] * len(self.table)
        column = self.roles.columns[axis]
        return list(self.table.words(column)) if axis in PLACE else self.table.labels(column)

    def _counts(self, role: str, least: int) -> list[int]:
        if role not in self.roles.fixed:
            return self.table.counts(self.roles.columns[role], least)
        value = self.roles.fixed[role]
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise TableError(f"--set {role}={value}: expected a whole number from {least} on")
        return [value] * len(self.table)

    def _wide(self) -> list[Row]:
        columns = {name: self.table.numbers(self.roles.columns[name]) for name in self.roles.measures}
        return [{name: numbers[row] for name, numbers in columns.items()} for row in range(len(self.table))]

    def _long(self) -> list[Row]:
        names = self.table.words(self.roles.columns["measure"])
        for row, name in enumerate(names):
            if not is_known(name, self.roles.ways):
                how = f"--lower {name} or --higher {name} says it"
                where = f"{self.table.name}: row {row + 1}, column {self.roles.columns['measure']!r}"
                raise TableError(f"{where}: {unknown(name, self.roles.ways, how)}")
        for name in self.roles.ways:
            if name not in {plain_name(each) for each in names}:
                raise TableError(f"--lower, --higher: {self.table.name} has no measure {name!r}")
        numbers = self.table.numbers(self.roles.columns["value"])
        return [{name: math.nan if n is None else n} for name, n in zip(names, numbers, strict=True)]

    def trace(self, numbers: Iterable[int], name: str) -> list[Row]:
        """A row a step; in long form the rows of a table at one step are one."""
        trace: dict[int, Row] = {}
        first: dict[tuple[int, str], int] = {}
        for row in numbers:
            step = self.steps[row]
            for measure in self._values[row] if self.roles.is_long else ("",):
                twin = first.setdefault((step, measure), row)
                if twin != row:
                    what = f"{measure} at step {step:,}" if measure else f"step {step:,}"
                    raise TableError(f"{self.table.name}: rows {twin + 1} and {row + 1} are both {what} of {name}")
            there = trace.setdefault(step, {"step": step})
            there.update(self._values[row])
            if self._seconds is not None and self._seconds[row] is not None:
                there["seconds"] = self._seconds[row]
        return [trace[step] for step in sorted(trace)]

    def settings(self, numbers: Iterable[int], name: str) -> dict[str, int]:
        """Steps, batch size and critic steps of a run, as far as they are given."""
        found = {}
        for setting, column in self._settings.items():
            values = sorted({column[row] for row in numbers})
            if len(values) > 1:
                raise TableError(f"{self.table.name}: {setting} of {name} is {values[0]} and {values[1]}")
            found[setting] = values[0]
        return found

    def told(self, numbers: Iterable[int]) -> tuple[bool | None, str]:
        """Whether the table says that a run failed (None: neither that nor the opposite), and why."""
        reasons = [
            str(self._reasons[row]).strip() for row in numbers if self._reasons and self._reasons[row] is not None
        ]
        if self._flags is None:
            return True if reasons else None, reasons[-1] if reasons else ""
        failed = any(self._flags[row] for row in numbers)
        return failed, (reasons[-1] if reasons and failed else "")


def _check_no_measure(number: int, axis: str, rows: _Rows) -> None:
    """That an axis is no measure whose direction was forgotten: that would make a cell of nearly every row."""
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
            f"say --lower {axis} or --higher {axis}, or --map {rows.roles.columns[axis]}={AXIS}{axis}"
        )


def _mark_lost(traces: dict[Key, list[Row]]) -> None:
    """An empty cell becomes NaN where another run of the dataset has a value."""
    taken = {
        (place[0], row["step"], name)
        for (place, _), trace in traces.items()
        for row in trace
        for name, value in row.items()
        if value is not None and name not in ("step", "seconds")
    }
    for (place, _), trace in traces.items():
        for row in trace:
            row.update({n: math.nan for n, v in row.items() if v is None and (place[0], row["step"], n) in taken})


def _ending(trace: list[Row], planned: int, failed: bool | None, reason: str) -> Ending:
    """How a run ended: as the table says, else by its last values and its last step."""
    step = int(trace[-1]["step"])
    if failed:
        return ended(step, reason or "failed")
    for name, at, value in _last_values(trace):
        if value is None or not math.isfinite(value):
            label = MEASURES[name].label if name in MEASURES else name.replace("_", " ")
            return ended(at, f"no finite {label} at step {at:,}", label)
    if failed is None and step < planned:
        return ended(step, f"ended at step {step:,} of {planned:,}")
    return ended(step)


def _last_values(trace: list[Row]) -> Iterator[tuple[str, int, float | None]]:
    """Of every measure the last step at which it was taken, and its value; None if it never was."""
    names = dict.fromkeys(name for row in trace for name in row if name not in ("step", "seconds"))
    if all(trace[-1].get(name) is None for name in names):
        yield next(iter(names)), trace[-1]["step"], None
    for name in names:
        for row in reversed(trace):
            if row.get(name) is not None:
                yield name, row["step"], row[name]
                break
