"""The numbers of every cell, one row per cell: the content of ``table.csv``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.evidence.measure_bounds import measure_bounds
from bench.evidence.results import Evidence, real_data_value
from bench.evidence.states import State, count_failed, count_improving, count_outcomes, count_unresolved
from bench.evidence.statistics import bounded_mean, geometric_mean, split_noise, t_interval, wilson_interval


def summarise_cells(evidence: Evidence, dataset: str, measures: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the numbers of every cell of a dataset, one row per cell.

    Columns: dataset, the axes, n, finished (runs that reached their last step), failed (runs that are not stable),
    failed_low and failed_high (Wilson's 95% interval of the failure rate), n_diverged and so on for every outcome.
    n_unresolved is there only if the suite has runs that cannot be judged, which the failure rate leaves out.

    For each measure, final and best: mean, half-width of the 95% t interval, ends of the 95% interval that stays within
    the bounds of the measure (mean_low, mean_high), number of values, median; geometric mean
    and the ends of its interval if all values are positive. Also the measure of the untrained generators and of real
    data and, if the last generator was evaluated twice, the standard deviations over seeds and over samples. The last
    columns are steps_per_second and the numbers of parameters of both players.

    Args:
        evidence: The records.
        dataset: Its label.
        measures: The measures to include; None means all.
    """
    in_dataset = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    axes = evidence.varying(in_dataset)
    names = evidence.measures(dataset) if measures is None else measures
    states = [state for state in State if state != State.UNRESOLVED or count_unresolved(evidence.runs)]
    rows = []
    for cell, runs in in_dataset.groupby(axes, sort=False, dropna=False):
        row: dict[str, Any] = {"dataset": dataset, **dict(zip(axes, cell, strict=True))}
        failed = count_failed(runs)
        n_judged = len(runs) - count_unresolved(runs)
        low, high = wilson_interval(failed, n_judged) if n_judged else (np.nan, np.nan)
        row |= {"n": len(runs), "finished": int((runs["ending"] == "finished").sum())}
        row |= {"failed": failed, "failed_low": low, "failed_high": high}
        counts = count_outcomes(runs)
        row |= {f"n_{state.value.replace('-', '_')}": counts[state] for state in states}
        row["n_still_improving"] = count_improving(runs)
        for name in names:
            for which in evidence.kinds(name):
                bounds = measure_bounds(evidence, runs, name)
                row |= _summarise(runs[f"{name}_{which}"], f"{name}_{which}", bounds)
            row[f"{name}_untrained"] = evidence.untrained(runs, name)
            row[f"{name}_real"] = real_data_value(runs, name)
            noise = split_noise(runs[f"{name}_final"], second_measurements(evidence, runs, name))
            row |= {f"{name}_deviation_of_seeds": noise.seeds, f"{name}_deviation_of_sampling": noise.sampling}
        medians = ("steps_per_second", "generator_parameters", "critic_parameters")
        row |= {name: runs[name].median() for name in medians}
        rows.append(row)
    return pd.DataFrame(rows)


def _summarise(values: pd.Series, column: str, bounds: tuple[float, float]) -> dict[str, float]:
    mean, bounded = t_interval(values), bounded_mean(values, *bounds)
    geometric = geometric_mean(values, most=bounds[1])
    return {
        column: mean.mean,
        f"{column}_half_width": mean.half_width,
        f"{column}_mean_low": bounded.low,
        f"{column}_mean_high": bounded.high,
        f"{column}_count": mean.n,
        f"{column}_median": float(values.median()),
        f"{column}_geometric": geometric.value,
        f"{column}_low": geometric.low,
        f"{column}_high": geometric.high,
    }


def second_measurements(evidence: Evidence, runs: pd.DataFrame, name: str) -> np.ndarray[Any, Any]:
    """Return a measure of the last generators on a second set of samples, [n]; NaN if a record has none."""
    again: list[Mapping[str, Any]] = [evidence.metadata[run].again for run in runs["run"]]
    return np.array([np.nan if values.get(name) is None else values[name] for values in again], dtype=float)
