"""Budget curves: the expected best of k runs, failed runs included."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bench.evidence.results import Evidence
from bench.evidence.states import has_failed, judged
from bench.evidence.statistics import expected_best
from bench.evidence.statistics.intervals import Array
from bench.report.figures.grids import DatasetPanel, Plot, dataset_panels, draw_grid
from bench.report.figures.sheet import Drawing, Sheet
from bench.report.figures.style import escape_dollars, set_log_scale


def draw_budget(evidence: Evidence, datasets: list[str], sheet: Sheet) -> Iterator[Drawing]:
    """Draw the expected best primary measure of k runs of a cell against k (Dodge et al. 2019, exact).

    A failed run counts as the worst value seen on its dataset. Settings whose cells all have one run are left out, as
    are runs that cannot be judged, and datasets on which all lines are flat because every run failed.
    """
    shown = dataset_panels(evidence, [dataset for dataset in datasets if evidence.primary(dataset) is not None])
    shown = [panel for panel in shown if any(len(judged(series.runs)) > 1 for series in panel.panel.series)]
    succeeded = {p.dataset for p in shown for series in p.panel.series if (~has_failed(judged(series.runs))).any()}
    shown = [panel for panel in shown if panel.dataset in succeeded]
    worst = {panel.dataset: worst_seen(evidence, panel.dataset) for panel in shown}
    shown = [panel for panel in shown if np.isfinite(worst[panel.dataset])]

    curves = {
        (panel.dataset, panel.panel.title, series.name): budget_curve(
            evidence, panel.dataset, series.runs, worst[panel.dataset]
        )
        for panel in shown
        for series in panel.panel.series
    }

    def draw(axes: Axes, panel: DatasetPanel) -> None:
        for series in panel.panel.series:
            curve = curves[panel.dataset, panel.panel.title, series.name]
            colour, line, marker = series.style
            axes.plot(
                range(1, len(curve) + 1),
                curve,
                color=colour,
                linestyle=line,
                marker=marker,
                markersize=2.5,
                linewidth=1.2,
            )
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        values = np.concatenate([curve for (dataset, *_), curve in curves.items() if dataset == panel.dataset])
        lower_is_better = not evidence.describe(str(evidence.primary(panel.dataset))).higher_is_better
        if lower_is_better and (values > 0).all():
            set_log_scale(axes, "y", float(values.min()), float(values.max()))

    def label(dataset: str) -> str:
        return escape_dollars(f"expected best {evidence.describe(str(evidence.primary(dataset))).label}")

    description = "Expected best of k runs (failures count as the worst value on that dataset)"
    yield from draw_grid(sheet, shown, Plot("budget", description, draw, "number of runs k", label))


def budget_curve(evidence: Evidence, dataset: str, runs: pd.DataFrame, worst: float) -> Array:
    """Return the expected best of 1, 2, ..., n runs of a cell, in the unit of the figures, [n]."""
    about = evidence.describe(str(evidence.primary(dataset)))
    values = final_values(runs, str(evidence.primary(dataset)), worst) * about.scale
    return np.array([expected_best(values, k, bool(about.higher_is_better)) for k in range(1, len(values) + 1)])


def final_values(runs: pd.DataFrame, measure: str, worst: float) -> Array:
    """Return the final values of a measure of the n judged runs, [n], with ``worst`` for every failed run."""
    runs = judged(runs)
    values = runs[f"{measure}_final"].to_numpy(dtype=float)
    return np.where(has_failed(runs) | np.isnan(values), worst, values)


def worst_seen(evidence: Evidence, dataset: str) -> float:
    """Return the worst primary measure on a dataset, over final values of all runs and untrained generators."""
    name = str(evidence.primary(dataset))
    runs = judged(evidence.runs.loc[evidence.runs["dataset"] == dataset])
    values = np.append(runs[f"{name}_final"].to_numpy(dtype=float), evidence.untrained(runs, name))
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan")
    return float(values.min() if evidence.describe(name).higher_is_better else values.max())
