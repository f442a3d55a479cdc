"""The measure that a run is judged by, over its evaluations: how far it came, how far it fell back, what it cost."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.catalogue.metrics import MEASURES, Measure
from bench.plan.rules import PRIMARIES, Directions, Rules
from bench.records.record import Metadata, Trace

Array = NDArray[np.float64]


def describe(name: str, ways: Directions | None = None) -> Measure:
    """The description of a measure; an average's says so.

    Args:
        name: Of the measure.
        ways: ``higher_is_better`` of the records, which knows measures of other code too.
    """
    own = name.removesuffix("_ema")
    plain = MEASURES.get(own) or Measure(own.replace("_", " "), (ways or {})[own], ".4g")
    return plain._replace(label=f"{plain.label}, EMA") if name.endswith("_ema") else plain


def told(about: Measure, value: float) -> str:
    """A value as a sentence has it: without the zeros that a column of a table has."""
    text = format(value * about.scale, about.spec)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def trained_steps(trace: Trace) -> NDArray[np.int64]:
    """The generator steps of the evaluations after step 0, [n]."""
    steps = np.asarray(trace["step"], dtype=np.int64)
    return steps[steps > 0]


def trained(trace: Trace, name: str) -> Array:
    """A column of a trace after step 0 as floats, [n]; NaN where it is missing."""
    after = np.asarray(trace["step"]) > 0
    return _numbers(trace, name)[after] if name in trace else np.full(int(after.sum()), np.nan)


def finite(trace: Trace, name: str) -> Array:
    """The same with NaN wherever it holds no finite number."""
    values = trained(trace, name)
    return np.where(np.isfinite(values), values, np.nan)


def _numbers(trace: Trace, name: str) -> Array:
    values = np.asarray(trace[name])
    if values.dtype == object:
        values = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy()
    return values.astype(float)


def real_value(metadata: Metadata, name: str) -> float:
    """The measure of real data, NaN where the record has none; an average is held against the same."""
    value = (metadata.get("real") or {}).get(name.removesuffix("_ema"))
    return float(value) if value is not None and math.isfinite(value) else math.nan


def choose_primary(measured: Collection[str], wanted: str | None, ways: Directions | None = None) -> str | None:
    """The measure that a run is judged by: the one wanted, else the first known one; None where there is none.

    Args:
        measured: Measures of a trace; averages are chosen only where they are wanted.
        wanted: ``Rules.primary``.
        ways: ``higher_is_better`` of the record.
    """
    plain = wanted.removesuffix("_ema") if wanted else None
    for name in (wanted, plain, *PRIMARIES, *_LOWER_FIRST):
        if name is not None and name in measured and describe(name, ways).higher_is_better is not None:
            return name
    foreign = [name for name in measured if name not in MEASURES and (ways or {}).get(name) is not None]
    return min(foreign, key=lambda name: ((ways or {}).get(name) is True, name), default=None)


_LOWER_FIRST = sorted(MEASURES, key=lambda name: MEASURES[name].higher_is_better is True)


@dataclass(frozen=True, eq=False)
class Primary:
    """The primary measure of one run at its evaluations after step 0.

    Attributes:
        name: Of the measure.
        about: Its description.
        steps: Generator steps, [n].
        seconds: Of training until then, [n].
        values: [n]; NaN where there is no finite one.
        untrained: At step 0.
        real: Of real data; where it is unknown 0 for a measure of which less is better, else NaN.
    """

    name: str
    about: Measure
    steps: NDArray[np.int64]
    seconds: Array
    values: Array
    untrained: float
    real: float

    @cached_property
    def best(self) -> Array:
        """The best so far, [n]; NaN before the first finite value."""
        better = np.fmax if self.about.higher_is_better else np.fmin
        return np.asarray(better.accumulate(self.values))

    @property
    def best_at(self) -> int:
        """Index of the best evaluation; there must be a finite one."""
        return int(np.nanargmax(self.values) if self.about.higher_is_better else np.nanargmin(self.values))

    @property
    def way(self) -> float:
        """From real data to the untrained generator.

        0 where there is none: one of its ends is unknown, or the untrained generator is no worse than real data.
        """
        way = self.untrained - self.real
        return way if (way < 0 if self.about.higher_is_better else way > 0) else 0.0

    def left(self) -> Array | None:
        """The share of the way that the best so far has left, [n]; None where there is no way."""
        return np.asarray((self.best - self.real) / self.way) if self.way else None

    def near(self, share: float) -> float:
        """The value from which on a run is as good as real data: all but this share of the way there."""
        return self.real + share * self.way

    def ratios(self, share: float) -> Array:
        """How many times worse than the best so far an evaluation is, [n]; NaN where that cannot be said.

        A best that is nearer to real data than ``near(share)`` counts as just there: the noise of two good values is
        no difference. Nor is a value that is no worse than that.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.about.higher_is_better:
                best = np.fmin(self.best, self.near(share))
                ratios = np.where(best > 0, np.where(self.values > 0, best / self.values, np.inf), np.nan)
                return np.where(self.values >= best, np.fmin(ratios, 1), ratios) + 0 * self.values
            best = np.fmax(self.best, self.near(share))
            ratios = np.where(best > 0, self.values / best, np.nan)
            return np.where(self.values <= best, np.fmin(ratios, 1), ratios)


def primary(trace: Trace, metadata: Metadata, rules: Rules) -> Primary | None:
    """The primary measure of a run, or None where nothing was measured.

    Args:
        trace: Columns by name, as ``records.read_record`` or ``records.read_trace`` give them.
        metadata: Of its record.
        rules: Which measure is wanted.
    """
    ways, name = metadata["higher_is_better"], _name(trace, metadata, rules)
    if name is None:
        return None
    about = describe(name, ways)
    real = real_value(metadata, name)
    return Primary(
        name=name,
        about=about,
        steps=trained_steps(trace),
        seconds=finite(trace, "seconds"),
        values=finite(trace, name),
        untrained=_untrained(trace, name),
        real=0.0 if math.isnan(real) and not about.higher_is_better else real,
    )


def _name(trace: Trace, metadata: Metadata, rules: Rules) -> str | None:
    ways = metadata["higher_is_better"]
    return choose_primary([name for name in trace if name.removesuffix("_ema") in ways], rules.primary, ways)


def evaluations(trace: Trace, metadata: Metadata, rules: Rules) -> Trace:
    """The rows at which the primary measure was taken; all where the record has no gaps, as ganbench's own runs.

    Other code logs losses more often than measures, and measures each at steps of its own. At the rows that are kept,
    another measure has the last value taken until then. The row of the first enormous loss is kept too.
    """
    gaps = metadata.get("measured")
    if not gaps:
        return trace
    columns = {name: np.asarray(trace[name]) for name in trace}
    rows = np.arange(len(columns["step"]))
    if (name := _name(trace, metadata, rules)) in gaps:
        enormous = np.abs(_numbers(trace, "critic_loss")) > rules.exploding_loss if "critic_loss" in trace else ()
        rows = np.union1d(gaps[name], np.flatnonzero(enormous)[:1]).astype(int)
    for each in gaps.keys() & columns.keys():
        if each.removesuffix("_ema") in metadata["higher_is_better"]:
            columns[each] = _last_taken(_numbers(trace, each), np.array(gaps[each], dtype=int))
    return {name: values[rows] for name, values in columns.items()}


def _last_taken(values: Array, there: NDArray[np.int64]) -> Array:
    last = np.searchsorted(there, np.arange(len(values)), side="right") - 1
    return np.where(last >= 0, values[there[last]], np.nan)


def _untrained(trace: Trace, name: str) -> float:
    at = np.flatnonzero(np.asarray(trace["step"]) == 0)
    value = float(_numbers(trace, name)[at[0]]) if len(at) else math.nan
    return value if math.isfinite(value) else math.nan


def final_over_best(of: Primary) -> float:
    """How many times worse the last value is than the best, 1 where it is the best; NaN where that cannot be said."""
    if not len(of.values):
        return math.nan
    last, best = of.values[-1], of.best[-1]
    over, under = (best, last) if of.about.higher_is_better else (last, best)
    return float(over) / float(under) if under > 0 else math.nan


def mean_log10(of: Primary) -> float:
    """The area under the curve of log10 of a positive distance over steps (trapezoids), divided by their span.

    The mean over the training time: a run that is good early has less. NaN for a measure of which more is better.
    """
    known = of.values > 0
    if of.about.higher_is_better or not known.any():
        return math.nan
    steps, logs = of.steps[known], np.log10(of.values[known])
    span = steps[-1] - steps[0]
    return float(np.trapezoid(logs, steps) / span) if span > 0 else float(logs[-1])


def first_reached(of: Primary, reach: float | None) -> int | None:
    """Index of the first evaluation that is as good as ``reach``; None where none is, or nothing is to be reached."""
    if reach is None:
        return None
    there = np.flatnonzero(of.values >= reach if of.about.higher_is_better else of.values <= reach)
    return int(there[0]) if len(there) else None
