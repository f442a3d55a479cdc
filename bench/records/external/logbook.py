"""What is logged of a run as it goes on: a row a step, with what was measured there and no more."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Mapping
from itertools import pairwise
from statistics import median
from typing import Any

from bench.errors import ResultsError
from bench.records.external.external_run import Row, Ways, completed, is_known, unknown
from bench.records.schema import Timing

CLOCK = "clock"


class Logbook:
    """Rows by step, which never goes back; a row has the seconds that are given, else those of a clock."""

    def __init__(self, ways: Ways) -> None:
        """Of measures that ganbench does not have, ``ways`` says whether more is better."""
        self._ways = ways
        self._rows: dict[int, Row] = {}
        self._timed: bool | None = None  # whether seconds are given; None: not said yet
        self.restart()

    def restart(self) -> None:
        """The clock begins."""
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the clock began."""
        return time.monotonic() - self._began

    @property
    def last(self) -> int:
        """The last step; 0 before there is one."""
        return next(reversed(self._rows), 0)

    @property
    def is_empty(self) -> bool:
        """Whether there is no row yet."""
        return not self._rows

    def row(self, step: int) -> Row:
        """A copy of what there is of a step, which must not be before the last.

        Raises:
            ResultsError: it is, or is no whole number.
        """
        number = as_step(step)
        if number < self.last:
            raise ResultsError(f"Recorder: step {number:,} comes after step {self.last:,}; steps never go back")
        return dict(self._rows.get(number, {"step": number, CLOCK: self.elapsed}))

    def put(self, row: Row) -> None:
        """Makes a row that of its step."""
        self._rows[row["step"]] = row

    def add(self, step: int, seconds: float | None, values: Mapping[str, Any]) -> Row:
        """Adds values to those of a step, all of them or, with an error, none; None is no value.

        Raises:
            ResultsError: the step goes back, a value is no number, of a measure it is not known which way is better, or
                seconds are given at some steps only.
        """
        row = self.row(step)
        for name, value in values.items():
            if not is_known(name, self._ways):
                how = f"higher_is_better={{{name!r}: False}} says that less is"
                raise ResultsError(f"Recorder.log: {unknown(name, self._ways, how)}")
            if value is not None:
                row[name] = _number(name, value)
        if seconds is not None:
            row["seconds"] = _number("seconds", seconds)
        if self._timed not in (None, "seconds" in row):
            raise ResultsError(f"Recorder.log: seconds are given at some steps only: see step {row['step']:,}")
        self._timed = "seconds" in row
        self.put(row)
        return row

    def trace(self) -> list[Row]:
        """The rows as a record has them; one of nothing where there is none."""
        rows = [dict(row) for row in self._rows.values()] or [{"step": 0, CLOCK: 0.0}]
        for row in rows:
            clock = row.pop(CLOCK)
            row["seconds"] = row.get("seconds", math.nan) if self._timed else clock
        return completed(rows)

    def timing(self, images_per_step: int | None) -> Timing:
        """What is known of the speed: more where seconds are given, which are those of training alone."""
        wall = self.elapsed
        known = [row for row in self.trace() if math.isfinite(row["seconds"])]
        if not self._timed or not known:
            return Timing(wall_seconds=wall)
        rates = [
            (late["step"] - early["step"]) / (late["seconds"] - early["seconds"])
            for early, late in pairwise(known)
            if late["seconds"] > early["seconds"]
        ]
        rate = median(rates[1:] or rates) if rates else None  # the first steps warm up
        return Timing(
            wall_seconds=wall,
            steps_per_second=rate,
            images_per_second=None if rate is None or images_per_step is None else rate * images_per_step,
            training_seconds=known[-1]["seconds"],
        )


def as_step(given: Any) -> int:
    """A generator step as Python's integer.

    Raises:
        ResultsError: it is none.
    """
    try:
        step = operator.index(given)
    except TypeError:
        step = -1
    if step < 0 or isinstance(given, bool):
        raise ResultsError(f"Recorder: step: expected a whole number from 0 on, not {given!r}")
    return step


def _number(name: str, given: Any) -> float:
    try:
        if isinstance(given, str):
            raise TypeError
        return float(given.detach() if hasattr(given, "detach") else given)  # torch warns of one with a gradient
    except (TypeError, ValueError, RuntimeError):  # the last is torch's, of a tensor with several elements
        kind = f"{given!r}" if isinstance(given, str) else f"a value of type {type(given).__name__}"
        raise ResultsError(f"Recorder.log: {name}: expected a number, not {kind}") from None
