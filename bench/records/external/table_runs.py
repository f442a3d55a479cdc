"""The runs of imported tables: their traces, joined by step, and how they ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import MEASURES, PRIMARY_ORDER, plain_name
from bench.errors import TableError
from bench.records.external.column_roles import SETTINGS
from bench.records.external.evaluations import Column, Evaluations
from bench.records.external.external_run import ended, is_loss_or_probe
from bench.records.external.run_keys import RunKeys, groups_without_common_runs, run_keys
from bench.records.external.spreadsheet import Spreadsheet
from bench.records.external.table_parts import Part
from bench.records.schema import Ending

WALL_CLOCK = 1e8  # seconds: more than three years, so they count from 1970
MILLISECONDS = 1e11


@dataclass(frozen=True, eq=False)
class TableRun:
    """A run of some tables.

    Attributes:
        tables: The tables that the run is read from.
        number: Its number among their runs.
    """

    tables: TableRuns
    number: int

    @property
    def name(self) -> str:
        """The name of the run in messages, after that of the table in which it begins."""
        part, _ = self.tables.keys.first[self.number]
        return f"{part.roles.table.name}: {self.tables.keys.name(self.number)}"

    @cached_property
    def fields(self) -> dict[str, Any]:
        """Axes, seed and settings."""
        part, row = self.tables.keys.first[self.number]
        labels, seed = self.tables.keys.keys[self.number]
        given = {name: int(part.counts[name][row]) for name in SETTINGS if name in part.counts}
        fixed = {name: part.roles.fixed[name] for name in SETTINGS if name in part.roles.fixed}
        return {**fixed, **given, "axes": dict(zip(part.roles.axes, labels, strict=True)), "seed": seed}

    @property
    def sources(self) -> list[Spreadsheet]:
        """The tables in which it has rows."""
        tables = {id(part.roles.table): part.roles.table for part in self.tables.keys.parts[self.number]}
        return list(tables.values())

    @property
    def said(self) -> str | None:
        """What the tables say of its end: "failed", "finished", or None for nothing."""
        failure = self.tables.failures.get(self.number)
        return None if failure is None else "failed" if failure.failed else "finished"

    @cached_property
    def ending(self) -> Ending:
        """How it ended: as the tables say, else judged by its last values.

        Whether it ended too early is judged against the other runs of its cell when records are read.
        """
        first, last = self._bounds
        step = int(self.tables.evaluations.steps[last - 1]) if last > first else self._first_step
        failure = self.tables.failures.get(self.number)
        if failure is not None and failure.failed:
            return ended(max(step, failure.step), failure.reason or "failed")
        values = self._columns
        for name, column in values.items():
            if not math.isfinite(column.values[-1]):
                return _not_finite(name, int(self.tables.evaluations.steps[column.places[-1]]))
        return ended(step) if values else _not_finite(next(iter(self.tables.columns)), step)

    @property
    def trace(self) -> pa.Table:
        """One row per step, in ascending order; NaN for a lost value, null for no value.

        It is made anew at each call, because the traces of all runs together would take much memory.
        """
        first, last = self._bounds
        columns = self._columns
        if not columns:
            unknown = {name: [math.nan] for name in (*self.tables.columns, "seconds")}
            return pa.table({"step": [self._first_step], **unknown})
        seconds = self.tables.seconds.within(first, last)
        values = {name: column.spread(first, last) for name, column in columns.items()}
        values["seconds"] = (
            seconds.spread(first, last) if len(seconds.places) else pa.array(np.full(last - first, math.nan))
        )
        return pa.table({"step": self.tables.evaluations.steps[first:last], **values})

    @property
    def _bounds(self) -> tuple[int, int]:
        return self.tables.evaluations.bounds(self.number)

    @property
    def _columns(self) -> dict[str, Column]:
        """The measures that have a value."""
        columns = {name: column.within(*self._bounds) for name, column in self.tables.columns.items()}
        return {name: column for name, column in columns.items() if len(column.places)}

    @property
    def _first_step(self) -> int:
        part, row = self.tables.keys.first[self.number]
        return int(part.counts["step"][row] if "step" in part.counts else part.roles.fixed["step"])


@dataclass(frozen=True)
class Failure:
    """What the tables say of the end of a run: whether it failed, why, and the last step at which they say so."""

    failed: bool
    reason: str = ""
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class TableRuns:
    """Runs of some tables that have no run in common with others.

    Attributes:
        keys: The runs.
        evaluations: Their evaluations.
        columns: The values of each measure.
        seconds: Training time, or time since 1970.
        failures: What the tables say of the ends of runs.
    """

    keys: RunKeys
    evaluations: Evaluations
    columns: dict[str, Column]
    seconds: Column
    failures: dict[int, Failure]


def runs_of(parts: Sequence[Part], *, repeated_steps: str = "error") -> list[TableRun]:
    """Return the runs of tables, in the order of their first rows.

    Rows of the same run and step are joined, whichever tables they are in. An empty cell holds no value; a row without
    any value of a measure is no evaluation. The text nan is a value, and so is inf.

    Args:
        parts: The columns of the tables. Their values are taken out, to free memory.
        repeated_steps: "last" keeps the last value if a measure has several at a step; otherwise they are an error.

    Raises:
        TableError: A measure has two values at a step of a run, an axis looks like a measure, or times are not valid.
    """
    keys = run_keys(parts)
    names = sorted({name for part in parts for name in part.values}, key=_by_rank)
    failures = _failures(parts, keys)
    tables: dict[int, TableRuns] = {}
    for numbers in groups_without_common_runs(parts, keys):
        group = [parts[number] for number in numbers]
        own_keys = keys._replace(runs=[keys.runs[number] for number in numbers])
        evaluations = Evaluations(group, own_keys)
        columns = {}
        for name in names:
            values = [part.values.pop(name, None) for part in group]
            columns[name] = evaluations.column(name, values, keep_last=repeated_steps == "last")
        times = evaluations.column("seconds", [part.seconds for part in group], keep_last=True)
        seconds = _since_start(times, evaluations, own_keys)
        own = TableRuns(keys=keys, evaluations=evaluations, columns=columns, seconds=seconds, failures=failures)
        tables.update(dict.fromkeys(map(id, group), own))
    return [TableRun(tables[id(members[0])], number) for number, members in enumerate(keys.parts)]


def _by_rank(name: str) -> tuple[bool, int, str]:
    """Return the place of a measure, which does not depend on the order of tables: as for primary ones, then losses."""
    plain = plain_name(name)
    return is_loss_or_probe(name), PRIMARY_ORDER.index(plain) if plain in PRIMARY_ORDER else len(PRIMARY_ORDER), name


def _failures(parts: Iterable[Part], keys: RunKeys) -> dict[int, Failure]:
    failed: dict[int, bool] = {}
    reasons: dict[int, str] = {}
    steps: dict[int, int] = {}
    for part, runs in zip(parts, keys.runs, strict=True):
        if part.flags is not None:
            failed.update(dict.fromkeys(set(np.unique(runs).tolist()) - failed.keys(), False))
            rows = part.flags.rows[part.flags.values]
            failed.update(dict.fromkeys(np.unique(runs[rows]).tolist(), True))
            _note_steps(steps, part, runs, rows)
        if part.reasons is not None:
            codes = part.reasons.codes
            for run, code in zip(runs[codes.rows].tolist(), codes.values.tolist(), strict=True):
                reasons[run] = str(part.reasons.words[code])
            if part.flags is None:
                _note_steps(steps, part, runs, codes.rows)
    for run in reasons:
        failed.setdefault(run, True)
    return {
        run: Failure(has_failed, reasons.get(run, "") if has_failed else "", steps.get(run, 0))
        for run, has_failed in failed.items()
    }


def _note_steps(steps: dict[int, int], part: Part, runs: NDArray[np.int32], rows: NDArray[np.int32]) -> None:
    """Note the last step of each run among some rows."""
    if "step" in part.counts:
        for run, step in zip(runs[rows].tolist(), part.counts["step"][rows].tolist(), strict=True):
            steps[run] = max(step, steps.get(run, 0))


def _since_start(times: Column, evaluations: Evaluations, keys: RunKeys) -> Column:
    """Return times in seconds since the first row of each run, if they are seconds since 1970."""
    finite = times.values[np.isfinite(times.values)]
    if not len(finite) or (finite.max() < WALL_CLOCK and finite.min() >= 0):
        return times
    pieces = [times.within(*evaluations.bounds(run)).values for run in evaluations.runs]
    counted = [
        _counted(seconds, keys.first[run][0].roles.table.name, keys.name(run))
        for run, seconds in zip(evaluations.runs, pieces, strict=True)
    ]
    return Column(times.places, np.concatenate(counted))


def _counted(seconds: NDArray[np.float64], table: str, run: str) -> NDArray[np.float64]:
    """Return the times of one run, counted from its first row if they are seconds since 1970."""
    finite = seconds[np.isfinite(seconds)]
    if not len(finite):
        return seconds
    least, most = finite.min(), finite.max()
    if least < 0:
        raise TableError(f"{table}: seconds of {run} are below 0 ({least:g})")
    if most >= MILLISECONDS:
        raise TableError(f"{table}: {most:,.0f} seconds of {run}: are these milliseconds since 1970?")
    if most >= WALL_CLOCK and least < WALL_CLOCK:
        raise TableError(
            f"{table}: some seconds of {run} are counted from 1970 ({most:.0f}), others are not ({least:g})"
        )
    return seconds - least if most >= WALL_CLOCK else seconds


def _not_finite(name: str, step: int) -> Ending:
    label = MEASURES[name].label if name in MEASURES else name.replace("_", " ")
    return ended(step, f"no finite {label} at step {step:,}", label)
