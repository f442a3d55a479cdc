"""The entries of a column: estimates with their intervals, which of them are as good as the best, failures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.catalogue.metrics.measures import Measure
from bench.evidence.results import Evidence
from bench.evidence.states import State, count_failed, count_outcomes
from bench.evidence.statistics import geometric_mean, holm, t_interval, welch, wilson_interval
from bench.report.row_names import FAILED, FAILURES
from bench.report.tables.model import Column, Entry

ALPHA = 0.05  # of the claim that an entry is worse than the best
Cells = Mapping[tuple[str, ...], pd.DataFrame]


def is_geometric(evidence: Evidence, runs: pd.DataFrame, name: str) -> bool:
    """Whether a measure is averaged on the log scale: less of it is better, and every value is positive."""
    if evidence.describe(name).higher_is_better is not False:
        return False
    columns = [column for column in (f"{name}_final", f"{name}_best") if column in runs]
    values = runs[columns].to_numpy(float)
    values = values[~np.isnan(values)]
    return bool(len(values) and (values > 0).all() and np.isfinite(values).all())


def entries_of(
    evidence: Evidence, cells: Cells, column: Column, geometric: Sequence[str]
) -> dict[tuple[str, ...], Entry]:
    """The entries of a column, by row.

    Args:
        evidence: The records.
        cells: Row → its runs in this column.
        column: What it shows.
        geometric: Measures that are averaged on the log scale.
    """
    if not column.which:
        return {row: Entry(_beside(runs, column.measure), runs=tuple(runs["run"])) for row, runs in cells.items()}
    about = evidence.describe(column.measure)
    name = f"{column.measure}_{column.which}"
    on_logs = column.measure in geometric
    equal = _as_good_as_the_best(cells, name, about, on_logs)
    return {
        row: _estimate(runs, name, about, on_logs)._replace(bold=row in equal, runs=tuple(runs["run"]))
        for row, runs in cells.items()
    }


def _beside(runs: pd.DataFrame, what: str) -> str:
    if what == FAILED:
        return f"{count_failed(runs)}/{len(runs)}"
    if what == FAILURES:
        counts = [(count, state.value) for state, count in count_outcomes(runs).items() if state != State.CONVERGED]
        return ", ".join(f"{count} {state}" for count, state in counts if count) or "–"
    return number(runs["steps_per_second"].median(), 1, ".3g")


def wilson_text(text: str) -> str:
    """``4/5`` with Wilson's 95 % interval of the rate."""
    count, n = map(int, text.split("/"))
    low, high = wilson_interval(count, n)
    return f"{text} ({100 * low:.0f}–{100 * high:.0f} %)"


def _estimate(runs: pd.DataFrame, name: str, about: Measure, on_logs: bool) -> Entry:
    values = runs[name]
    count = int(values.notna().sum())
    if not count:
        return Entry("–")
    lacking = f" ({count} of {len(runs)})" if count < len(runs) else ""  # the others diverged before they had one
    if on_logs:
        found = geometric_mean(values)
        between = [number(each, about.scale, about.spec) for each in (found.low, found.high)]
        interval = "" if math.isnan(found.low) else f"[{between[0]}, {between[1]}]"
        return Entry(number(found.value, about.scale, about.spec), interval + lacking)
    mean = t_interval(values)
    half = "" if math.isnan(mean.half_width) else f"± {number(mean.half_width, about.scale, about.spec)}"
    return Entry(number(mean.mean, about.scale, about.spec), half + lacking)


def number(value: float, scale: float, spec: str) -> str:
    """A number as its measure is written; of few significant digits in full where that is not long. NaN is nothing."""
    if pd.isna(value):
        return ""
    if not spec.endswith("g"):
        return format(value * scale, spec)
    text = format(value * scale, f"#{spec}")  # with the zeros that are significant
    if "e" in text and 1e-5 <= abs(float(text)) < 1e6:
        return np.format_float_positional(float(text), trim="-")
    return text.replace(".e", "e").removesuffix(".")


def _as_good_as_the_best(cells: Cells, name: str, about: Measure, on_logs: bool) -> set[tuple[str, ...]]:
    """The best of a column, and all that Welch's tests against it, corrected by Holm, do not show to be worse.

    A cell in which half or more of the runs have no value, for they diverged, is bold only where all are so: what
    survives does not stand for the rest.
    """
    if about.higher_is_better is None or len(cells) < 2:
        return set()
    sound = {row for row, runs in cells.items() if 2 * runs[name].notna().sum() > len(runs)} or set(cells)
    values = {row: cells[row][name].dropna().to_numpy(float) for row in cells if row in sound}
    values = {row: np.log(each) if on_logs else each for row, each in values.items() if len(each)}
    if not values:
        return set()
    best = (max if about.higher_is_better else min)(values, key=lambda row: values[row].mean())
    others = [row for row in values if row != best]
    adjusted = holm(
        [welch(values[row], values[best], "less" if about.higher_is_better else "greater").p for row in others]
    )
    ties = {row for row in values if values[row].mean() == values[best].mean()}
    return ties | {row for row, p in zip(others, adjusted, strict=True) if not p <= ALPHA and len(values[row]) > 1}
