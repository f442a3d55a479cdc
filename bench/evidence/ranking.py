"""The order of the cells of a dataset: by their failure rates, then by their median quality."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.evidence.results import Evidence, cells
from bench.evidence.states import count_failed, judged
from bench.evidence.statistics.intervals import Array


class Ranked(NamedTuple):
    """A cell in the ranking.

    Attributes:
        name: Its short name.
        runs: Its runs.
        failed: The share of failed runs among those that can be judged; NaN if there are none.
        final: The final value of the primary measure of every run, [n]; NaN if it has none.
        shown: The run whose final value is the median one, the worse one of two; runs without a value are the worst.
        median: The median of the final values, NaN if runs without a value reach it.
    """

    name: str
    runs: pd.DataFrame
    failed: float
    final: Array
    shown: pd.Series
    median: float


def rank_cells(evidence: Evidence, dataset: str) -> list[Ranked]:
    """Return the cells of a dataset: first those with the smallest share of failed runs, then by their median quality.

    A cell is judged by its own primary measure, such as that of the averaged generator.
    """
    ranked, order = [], []
    for name, runs in cells(evidence, dataset):
        judgeable = judged(runs)
        failed = count_failed(runs) / len(judgeable) if len(judgeable) else float("nan")
        measure = next(iter(runs["primary"].dropna()), None)
        final = runs[f"{measure}_final"].to_numpy(float) if measure is not None else np.full(len(runs), np.nan)
        upwards = measure is not None and bool(evidence.describe(measure).higher_is_better)
        worse = np.where(np.isnan(final), np.inf, -final if upwards else final)
        shown = runs.iloc[int(np.argsort(worse, kind="stable")[len(runs) // 2])]
        middle = float(np.median(worse))
        median = (-middle if upwards else middle) if np.isfinite(middle) else float("nan")
        ranked.append(Ranked(name, runs, failed, final, shown, median))
        order.append((np.nan_to_num(failed, nan=2.0), middle))
    return [ranked[index] for index in sorted(range(len(ranked)), key=order.__getitem__)]
