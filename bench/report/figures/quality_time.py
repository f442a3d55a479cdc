"""Quality against time: what every run came to over the seconds it trained, and the seconds to a threshold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from bench.evidence.results import Evidence, cells
from bench.evidence.states import State, has_failed
from bench.evidence.statistics import TimeToThreshold, time_to_threshold
from bench.report.figures.grids import Place, Plot, draw_grid, places
from bench.report.figures.sheet import Drawing, Sheet, even, paged, slug
from bench.report.figures.style import HEIGHT, SMALL, fold, logarithmic, plain, thousands

Array = NDArray[np.float64]
WIDE = 4.0  # from this ratio of the longest to the shortest time on the axis is logarithmic
ROW, LINE = 0.24, 0.115  # inches of a cell, and of a further line of its name
OPEN: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.8}


def draw_quality_time(evidence: Evidence, datasets: list[str], sheet: Sheet) -> Iterator[Drawing]:
    """The primary measure after the last step over the seconds of training: a point a run.

    Filled: converged; open: failed; a cross at the bad edge: ended without a final value. Datasets whose seconds are
    not known are left out.
    """
    known = [dataset for dataset in datasets if np.isfinite(_seconds(_of(evidence, dataset))).any()]
    here = places(evidence, [dataset for dataset in known if evidence.primary(dataset) is not None])
    if not here:
        return

    def draw(panel: Axes, place: Place) -> None:
        about = evidence.describe(str(evidence.primary(place.dataset)))
        everyone = _of(evidence, place.dataset)
        for series in place.panel.series:
            x = _seconds(series.runs)
            y = series.runs[f"{evidence.primary(place.dataset)}_final"].to_numpy(dtype=float) * about.scale
            look: dict[str, Any] = {"color": series.look.colour, "linestyle": "", "markersize": 3.5}
            lost = np.isnan(y)
            failed = has_failed(series.runs).to_numpy()
            panel.plot(x[~lost & ~failed], y[~lost & ~failed], marker=series.look.marker, **look)
            panel.plot(x[~lost & failed], y[~lost & failed], marker=series.look.marker, **look, **OPEN)
            if lost.any():
                edge = np.full(int(lost.sum()), 0.0 if about.higher_is_better else 1.0)
                panel.plot(x[lost], edge, marker="x", clip_on=False, transform=panel.get_xaxis_transform(), **look)
        seconds, values = _seconds(everyone), everyone[f"{evidence.primary(place.dataset)}_final"] * about.scale
        _along(panel, seconds[np.isfinite(seconds)])
        finite = values[np.isfinite(values)]
        if not about.higher_is_better and len(finite) and (finite > 0).all():
            logarithmic(panel, "y", float(finite.min()), float(finite.max()))

    def label(dataset: str) -> str:
        return plain(evidence.describe(str(evidence.primary(dataset))).label)

    runs = pd.concat([_of(evidence, dataset) for dataset in {place.dataset: None for place in here}])
    look: dict[str, Any] = {"color": "0.2", "linestyle": "", "markersize": 4}
    extra = []
    if has_failed(runs).any():
        extra.append(Line2D([], [], marker="o", label="open: failed", **look, **OPEN))
    if any(_of(evidence, d)[f"{evidence.primary(d)}_final"].isna().any() for d in {p.dataset for p in here}):
        extra.append(Line2D([], [], marker="x", label="no final value", **look))
    shows = "Every run: its final value over the seconds it trained"
    plot = Plot("quality-time", shows, draw, "seconds of training", label, marker=True, extra=extra)
    yield from draw_grid(sheet, here, plot)


def draw_threshold(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """The seconds that every run took to the threshold ``reach`` of the suite; at the right how many never came.

    The bar is the median by Kaplan & Meier with its 95 % interval. Nothing where nothing is to be reached.
    """
    here = _of(evidence, dataset)
    name, reach = evidence.primary(dataset), here["reach"].dropna()
    if name is None or reach.empty or not np.isfinite(here["seconds_to_threshold"]).any():
        return
    about = evidence.describe(name)
    named = [(plain(fold(cell, sheet.width * 0.3, SMALL)), runs) for cell, runs in cells(evidence, dataset)]
    row = ROW + LINE * max(cell.count("\n") for cell, _ in named)
    shows = (
        f"{dataset}: seconds of training until {about.label} was {reach.iloc[0] * about.scale:g}, of every run, and "
        f"their median with its 95 % interval (Kaplan & Meier)"
    )
    for number, part in enumerate(even(named, int((HEIGHT - 1) / row))):
        figure = _draw_threshold(sheet, part, row, shows, here["seconds_to_threshold"].to_numpy(dtype=float))
        yield Drawing(paged(f"threshold-{slug(dataset)}", number), shows, figure)


def _draw_threshold(
    sheet: Sheet, named: list[tuple[str, pd.DataFrame]], row: float, shows: str, everyone: Array
) -> Figure:
    keys = [
        Line2D([], [], color="#0072B2", marker="o", markersize=3, linestyle="", label="a run"),
        Line2D([], [], color="black", marker="|", markersize=7, linewidth=1, label="median, interval"),
    ]
    words = [str(key.get_label()) for key in keys]
    figure = sheet.figure(row * len(named) + 0.45 + sheet.title_height(shows) + sheet.legend_height(words))
    panel = figure.subplots()
    _along(panel, everyone[np.isfinite(everyone)])
    for y, (_, runs) in enumerate(named):
        _draw_reach(panel, y, runs)
    panel.set(ylim=(len(named) - 0.4, -0.6), xlabel="seconds of training")
    panel.set_yticks(range(len(named)), [name for name, _ in named])
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    sheet.title(figure, shows)
    sheet.legend(figure, keys)
    return figure


def _draw_reach(panel: Axes, y: int, runs: pd.DataFrame) -> None:
    reached = runs["reached"].to_numpy(dtype=bool)
    times = runs["seconds_to_threshold"].to_numpy(dtype=float)[reached]
    panel.plot(times, np.full(len(times), y - 0.12), "o", color="#0072B2", markersize=2.5, alpha=0.7)
    median, low, high = reach_of(runs)[:3]
    if np.isfinite(median):
        ends = [low if np.isfinite(low) else median, high if np.isfinite(high) else panel.get_xlim()[1]]
        panel.plot(ends, [y + 0.22] * 2, color="black", linewidth=1)
        panel.plot(median, y + 0.22, "|", color="black", markersize=6, markeredgewidth=1.2)
    never = int((~reached).sum())
    if never:
        panel.annotate(
            f"{never}/{len(runs)} never",
            (1, y),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )


def reach_of(runs: pd.DataFrame) -> TimeToThreshold:
    """Of the runs of a cell; one that did not come there was watched as long as it trained.

    One that diverged was watched as long as any: that it ended says that it would never have come.
    """
    watched = np.where(runs["outcome"] == State.DIVERGED, np.nan_to_num(_seconds(runs)).max(), _seconds(runs))
    times = np.where(runs["reached"], runs["seconds_to_threshold"], watched).astype(float)
    return time_to_threshold(times, runs["reached"])


def _of(evidence: Evidence, dataset: str) -> pd.DataFrame:
    return evidence.runs.loc[evidence.runs["dataset"] == dataset]


def _seconds(runs: pd.DataFrame) -> Array:
    """Of training, NaN where they are not known."""
    if "training_seconds" not in runs:
        return np.full(len(runs), np.nan)
    return pd.to_numeric(runs["training_seconds"], errors="coerce").to_numpy(dtype=float)


def _along(panel: Axes, seconds: Array) -> None:
    """An axis of seconds, from the shortest to the longest with some room."""
    low, high = float(seconds.min()), float(seconds.max())
    if low > 0 and high / low > WIDE:
        logarithmic(panel, "x", low, high)
        panel.set_xlim(low / 1.2, high * 1.2)
        return
    room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    panel.set_xlim(low - room, high + room)
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.xaxis.set_major_formatter(FuncFormatter(thousands))
