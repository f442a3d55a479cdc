"""The measure that a run is judged by, over its evaluations: how far it came, how far it fell back, what it cost."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import MEASURES, PRIMARY_ORDER, Directions, Measure, describe, plain_name
from bench.plan.rules import Rules
from bench.records.record import Trace
from bench.records.schema import Metadata

Array = NDArray[np.float64]


def trained_steps(trace: Trace) -> NDArray[np.int64]:
    """The generator steps of the evaluations after step 0, [n]."""
    steps = np.asarray(trace["step"], dtype=np.int64)
    return steps[steps > 0]


def trained_values(trace: Trace, name: str) -> Array:
    """A column of a trace after step 0 as floats, [n]; NaN where it is missing."""
    after = np.asarray(trace["step"]) > 0
    return _numbers(trace, name)[after] if name in trace else np.full(int(after.sum()), np.nan)


def finite_values(trace: Trace, name: str) -> Array:
    """The same with NaN wherever it holds no finite number."""
    values = trained_values(trace, name)
    return np.where(np.isfinite(values), values, np.nan)


def _numbers(trace: Trace, name: str) -> Array:
    values = np.asarray(trace[name])
    if values.dtype == object:
        values = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy()
    return values.astype(float)


def recorded_real_value(metadata: Metadata, name: str) -> float:
    """The measure of real data, NaN where the record has none; an average is held against the same."""
    value = metadata.real.get(plain_name(name))
    return float(value) if value is not None and math.isfinite(value) else math.nan


def choose_primary(measured: Collection[str], wanted: str | None, directions: Directions | None = None) -> str | None:
    """The measure that a run is judged by: the one wanted, else the first known one; None where there is none.

    Args:
        measured: Measures of a trace; averages are chosen only where they are wanted.
        wanted: ``Rules.primary``.
        directions: ``higher_is_better`` of the record.
    """
    plain = plain_name(wanted) if wanted else None
    for name in (wanted, plain, *PRIMARY_ORDER):
        if name is not None and name in measured and describe(name, directions).higher_is_better is not None:
            return name
    foreign = [name for name in measured if name not in MEASURES and (directions or {}).get(name) is not None]
    return min(foreign, key=lambda name: ((directions or {}).get(name) is True, name), default=None)


@dataclass(frozen=True, eq=False)
class PrimaryCurve:
    """The primary measure of one run at its evaluations after step 0.

    Attributes:
        name: Of the measure.
        measure: Its description.
        steps: Generator steps, [n].
        seconds: Of training until then, [n].
        values: [n]; NaN where there is no finite one.
        untrained: At step 0.
        real: Of real data; where it is unknown 0 for a measure of which less is better, else NaN.
    """

    name: str
    measure: Measure
    steps: NDArray[np.int64]
    seconds: Array
    values: Array
    untrained: float
    real: float

    @cached_property
    def best(self) -> Array:
        """The best so far, [n]; NaN before the first finite value."""
        better = np.fmax if self.measure.higher_is_better else np.fmin
        return np.asarray(better.accumulate(self.values))

    @property
    def best_at(self) -> int:
        """Index of the best evaluation; there must be a finite one."""
        return int(np.nanargmax(self.values) if self.measure.higher_is_better else np.nanargmin(self.values))

    @property
    def distance(self) -> float:
        """From real data to the untrained generator.

        0 where there is none: one of its ends is unknown, or the untrained generator is no worse than real data.
        """
        way = self.untrained - self.real
        return way if (way < 0 if self.measure.higher_is_better else way > 0) else 0.0

    def remaining(self) -> Array | None:
        """The share of the way that the best so far has left, [n]; None where there is no way."""
        return np.asarray((self.best - self.real) / self.distance) if self.distance else None

    def near_real(self, share: float) -> float:
        """The value from which on a run is as good as real data: all but this share of the way there."""
        return self.real + share * self.distance

    def ratios_to_best(self, share: float) -> Array:
        """How many times worse than the best so far an evaluation is, [n]; NaN where that cannot be said.

        A best that is nearer to real data than ``near(share)`` counts as just there: the noise of two good values is
        no difference. Nor is a value that is no worse than that.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.measure.higher_is_better:
                best = np.fmin(self.best, self.near_real(share))
                ratios = np.where(best > 0, np.where(self.values > 0, best / self.values, np.inf), np.nan)
                return np.where(self.values >= best, np.fmin(ratios, 1), ratios) + 0 * self.values
            best = np.fmax(self.best, self.near_real(share))
            ratios = np.where(best > 0, self.values / best, np.nan)
            return np.where(self.values <= best, np.fmin(ratios, 1), ratios)


def primary_curve(trace: Trace, metadata: Metadata, rules: Rules) -> PrimaryCurve | None:
    """The primary measure of a run, or None where nothing was measured.

    Args:
        trace: Columns by name, as ``read_record`` gives them.
        metadata: Of its record.
        rules: Which measure is wanted.
    """
    directions, name = metadata.higher_is_better, _name(trace, metadata, rules)
    if name is None:
        return None
    measure = describe(name, directions)
    real = recorded_real_value(metadata, name)
    return PrimaryCurve(
        name=name,
        measure=measure,
        steps=trained_steps(trace),
        seconds=finite_values(trace, "seconds"),
        values=finite_values(trace, name),
        untrained=_untrained(trace, name),
        real=0.0 if math.isnan(real) and not measure.higher_is_better else real,
    )


def _name(trace: Trace, metadata: Metadata, rules: Rules) -> str | None:
    directions = metadata.higher_is_better
    return choose_primary([name for name in trace if plain_name(name) in directions], rules.primary, directions)


def evaluations(trace: Trace, metadata: Metadata, rules: Rules) -> Trace:
    """The rows at which the primary measure was taken; all where the record has no gaps, as ganbench's own runs.

    Other code logs losses more often than measures, and measures each at steps of its own. At the rows that are kept,
    another measure has the last value taken until then. The row of the first enormous loss is kept too.
    """
    gaps = metadata.measured
    if not gaps:
        return trace
    columns = {name: np.asarray(trace[name]) for name in trace}
    rows = np.arange(len(columns["step"]))
    if (name := _name(trace, metadata, rules)) in gaps:
        enormous = np.abs(_numbers(trace, "critic_loss")) > rules.exploding_loss if "critic_loss" in trace else ()
        rows = np.union1d(np.array(gaps[name]), np.flatnonzero(enormous)[:1]).astype(int)
    for each in gaps.keys() & columns.keys():
        if plain_name(each) in metadata.higher_is_better:
            columns[each] = _last_taken(_numbers(trace, each), np.array(gaps[each], dtype=int))
    return {name: values[rows] for name, values in columns.items()}


def _last_taken(values: Array, there: NDArray[np.int64]) -> Array:
    last = np.searchsorted(there, np.arange(len(values)), side="right") - 1
    return np.where(last >= 0, values[there[last]], np.nan)


def _untrained(trace: Trace, name: str) -> float:
    at = np.flatnonzero(np.asarray(trace["step"]) == 0)
    value = float(_numbers(trace, name)[at[0]]) if len(at) else math.nan
    return value if math.isfinite(value) else math.nan


def final_over_best(curve: PrimaryCurve) -> float:
    """How many times worse the last value is than the best, 1 where it is the best; NaN where that cannot be said."""
    if not len(curve.values):
        return math.nan
    last, best = curve.values[-1], curve.best[-1]
    over, under = (best, last) if curve.measure.higher_is_better else (last, best)
    return float(over) / float(under) if under > 0 else math.nan


def mean_log10(curve: PrimaryCurve) -> float:
    """The area under the curve of log10 of a positive distance over steps (trapezoids), divided by their span.

    The mean over the training time: a run that is good early has less. NaN for a measure of which more is better.
    """
    known = curve.values > 0
    if curve.measure.higher_is_better or not known.any():
        return math.nan
    steps, logs = curve.steps[known], np.log10(curve.values[known])
    span = steps[-1] - steps[0]
    return float(np.trapezoid(logs, steps) / span) if span > 0 else float(logs[-1])


def first_reached(curve: PrimaryCurve, reach: float | None) -> int | None:
    """Index of the first evaluation that is as good as ``reach``; None where none is, or nothing is to be reached."""
    if reach is None:
        return None
    there = np.flatnonzero(curve.values >= reach if curve.measure.higher_is_better else curve.values <= reach)
    return int(there[0]) if len(there) else None
