"""The values that a run has logged so far, one row per step."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Mapping
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from bench.catalogue.metrics.measures import Directions, measure_name
from bench.errors import ResultsError
from bench.records.circumstances import Timing
from bench.records.external.external_run import Row, is_known_column, trace_of, unknown_measure
from bench.records.external.possible_values import DATE, MAX_STEPS, as_integer, why_impossible

CLOCK = "clock"  # the key of a row for the seconds measured here, not given by the caller


class Logbook:
    """Rows in ascending order of steps. Their seconds are those given, else those since the logbook was started."""

    def __init__(self, directions: Directions) -> None:
        """Create an empty logbook; ``directions`` are those of measures that ganbench does not define."""
        self._directions = directions
        self._rows: dict[int, Row] = {}
        self._timed: bool | None = None  # whether the caller gives seconds; None before the first row
        self.restart()

    def restart(self) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the clock was started."""
        return time.monotonic() - self._started

    @property
    def last(self) -> int:
        """The last step; 0 if there is none."""
        return next(reversed(self._rows), 0)

    @property
    def steps(self) -> list[int]:
        """The steps logged, ascending."""
        return list(self._rows)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was logged."""
        return not self._rows

    def row(self, step: int) -> Row:
        """Return a copy of the row of a step.

        Raises:
            ResultsError: The step is not an integer, or it is below the last one.
        """
        number = as_step(step)
        if number < self.last:
            raise ResultsError(f"Recorder: step {number:,} comes after step {self.last:,}; steps must not decrease")
        return dict(self._rows.get(number, {"step": number, CLOCK: self.elapsed}))

    def put(self, row: Row) -> None:
        """Store the row of a step."""
        self._rows[row["step"]] = row

    def add(self, step: int, seconds: float | None, values: Mapping[str, Any]) -> Row:
        """Add values to the row of a step and return the row; after an error, nothing is added.

        Args:
            step: The generator step.
            seconds: Training time so far in seconds, or None to use the clock.
            values: Name → value; None is ignored.

        Raises:
            ResultsError: The step decreases, a value is not a number or not possible, a measure is unknown, or seconds
                are given for some steps only.
        """
        row = self.row(step)
        row |= self._numbers(values, row["step"])
        if seconds is not None:
            row["seconds"] = _seconds(seconds)
        if self._timed not in (None, "seconds" in row):
            raise ResultsError(f"Recorder.log: give seconds at all steps or at none; step {row['step']:,} differs")
        self._timed = "seconds" in row
        self.put(row)
        return row

    def _numbers(self, values: Mapping[str, Any], step: int) -> dict[str, float]:
        """Return the values that are not None, by the names of their measures."""
        numbers: dict[str, float] = {}
        for given, value in values.items():
            name = measure_name(given, self._directions)
            if not is_known_column(name, self._directions):
                remedy = f"higher_is_better={{{name!r}: True}} or {{{name!r}: False}}"
                raise ResultsError(f"Recorder.log: {unknown_measure(name, self._directions, remedy)}")
            if value is None:
                continue
            if name in numbers:
                raise ResultsError(f"Recorder.log: {name} is given twice, once as {given!r}")
            numbers[name] = _number(name, value)
            if reason := why_impossible(name, numbers[name]):
                raise ResultsError(f"Recorder.log: {name} at step {step:,}: {reason}")
        return numbers

    def trace(self) -> pa.Table:
        """Return the trace of the record; a single row without values if nothing was logged."""
        rows = [dict(row) for row in self._rows.values()] or [{"step": 0, CLOCK: 0.0}]
        for row in rows:
            clock = row.pop(CLOCK)
            row["seconds"] = row.get("seconds", math.nan) if self._timed else clock
        return trace_of(rows)

    def timing(self, images_per_step: int | None) -> Timing:
        """Return what is known about the speed; rates need given seconds, because those exclude evaluation."""
        wall_seconds = self.elapsed
        timed = [row for row in self._rows.values() if math.isfinite(row.get("seconds", math.nan))]
        if not timed:
            return Timing(wall_seconds=wall_seconds)
        rates = [
            (late["step"] - early["step"]) / (late["seconds"] - early["seconds"])
            for early, late in pairwise(timed)
            if late["seconds"] > early["seconds"]
        ]
        rate = median(rates[1:] or rates) if rates else None  # the first interval includes the warm-up
        return Timing(
            wall_seconds=wall_seconds,
            steps_per_second=rate,
            images_per_second=None if rate is None or images_per_step is None else rate * images_per_step,
            training_seconds=timed[-1]["seconds"],
        )


def as_step(given: Any) -> int:
    """Return a generator step as an int.

    Raises:
        ResultsError: It is not an integer from 0 to ``MAX_STEPS``.
    """
    try:
        step = operator.index(as_integer(given))
    except (TypeError, ValueError):
        step = -1
    if step < 0 or isinstance(given, bool):
        raise ResultsError(f"Recorder: step: expected an integer ≥ 0, not {given!r}")
    if step > MAX_STEPS:
        raise ResultsError(f"Recorder: a step is above {MAX_STEPS:,}, the most that can be recorded")
    return step


def _seconds(given: Any) -> float:
    seconds = _number("seconds", given)
    if seconds >= DATE and math.isfinite(seconds):
        remedy = "give the seconds of training so far, such as time.time() - start"
        raise ResultsError(f"Recorder.log: seconds: {seconds:.0f} is a date, not a duration; {remedy}")
    if seconds < 0:
        raise ResultsError(f"Recorder.log: seconds: expected a number ≥ 0, not {seconds:g}")
    return seconds


def _number(name: str, given: Any) -> float:
    try:
        if isinstance(given, str | bytes | bool | np.bool_):
            raise TypeError
        return float(given.detach() if hasattr(given, "detach") else given)  # torch warns about tensors with a gradient
    except (TypeError, ValueError, RuntimeError, OverflowError):  # RuntimeError: a tensor with several elements
        kind = f"{given!r}" if isinstance(given, str) else f"a value of type {type(given).__name__}"
        raise ResultsError(f"Recorder.log: {name}: expected a number, not {kind}") from None
