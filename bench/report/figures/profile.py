"""Performance profiles: the share of runs within a factor of the best cell; failed runs count as infinitely bad."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from bench.evidence.results import Evidence
from bench.evidence.states import judged
from bench.evidence.statistics import failures_as_worst, geometric_mean, performance_profile
from bench.evidence.statistics.intervals import Array
from bench.report.figures.grids import DatasetPanel, Plot, dataset_panels, draw_grid
from bench.report.figures.sheet import Drawing, Sheet
from bench.report.figures.style import set_log_scale

MAX_FACTOR = 1e4  # upper limit of the axis


def draw_profile(evidence: Evidence, datasets: list[str], sheet: Sheet) -> Iterator[Drawing]:
    """Draw the share of runs whose final value is within a factor r of the best cell's geometric mean, against r.

    Dolan & Moré 2002, over runs as in Agarwal et al. 2021. A line ends at the share of runs that did not fail. Datasets
    with a single cell, whose primary measure is not positive, or on which every run failed, are left out.
    """
    best = {dataset: best_of_cells(evidence, dataset) for dataset in datasets}
    shown = dataset_panels(evidence, [dataset for dataset in datasets if not math.isnan(best[dataset])])
    if not shown:
        return

    def ratios(panel: DatasetPanel, runs: pd.DataFrame) -> Array:
        return ratios_to_best(evidence, panel.dataset, runs, best[panel.dataset])

    found = {panel.dataset: np.empty(0) for panel in shown}
    for panel in shown:
        of_panel = [ratios(panel, series.runs) for series in panel.panel.series]
        found[panel.dataset] = np.concatenate([found[panel.dataset], *of_panel])
    shown = [panel for panel in shown if np.isfinite(found[panel.dataset]).any()]
    everything = np.concatenate(list(found.values()))
    everything = everything[np.isfinite(everything)]
    last_factor = min(1.15 * float(everything.max(initial=2.0)), MAX_FACTOR)

    def draw(axes: Axes, panel: DatasetPanel) -> None:
        for series in panel.panel.series:
            of_series = ratios(panel, series.runs)
            steps = of_series[(of_series > 1) & (of_series < last_factor)]
            factors = np.unique(np.concatenate([[1.0], steps, [last_factor]]))
            share = performance_profile(of_series, factors)
            colour, line, _ = series.style
            axes.step(factors, share, where="post", color=colour, linestyle=line, linewidth=1.4)
        set_log_scale(axes, "x", 1, last_factor)
        axes.set(xlim=(1, last_factor), ylim=(-0.02, 1.03))
        axes.yaxis.set_major_formatter(PercentFormatter(1))

    description = (
        "Share of runs whose final value is within a factor r of the best cell's geometric mean (failed runs never are)"
    )
    yield from draw_grid(sheet, shown, Plot("profile", description, draw, "factor r", lambda _: "share of runs"))


def best_of_cells(evidence: Evidence, dataset: str) -> float:
    """Return the best geometric mean of final values over cells; NaN if there is none, or a single cell.

    There is none either if lower is better and a value is not positive, as of kernel distances.
    Cells in which a run has no value are considered only if there are no others: the surviving runs do not represent
    the rest. Runs that cannot be judged are left out.
    """
    name = evidence.primary(dataset)
    if name is None:
        return math.nan
    runs = judged(evidence.runs_of(dataset))
    higher, axes = evidence.describe(name).higher_is_better, evidence.varying(runs)
    if not higher and (runs[f"{name}_final"] <= 0).any():
        return math.nan
    groups = [group for _, group in runs.groupby(axes, sort=False, dropna=False)]
    complete = [group for group in groups if group[f"{name}_final"].notna().all()]
    means = [geometric_mean(group[f"{name}_final"]).value for group in complete or groups]
    known = [mean for mean in means if not math.isnan(mean)]
    if len(groups) < 2 or not known:
        return math.nan
    return max(known) if higher else min(known)


def ratios_to_best(evidence: Evidence, dataset: str, runs: pd.DataFrame, best: float) -> Array:
    """Return how many times worse than the best cell each run is, [n]; infinite for failed runs."""
    name = str(evidence.primary(dataset))
    higher = bool(evidence.describe(name).higher_is_better)
    values = failures_as_worst(runs, f"{name}_final", higher)
    with np.errstate(divide="ignore"):
        return np.asarray(best / np.maximum(values, 0) if higher else values / best)
