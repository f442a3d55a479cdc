"""The curves of runs and the median of a cell, as numbers, and the range of values that an axis shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.evidence.results import Evidence, real_data_value
from bench.evidence.states import State, has_failed
from bench.evidence.statistics.intervals import Array
from bench.evidence.step_times import step_times
from bench.plan.updates import critic_batches
from bench.records.record import Record
from bench.report.figures.series import Panel, Series

X = {
    "steps": "generator steps",
    "critic-steps": "critic steps",
    "images": "samples seen by the critic",
    "seconds": "training time (s)",
}
FEWEST = 5  # runs from which on an axis can leave some out
BEYOND = 0.05  # share of the runs that can be beyond an axis
STRETCHED = 2.0  # an axis leaves runs out if they would make it this many times longer


class Axis(NamedTuple):
    """The horizontal axis: a key of ``X``, its name in the title, and run → seconds per step if timed alone."""

    key: str
    name: str
    step_times: dict[str, float]


def axis_of(evidence: Evidence, dataset: str, x: str) -> Axis:
    """Return the axis ``x``, a key of ``X``: seconds are those of cells timed alone, or else those of the records."""
    times = step_times(evidence, dataset) if x == "seconds" else {}
    how = "" if x != "seconds" else ", timed alone" if times else ", as recorded under any load"
    return Axis(x, f"{X[x]}{how}", times)


class RunCurve(NamedTuple):
    """A measure of one run: the steps of its evaluations, x and y, [n]; y is NaN where there is no finite value."""

    steps: Array
    x: Array
    y: Array
    failed: bool = False
    diverged: bool = False


def run_curve(record: Record, name: str, x: str, step_times: Mapping[str, float] | None = None) -> RunCurve:
    """Return the curve of one run for a measure against ``x``, a key of ``X``.

    Args:
        record: Of the run.
        name: Of the measure.
        x: What is on the horizontal axis.
        step_times: Run → seconds per step; by default the seconds are those that were recorded.
    """
    trace, training = record.trace, record.metadata.training
    step = np.asarray(trace["step"], dtype=float)
    critic_step = step * training.critic_steps
    positions = {
        "steps": step,
        "critic-steps": critic_step,
        "images": step * critic_batches(training) * (training.batch_size or np.nan),
        "seconds": np.asarray(trace["seconds"], dtype=float) if "seconds" in trace else np.full(len(step), np.nan),
    }
    if step_times:
        positions["seconds"] = step * step_times[record.metadata.run]
    y = np.asarray(trace[name], dtype=float) if name in trace else np.full(len(step), np.nan)
    return RunCurve(step, positions[x], np.where(np.isfinite(y), y, np.nan))


def has_values(evidence: Evidence, series: Series, names: Sequence[str]) -> bool:
    """Return whether any run of a series has a finite value of any of these measures."""
    records = [evidence.records[run] for run in series.runs["run"]]
    return any(np.isfinite(run_curve(record, name, "steps").y).any() for record in records for name in names)


def series_curves(
    evidence: Evidence, series: Series, name: str, x: str, step_times: Mapping[str, float] | None = None
) -> list[RunCurve]:
    """Return the curves of all runs of a series, with their failures."""
    curves = [run_curve(evidence.records[run], name, x, step_times) for run in series.runs["run"]]
    diverged = series.runs["outcome"] == State.DIVERGED
    return [
        curve._replace(failed=bool(failed), diverged=bool(has_diverged))
        for curve, failed, has_diverged in zip(curves, has_failed(series.runs), diverged, strict=True)
    ]


def median_curve(curves: list[RunCurve], higher_is_better: bool | None) -> tuple[Array, Array]:
    """Return the median over runs of x and of y, [n], at the steps at which every unfinished run was evaluated.

    After its last value a diverged run counts as the worst, so that it does not flatter the others; where half of the
    runs have diverged the line ends. Measures without a better direction use the remaining runs only.
    """
    worst = np.nan if higher_is_better is None else -np.inf if higher_is_better else np.inf
    measured = [curve for curve in curves if np.isfinite(curve.y).any()]
    if not measured:
        return np.empty(0), np.empty(0)
    frames = [pd.DataFrame({"x": curve.x, "y": curve.y}, index=curve.steps).dropna(subset="y") for curve in measured]
    frames = [frame[~frame.index.duplicated(keep="last")] for frame in frames]
    xs, ys = (pd.concat([frame[axis] for frame in frames], axis=1).sort_index() for axis in ("x", "y"))
    has_ended = xs.index.to_numpy()[:, None] > np.array([frame.index[-1] for frame in frames])
    ys = ys.mask(has_ended & np.array([curve.diverged for curve in measured]), worst)
    is_complete = (ys.notna() | has_ended).all(axis=1)
    medians = ys[is_complete].median(axis=1).to_numpy()
    return xs[is_complete].median(axis=1).to_numpy(), np.where(np.isfinite(medians), medians, np.nan)


class Limits(NamedTuple):
    """The range of values that the axis of a measure shows, and the runs that go beyond it."""

    low: float
    high: float
    beyond: frozenset[str] = frozenset()


def limits_of(evidence: Evidence, shown: Sequence[Panel], name: str) -> Limits | None:
    """Return the range of a measure over all panels; None if there is nothing to draw.

    Single runs that would stretch the axis to more than twice its length are beyond it. Medians of cells, real data
    and untrained generators never are.
    """
    about = evidence.describe(name)
    of_runs: dict[str, Array] = {}
    kept: list[Array] = []
    for panel in shown:
        runs = pd.concat([series.runs for series in panel.series])
        kept.append(np.array([real_data_value(runs, name), evidence.untrained(runs, name)]))
        for series in panel.series:
            curves = series_curves(evidence, series, name, "steps")
            of_runs |= {str(run): curve.y for run, curve in zip(series.runs["run"], curves, strict=True)}
            kept.append(median_curve(curves, about.higher_is_better)[1])
    place = _logarithms if about.logarithmic else np.asarray
    ends = {run: _ends(place(y * about.scale)) for run, y in of_runs.items()}
    ends = {run: each for run, each in ends.items() if np.isfinite(each).all()}
    if not ends:
        return None
    low, high = _central(np.array(list(ends.values())), _ends(place(np.concatenate(kept) * about.scale)))
    beyond = frozenset(run for run, (least, most) in ends.items() if least < low or most > high)
    return Limits(10**low, 10**high, beyond) if about.logarithmic else Limits(low, high, beyond)


def _central(ends: Array, kept: Array) -> tuple[float, float]:
    """Return the range that an axis shows of runs with these ends, [n, 2], and of what it always shows, [2]."""
    low, high = np.fmin(ends[:, 0].min(), kept[0]), np.fmax(ends[:, 1].max(), kept[1])
    if len(ends) < FEWEST:
        return low, high
    inner_low = np.fmin(np.quantile(ends[:, 0], BEYOND, method="higher"), kept[0])
    inner_high = np.fmax(np.quantile(ends[:, 1], 1 - BEYOND, method="lower"), kept[1])
    room = (STRETCHED - 1) * (inner_high - inner_low)
    return inner_low if inner_low - low > room else low, inner_high if high - inner_high > room else high


def _logarithms(values: Array) -> Array:
    return np.log10(np.where(values > 0, values, np.nan))


def _ends(values: Array) -> Array:
    """Return the least and the largest finite value, [2]; NaN if there is none."""
    finite = values[np.isfinite(values)]
    return np.array([finite.min(), finite.max()]) if len(finite) else np.full(2, np.nan)
