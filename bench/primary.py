"""The measure that a run is judged by, over its evaluations: how far it came, how far it fell back, what it cost."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.metrics import MEASURES, Measure
from bench.records import Metadata
from bench.rules import PRIMARIES, Rules

Array = NDArray[np.float64]


def describe(name: str) -> Measure:
    """The description of a measure; an average's says so."""
    plain = MEASURES[name.removesuffix("_ema")]
    return plain._replace(label=f"{plain.label}, EMA") if name.endswith("_ema") else plain


def told(about: Measure, value: float) -> str:
    """A value as a sentence has it: without the zeros that a column of a table has."""
    text = format(value * about.scale, about.spec)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def finite(trace: pd.DataFrame, name: str) -> Array:
    """A column of a trace as floats, NaN wherever it holds no finite number, or where there is no such column."""
    if name not in trace:
        return np.full(len(trace), np.nan)
    values = pd.to_numeric(trace[name], errors="coerce").to_numpy(float)
    return np.where(np.isfinite(values), values, np.nan)


def real_value(metadata: Metadata, name: str) -> float:
    """The measure of real data, NaN where the record has none; an average is held against the same."""
    value = (metadata.get("real") or {}).get(name.removesuffix("_ema"))
    return float(value) if value is not None and math.isfinite(value) else math.nan


def choose_primary(measured: Collection[str], wanted: str | None) -> str | None:
    """The measure that a run is judged by: the one wanted, else the first known one; None where nothing was measured.

    Args:
        measured: Measures of a trace; averages are chosen only where they are wanted.
        wanted: ``Rules.primary``.
    """
    plain = wanted.removesuffix("_ema") if wanted else None
    lower_first = sorted(MEASURES, key=lambda name: MEASURES[name].higher_is_better is True)
    for name in (wanted, plain, *PRIMARIES, *lower_first):
        if name is not None and name in measured and describe(name).higher_is_better is not None:
            return name
    return None


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

    @property
    def best(self) -> Array:
        """The best so far, [n]; NaN before the first finite value."""
        better = np.fmax if self.about.higher_is_better else np.fmin
        return np.asarray(better.accumulate(self.values))

    @property
    def best_at(self) -> int:
        """Index of the best evaluation; there must be a finite one."""
        return int(np.nanargmax(self.values) if self.about.higher_is_better else np.nanargmin(self.values))

    def left(self) -> Array | None:
        """The share of the way from the untrained generator to real data that the best so far has left, [n].

        None where there is no such way: one of its ends is unknown, or the untrained generator is at the end of it.
        """
        way = self.untrained - self.real
        if not (way < 0 if self.about.higher_is_better else way > 0):
            return None
        return np.asarray((self.best - self.real) / way)

    def near(self, share: float) -> float:
        """The value from which on a run is as good as real data: all but this share of the way there."""
        return self.real + (share * (self.untrained - self.real) if self.left() is not None else 0.0)

    def ratios(self, share: float) -> Array:
        """How many times worse than the best so far an evaluation is, [n]; NaN where that cannot be said.

        A best that is nearer to real data than ``near(share)`` counts as just there: the noise of two good values is
        no difference.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.about.higher_is_better:
                best = np.fmin(self.best, self.near(share))
                return (
                    np.where(best > 0, np.where(self.values > 0, best / self.values, np.inf), np.nan) + 0 * self.values
                )
            best = np.fmax(self.best, self.near(share))
            return np.where(best > 0, self.values / best, np.nan)


def primary(trace: pd.DataFrame, metadata: Metadata, rules: Rules) -> Primary | None:
    """The primary measure of a run, or None where nothing was measured.

    Args:
        trace: As ``records.read_trace`` gives it.
        metadata: Of its record.
        rules: Which measure is wanted.
    """
    known = metadata["higher_is_better"].keys() & MEASURES.keys()
    name = choose_primary([name for name in trace if name.removesuffix("_ema") in known], rules.primary)
    if name is None:
        return None
    about = describe(name)
    trained = trace[trace["step"] > 0]
    before = finite(trace[trace["step"] == 0], name)
    real = real_value(metadata, name)
    return Primary(
        name=name,
        about=about,
        steps=trained["step"].to_numpy(np.int64),
        seconds=finite(trained, "seconds"),
        values=finite(trained, name),
        untrained=float(before[0]) if len(before) else math.nan,
        real=0.0 if math.isnan(real) and not about.higher_is_better else real,
    )


def final_over_best(of: Primary) -> float:
    """How many times worse the last value is than the best, 1 where it is the best; NaN where that cannot be said."""
    if not len(of.values):
        return math.nan
    last, best = of.values[-1], of.best[-1]
    over, under = (best, last) if of.about.higher_is_better else (last, best)
    return float(over / under) if under > 0 else math.nan


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
