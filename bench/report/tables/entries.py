"""The entries of a column: estimates with their intervals, which of them are as good as the best, failures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.evidence.measure_bounds import measure_bounds
from bench.evidence.results import Evidence
from bench.evidence.states import (
    IMPROVING,
    State,
    count_failed,
    count_improving,
    count_outcomes,
    count_unresolved,
    is_unresolved,
)
from bench.evidence.statistics import Bounds, bounded_mean, geometric_mean, holm, welch, wilson_interval
from bench.notation import with_commas, with_powers
from bench.report.row_names import FAILED, FAILURES
from bench.report.tables.model import Column, Entry

ALPHA = 0.05  # for the claim that an entry is worse than the best
Cells = Mapping[tuple[str, ...], pd.DataFrame]  # labels of a row → its runs


def is_geometric(evidence: Evidence, runs: pd.DataFrame, name: str) -> bool:
    """Return whether a measure is averaged on the log scale: lower is better and every value is positive."""
    if evidence.describe(name).higher_is_better is not False:
        return False
    columns = [column for column in (f"{name}_final", f"{name}_best") if column in runs]
    values = runs[columns].to_numpy(float)
    values = values[~np.isnan(values)]
    return bool(len(values) and (values > 0).all() and np.isfinite(values).all())


def entries_of(
    evidence: Evidence, cells: Cells, column: Column, geometric: Sequence[str]
) -> dict[tuple[str, ...], Entry]:
    """Return the entries of a column, by row.

    Args:
        evidence: The records.
        cells: The runs of each row in this column.
        column: What the column shows.
        geometric: The measures averaged on the log scale.
    """
    if column.measure == FAILED:
        return {row: _failure_rate(runs)._replace(runs=tuple(runs["run"])) for row, runs in cells.items()}
    if not column.which:
        return {row: Entry(_summarise(runs, column.measure), runs=tuple(runs["run"])) for row, runs in cells.items()}
    on_logs = column.measure in geometric
    of_datasets: dict[tuple[str, ...], dict[tuple[str, ...], pd.DataFrame]] = {}
    for row, runs in cells.items():  # values on different datasets are not compared
        of_datasets.setdefault(tuple(runs["dataset"].unique()), {})[row] = runs
    best = {row for rows in of_datasets.values() for row in _as_good_as_the_best(evidence, rows, column, on_logs)}
    return {
        row: _entry(evidence, runs, column, on_logs)._replace(bold=row in best, runs=tuple(runs["run"]))
        for row, runs in cells.items()
    }


def _mean(evidence: Evidence, runs: pd.DataFrame, column: Column, on_logs: bool) -> Bounds:
    values, (least, most) = runs[f"{column.measure}_{column.which}"], measure_bounds(evidence, runs, column.measure)
    return geometric_mean(values, most=most) if on_logs else bounded_mean(values, least, most)


def _summarise(runs: pd.DataFrame, column: str) -> str:
    """The entry of a column that is no measure: the outcomes of runs that are not stable, or speed."""
    if column == FAILURES:
        counts = {state: count for state, count in count_outcomes(runs).items() if count and state != State.STABLE}
        improving = f" ({count_improving(runs)} {IMPROVING})" if count_improving(runs) else ""
        words = (f"{n} {state}{improving if state == State.NEVER_LEARNED else ''}" for state, n in counts.items())
        return ", ".join(words) or "–"
    return format_number(runs["steps_per_second"].median(), 1, ".3g")


def _failure_rate(runs: pd.DataFrame) -> Entry:
    """Failures as a fraction of the judged runs, with the number of runs that cannot be judged, if there are any."""
    unresolved = count_unresolved(runs)
    words = f"{unresolved} {State.UNRESOLVED}" if unresolved else ""
    if unresolved == len(runs):
        return Entry(words)
    return Entry(f"{count_failed(runs)}/{len(runs) - unresolved}" + (f" + {words}" if words else ""))


def with_wilson_interval(rate: str) -> str:
    """Return the text of a failure rate, such as ``4/5``, with Wilson's 95% interval after the fraction."""
    fraction, space, rest = rate.partition(" ")
    if "/" not in fraction:
        return rate
    count, n = map(int, fraction.split("/"))
    low, high = wilson_interval(count, n)
    return f"{fraction} ({100 * low:.0f}–{100 * high:.0f}%){space}{rest}"


def _entry(evidence: Evidence, runs: pd.DataFrame, column: Column, on_logs: bool) -> Entry:
    about, mean = evidence.describe(column.measure), _mean(evidence, runs, column, on_logs)
    count = mean.n
    if not count:
        return Entry("–")
    missing = f" ({count} of {len(runs)})" if count < len(runs) else ""  # the others diverged before they had a value
    value, low, high = (format_number(number, about.scale, about.spec) for number in mean[:3])
    if math.isnan(mean.low):
        interval = ""
    elif on_logs or math.isfinite(measure_bounds(evidence, runs, column.measure)[0]):
        interval = f"[{low}, {high}]"
    else:
        interval = f"± {format_number(mean.high - mean.value, about.scale, about.spec)}"
    return Entry(value, interval + missing)


def format_number(value: float, scale: float, spec: str) -> str:
    """Return a number in the format of its measure, with trailing zeros that are significant; "" for NaN."""
    if pd.isna(value):
        return ""
    if not spec.endswith("g"):
        return with_commas(format(value * scale, spec))
    text = format(value * scale, f"#{spec}")
    if "e" in text and 1e-5 <= abs(float(text)) < 1e6:
        return with_commas(np.format_float_positional(float(text), trim="-"))
    return with_powers(with_commas(text.removesuffix(".")))


def could_tell(n: int, other: int) -> bool:
    """Return whether a test of this many values against others can show a difference.

    That is so if an exact two-sided permutation test can give a p of at most ``ALPHA``: from 4 values a side.
    """
    return 2 / math.comb(n + other, n) <= ALPHA


def _as_good_as_the_best(evidence: Evidence, cells: Cells, column: Column, on_logs: bool) -> set[tuple[str, ...]]:
    """The best cell of a column, and the cells in its interval that Holm-corrected Welch tests do not show to be worse.

    The tests alone would favour cells whose runs vary much. Cells of which at least half of the runs failed are
    considered only if this holds for all cells, and then those last of which at least half have no value, because they
    diverged: the surviving runs do not represent the others. Cells with too few values for a test to tell (see
    ``could_tell``) are left out, and so is the best if no other cell remains. Cells with a run that cannot be judged
    are left out.
    """
    about, name = evidence.describe(column.measure), f"{column.measure}_{column.which}"
    if about.higher_is_better is None or len(cells) < 2:
        return set()
    cells = {row: runs for row, runs in cells.items() if not is_unresolved(runs).any()}
    cells = {row: runs for row, runs in cells.items() if 2 * count_failed(runs) < len(runs)} or cells
    cells = {row: runs for row, runs in cells.items() if 2 * runs[name].notna().sum() > len(runs)} or cells
    values = {row: runs[name].dropna().to_numpy(float) for row, runs in cells.items()}
    values = {row: np.log(sample) if on_logs else sample for row, sample in values.items() if len(sample)}
    if not values:
        return set()
    with np.errstate(over="ignore", invalid="ignore"):
        means = {row: float(sample.mean()) for row, sample in values.items()}
    best = (max if about.higher_is_better else min)(means, key=means.__getitem__)
    others = [row for row in values if row != best and could_tell(len(values[row]), len(values[best]))]
    if not others:
        return set()
    adjusted = holm(
        [welch(values[row], values[best], "less" if about.higher_is_better else "greater").p for row in others]
    )
    _, low, high, _ = _mean(evidence, cells[best], column, on_logs)
    edge = low if about.higher_is_better else high
    near = np.log(edge) if on_logs else edge
    ties = {row for row in others if means[row] == means[best]}
    within = {row for row in others if (means[row] >= near if about.higher_is_better else means[row] <= near)}
    return {best} | ties | within & {row for row, p in zip(others, adjusted, strict=True) if not p <= ALPHA}
