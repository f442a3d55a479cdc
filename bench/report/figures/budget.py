"""Budget curves: what the best of k runs is expected to be, with every failed run among them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.evidence.results import Evidence
from bench.evidence.states import has_failed
from bench.evidence.statistics import expected_best
from bench.report.figures.grids import Place, Plot, draw_grid, places
from bench.report.figures.sheet import Drawing, Sheet
from bench.report.figures.style import logarithmic, plain

Array = NDArray[np.float64]


def draw_budget(evidence: Evidence, datasets: list[str], sheet: Sheet) -> Iterator[Drawing]:
    """The expected best primary measure of k runs of a cell over k.

    Dodge et al. 2019, exact. A failed run is worth the worst that was seen of the dataset. Nothing where no cell has
    two runs.
    """
    here = places(evidence, [dataset for dataset in datasets if evidence.primary(dataset) is not None])
    here = [place for place in here if any(len(series.runs) > 1 for series in place.panel.series)]
    worst = {place.dataset: worst_seen(evidence, place.dataset) for place in here}
    here = [place for place in here if np.isfinite(worst[place.dataset])]

    lines = {
        (place.dataset, place.panel.title, series.name): curve(
            evidence, place.dataset, series.runs, worst[place.dataset]
        )
        for place in here
        for series in place.panel.series
    }

    def draw(panel: Axes, place: Place) -> None:
        for series in place.panel.series:
            best = lines[place.dataset, place.panel.title, series.name]
            colour, line, marker = series.look
            panel.plot(
                range(1, len(best) + 1),
                best,
                color=colour,
                linestyle=line,
                marker=marker,
                markersize=2.5,
                linewidth=1.2,
            )
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        values = np.concatenate([best for (dataset, *_), best in lines.items() if dataset == place.dataset])
        lower = not evidence.describe(str(evidence.primary(place.dataset))).higher_is_better
        if lower and (values > 0).all():
            logarithmic(panel, "y", float(values.min()), float(values.max()))

    def label(dataset: str) -> str:
        return plain(f"best {evidence.describe(str(evidence.primary(dataset))).label} of k")

    shows = "The best of k runs to be expected; a failed run counts as the worst value seen of its dataset"
    yield from draw_grid(sheet, here, Plot("budget", shows, draw, "runs k", label))


def curve(evidence: Evidence, dataset: str, runs: pd.DataFrame, worst: float) -> Array:
    """The best to be expected of 1, 2, ... of the runs of a cell, as the measure is told, [n]."""
    about = evidence.describe(str(evidence.primary(dataset)))
    values = counted(evidence, dataset, runs, worst) * about.scale
    return np.array([expected_best(values, k, bool(about.higher_is_better)) for k in range(1, len(values) + 1)])


def counted(evidence: Evidence, dataset: str, runs: pd.DataFrame, worst: float) -> Array:
    """The final primary measures of runs; of one that failed the worst."""
    values = runs[f"{evidence.primary(dataset)}_final"].to_numpy(dtype=float)
    return np.where(has_failed(runs) | np.isnan(values), worst, values)


def worst_seen(evidence: Evidence, dataset: str) -> float:
    """The worst primary measure after the last step of any run of a dataset, or of an untrained generator."""
    name = str(evidence.primary(dataset))
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    values = np.append(here[f"{name}_final"].to_numpy(dtype=float), evidence.untrained(here, name))
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan")
    return float(values.min() if evidence.describe(name).higher_is_better else values.max())
