"""The numbers of every cell, one row a cell: what ``table.csv`` holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.evidence.results import Evidence, real_data_value
from bench.evidence.states import count_failed, count_outcomes
from bench.evidence.statistics import geometric_mean, split_noise, t_interval, wilson_interval


def summarise_cells(evidence: Evidence, dataset: str, measures: Sequence[str] | None = None) -> pd.DataFrame:
    """Numbers of every cell of a dataset.

    Columns: dataset, the axes, n, finished (runs that came to their last step), failed (any outcome but converged) with
    the ends of Wilson's 95 % interval of the rate, n_diverged and so on for every outcome. For each measure and each of
    final and best: mean, half-width of the 95 % t interval, number of values, median; geometric mean and the ends of
    its interval where all are positive; the same measure of the untrained generators and of real data; and, where the
    last generator was measured twice, the standard deviations over seeds and over the metric's own samples. Last,
    steps_per_second.

    Args:
        evidence: The records.
        dataset: Its label.
        measures: Those wanted; None: all.
    """
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    axes = evidence.varying(here)
    names = evidence.measures(dataset) if measures is None else measures
    rows = []
    for cell, runs in here.groupby(axes, sort=False, dropna=False):
        row: dict[str, Any] = {"dataset": dataset, **dict(zip(axes, cell, strict=True))}
        failed = count_failed(runs)
        low, high = wilson_interval(failed, len(runs))
        row |= {"n": len(runs), "finished": int((runs["ending"] == "finished").sum())}
        row |= {"failed": failed, "failed_low": low, "failed_high": high}
        row |= {f"n_{state.value.replace('-', '_')}": count for state, count in count_outcomes(runs).items()}
        for name in names:
            for which in evidence.kinds(name):
                row |= _spread(runs[f"{name}_{which}"], f"{name}_{which}")
            row[f"{name}_untrained"] = evidence.untrained(runs, name)
            row[f"{name}_real"] = real_data_value(runs, name)
            noise = split_noise(runs[f"{name}_final"], again(evidence, runs, name))
            row |= {f"{name}_deviation_of_seeds": noise.seeds, f"{name}_deviation_of_sampling": noise.sampling}
        row["steps_per_second"] = runs["steps_per_second"].median()
        rows.append(row)
    return pd.DataFrame(rows)


def _spread(values: pd.Series, column: str) -> dict[str, float]:
    mean, geometric = t_interval(values), geometric_mean(values)
    return {
        column: mean.mean,
        f"{column}_half_width": mean.half_width,
        f"{column}_count": mean.n,
        f"{column}_median": float(values.median()),
        f"{column}_geometric": geometric.value,
        f"{column}_low": geometric.low,
        f"{column}_high": geometric.high,
    }


def again(evidence: Evidence, runs: pd.DataFrame, name: str) -> np.ndarray[Any, Any]:
    """A measure of the last generators on a second set of samples, [n]; NaN where a record has none."""
    seconds: list[Mapping[str, Any]] = [evidence.metadata[run].again for run in runs["run"]]
    return np.array([np.nan if each.get(name) is None else each[name] for each in seconds], dtype=float)
