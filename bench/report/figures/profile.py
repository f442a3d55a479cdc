"""Performance profiles: the share of runs that come within a factor of the best cell, failed ones never."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from bench.evidence.results import Evidence
from bench.evidence.statistics import failures_as_worst, geometric_mean, performance_profile
from bench.report.figures.grids import Place, Plot, draw_grid, places
from bench.report.figures.series import Series
from bench.report.figures.sheet import Drawing, Sheet
from bench.report.figures.style import logarithmic

Array = NDArray[np.float64]
FURTHEST = 1e4  # no axis goes beyond


def draw_profile(evidence: Evidence, datasets: list[str], sheet: Sheet) -> Iterator[Drawing]:
    """For every dataset the share of runs within a factor τ of the best cell's geometric mean, over τ.

    Dolan & Moré 2002, over runs as in Agarwal et al. 2021. A line ends at the share of runs that did not fail. Datasets
    with one cell, or whose primary measure is not positive, are left out.
    """
    best = {dataset: best_of_cells(evidence, dataset) for dataset in datasets}
    here = places(evidence, [dataset for dataset in datasets if not math.isnan(best[dataset])])
    if not here:
        return
    ratios = [
        ratios_of(evidence, place.dataset, each, best[place.dataset]) for place in here for each in place.panel.series
    ]
    finite = np.concatenate(ratios)
    finite = finite[np.isfinite(finite)]
    furthest = min(1.15 * float(finite.max(initial=2.0)), FURTHEST)

    def draw(panel: Axes, place: Place) -> None:
        for series in place.panel.series:
            own = ratios_of(evidence, place.dataset, series, best[place.dataset])
            factors = np.unique(np.concatenate([[1.0], own[(own > 1) & (own < furthest)], [furthest]]))
            share = performance_profile(own, factors)
            panel.step(
                factors, share, where="post", color=series.look.colour, linestyle=series.look.line, linewidth=1.4
            )
        logarithmic(panel, "x", 1, furthest)
        panel.set(xlim=(1, furthest), ylim=(-0.02, 1.03))
        panel.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))

    shows = "Runs whose final value is within a factor τ of the best cell's geometric mean; a failed run never is"
    yield from draw_grid(sheet, here, Plot("profile", shows, draw, "factor τ", lambda _: "share of runs"))


def best_of_cells(evidence: Evidence, dataset: str) -> float:
    """The best geometric mean of final values of a cell; NaN where there is none, or only one cell.

    Cells all of whose runs have a value go first: the survivors of one that lost some are no fair measure.
    """
    name = evidence.primary(dataset)
    if name is None:
        return math.nan
    runs = evidence.runs_of(dataset)
    axes = evidence.varying(runs)
    groups = [part for _, part in runs.groupby(axes, sort=False, dropna=False)]
    whole = [part for part in groups if part[f"{name}_final"].notna().all()]
    means = [geometric_mean(part[f"{name}_final"]).value for part in whole or groups]
    known = [mean for mean in means if not math.isnan(mean)]
    if len(groups) < 2 or not known:
        return math.nan
    return max(known) if evidence.describe(name).higher_is_better else min(known)


def ratios_of(evidence: Evidence, dataset: str, series: Series, best: float) -> Array:
    """How many times worse than the best cell each run of a cell is; infinite for a failed one."""
    name = str(evidence.primary(dataset))
    higher = bool(evidence.describe(name).higher_is_better)
    values = failures_as_worst(series.runs, f"{name}_final", higher)
    with np.errstate(divide="ignore"):
        return np.asarray(best / np.maximum(values, 0) if higher else values / best)
