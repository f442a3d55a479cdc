"""The primary measure, by which a run is classified: its values over the run, and summaries of them."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import Directions, Measure, describe, plain_name, primary_order
from bench.evidence.statistics.intervals import Array
from bench.plan.rules import Rules
from bench.records.record import Trace
from bench.records.schema import Metadata


def trained_steps(trace: Trace) -> NDArray[np.int64]:
    """Return the generator steps of the evaluations after step 0, [n]."""
    steps = np.asarray(trace["step"], dtype=np.int64)
    return steps[steps > 0]


def trained_values(trace: Trace, name: str) -> Array:
    """Return a column of a trace after step 0 as floats, [n]; NaN if the column or a value is missing."""
    after = np.asarray(trace["step"]) > 0
    return _as_floats(trace, name)[after] if name in trace else np.full(int(after.sum()), np.nan)


def finite_values(trace: Trace, name: str) -> Array:
    """Return ``trained_values`` with NaN for every value that is not finite, [n]."""
    values = trained_values(trace, name)
    return np.where(np.isfinite(values), values, np.nan)


def _as_floats(trace: Trace, name: str) -> Array:
    values = np.asarray(trace[name])
    if values.dtype == object:
        values = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy()
    return values.astype(float)


def fill_forward(values: Array) -> Array:
    """Return values with each NaN replaced by the last number before it, [n]; leading NaNs remain."""
    places = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(places >= 0, values[places], np.nan) if len(values) else values


def recorded_real_value(metadata: Metadata, name: str) -> float:
    """Return the recorded value of a measure on real data, NaN if there is none.

    Measures of the averaged generator share the value of the plain measure.
    """
    value = metadata.real.get(plain_name(name))
    return float(value) if value is not None and math.isfinite(value) else math.nan


def choose_primary(measured: Collection[str], wanted: str | None, directions: Directions | None = None) -> str | None:
    """Return the measure that a run is classified by, or None if there is none.

    This is the wanted measure, or else the first of ``primary_order`` that was measured.

    Args:
        measured: The measures of a trace. Measures of the averaged generator are chosen only if wanted.
        wanted: ``Rules.primary``.
        directions: ``Metadata.directions`` of the record.
    """
    plain = plain_name(wanted) if wanted else None
    for name in (wanted, plain, *primary_order(directions)):
        if name is not None and name in measured and describe(name, directions).higher_is_better is not None:
            return name
    return None


@dataclass(frozen=True, eq=False)
class PrimaryCurve:
    """The primary measure of one run at its evaluations after step 0.

    Attributes:
        name: Name of the measure.
        measure: Its description.
        steps: Generator steps, [n].
        seconds: Training time until each evaluation, [n].
        values: Values, [n]; NaN if missing or not finite.
        untrained: Value at step 0.
        real: Value on real data. If unknown: 0 for a measure where lower is better, otherwise NaN.
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
        """The best value so far, [n]; NaN before the first finite value."""
        better = np.fmax if self.measure.higher_is_better else np.fmin
        return np.asarray(better.accumulate(self.values))

    @property
    def best_index(self) -> int:
        """The index of the best evaluation. There must be a finite value."""
        return int(np.nanargmax(self.values) if self.measure.higher_is_better else np.nanargmin(self.values))

    @property
    def gap(self) -> float:
        """The value at step 0 minus that of real data.

        0 if either is unknown, or if the untrained generator is no worse than real data.
        """
        gap = self.untrained - self.real
        return gap if (gap < 0 if self.measure.higher_is_better else gap > 0) else 0.0

    @property
    def in_logarithms(self) -> bool:
        """Whether the way to real data is measured in logarithms: for positive distances with a known floor."""
        return self.measure.logarithmic and not self.measure.higher_is_better and self.gap > 0 and self.real > 0

    def remaining(self, values: Array) -> Array | None:
        """Return the share of the way from the untrained generator to real data that values leave open, [n].

        None if there is no such way. In logarithms, a value better than that of real data leaves less than 0.
        """
        if not self.gap:
            return None
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            if self.in_logarithms:
                positive = np.where(values > 0, values, np.where(np.isnan(values), np.nan, 0.0))
                return np.asarray(np.log(positive / self.real) / math.log(self.untrained / self.real))
            return np.asarray((values - self.real) / self.gap)

    def near_real(self, share: float) -> float:
        """Return the value that leaves this share of the way open. Better values count as equal to real data."""
        if self.in_logarithms:
            return float(self.real * (self.untrained / self.real) ** share)
        return self.real + share * self.gap

    def ratios_to_best(self, share: float) -> Array:
        """Return how many times worse each value is than the best so far, [n]; NaN if undefined.

        A best value beyond ``near_real(share)`` is replaced by it, because differences between values this good are
        noise. For the same reason a value beyond it has a ratio of at most 1.
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
    """Return the primary measure of a run, or None if there is none.

    Args:
        trace: Columns by name, as ``read_record`` returns them.
        metadata: The metadata of the run's record.
        rules: The rules that name the wanted measure.
    """
    name = _primary_name(trace, metadata, rules)
    if name is None:
        return None
    measure = describe(name, metadata.directions)
    real = recorded_real_value(metadata, name)
    return PrimaryCurve(
        name=name,
        measure=measure,
        steps=trained_steps(trace),
        seconds=finite_values(trace, "seconds"),
        values=finite_values(trace, name),
        untrained=_untrained_value(trace, name),
        real=0.0 if math.isnan(real) and not measure.higher_is_better else real,
    )


def _primary_name(trace: Trace, metadata: Metadata, rules: Rules) -> str | None:
    directions = metadata.directions
    return choose_primary([name for name in trace if plain_name(name) in directions], rules.primary, directions)


def rows_with_primary(trace: Trace, metadata: Metadata, rules: Rules) -> Trace:
    """Return the rows of a trace at which the primary measure was taken.

    Traces of ganbench's own runs have no gaps and are returned whole. Other code logs losses more often than measures,
    and each measure at its own steps: in the returned rows, every other measure has its most recent value. The row of
    the first enormous critic loss is returned too.
    """
    gaps = metadata.measured
    if not gaps:
        return trace
    columns = {name: np.asarray(trace[name]) for name in trace}
    rows = np.arange(len(columns["step"]))
    if (name := _primary_name(trace, metadata, rules)) in gaps:
        enormous = np.abs(_as_floats(trace, "critic_loss")) > rules.exploding_loss if "critic_loss" in trace else ()
        rows = np.union1d(np.array(gaps[name]), np.flatnonzero(enormous)[:1]).astype(int)
    for name in gaps.keys() & columns.keys():
        if plain_name(name) in metadata.higher_is_better:
            columns[name] = _most_recent(_as_floats(trace, name), np.array(gaps[name], dtype=int))
    return {name: values[rows] for name, values in columns.items()}


def _most_recent(values: Array, measured_rows: NDArray[np.int64]) -> Array:
    last = np.searchsorted(measured_rows, np.arange(len(values)), side="right") - 1
    return np.where(last >= 0, values[measured_rows[last]], np.nan)


def _untrained_value(trace: Trace, name: str) -> float:
    rows = np.flatnonzero(np.asarray(trace["step"]) == 0)
    value = float(_as_floats(trace, name)[rows[0]]) if len(rows) else math.nan
    return value if math.isfinite(value) else math.nan


def final_over_best(curve: PrimaryCurve) -> float:
    """Return how many times worse the final value is than the best: 1 if it is the best, NaN if undefined."""
    if not len(curve.values):
        return math.nan
    last, best = curve.values[-1], curve.best[-1]
    larger, smaller = (best, last) if curve.measure.higher_is_better else (last, best)
    return float(larger) / float(smaller) if smaller > 0 else math.nan


def mean_log10(curve: PrimaryCurve) -> float:
    """Return the mean of log10 of a positive distance over steps, by the trapezoidal rule.

    Lower is better; a run that improves early has a lower mean. NaN for measures where higher is better.
    """
    positive = curve.values > 0
    if curve.measure.higher_is_better or not positive.any():
        return math.nan
    steps, logs = curve.steps[positive], np.log10(curve.values[positive])
    span = steps[-1] - steps[0]
    return float(np.trapezoid(logs, steps) / span) if span > 0 else float(logs[-1])


def first_reached(curve: PrimaryCurve, threshold: float | None) -> int | None:
    """Return the index of the first evaluation that reaches a threshold; None if none does or there is no threshold."""
    if threshold is None:
        return None
    values = curve.values
    reached = np.flatnonzero(values >= threshold if curve.measure.higher_is_better else values <= threshold)
    return int(reached[0]) if len(reached) else None
