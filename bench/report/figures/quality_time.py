"""Quality against time: the final value of every run against its training time, and the steps to a threshold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.evidence.results import Evidence, cells
from bench.evidence.states import has_failed, is_unresolved, judged
from bench.evidence.statistics.intervals import Array
from bench.evidence.step_times import step_times
from bench.report.figures.grids import DatasetPanel, Plot, dataset_panels, draw_grid
from bench.report.figures.sheet import Drawing, Sheet, page_name, split_evenly
from bench.report.figures.style import MAX_HEIGHT, SMALL, escape_dollars, format_thousands, set_log_scale, wrap_text
from bench.report.file_names import slug
from bench.report.threshold_times import time_to_reach

MEDIANS = "Median and 95% CI (Kaplan–Meier) of cells of which at least half of the runs reached it."
LOG_RATIO = 4.0  # the time axis is logarithmic if its ends differ by more than this factor
ROW_HEIGHT, LINE_HEIGHT = 0.24, 0.115  # inches of a cell, and of each further line of its name
OPEN: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.8}
GREY = {"color": "0.7"}
TRAINING_TIME = "training time (s)"


def draw_quality_time(evidence: Evidence, datasets: list[str], sheet: Sheet) -> Iterator[Drawing]:
    """Draw the final primary measure against training time, one point per run, where all cells were timed alone.

    Filled: stable; open: failed; grey: cannot be judged; a cross at the bad edge: ended without a final value.
    Training time: the steps of the run, times the seconds per step of its cell.
    """
    times = {dataset: step_times(evidence, dataset) for dataset in datasets if evidence.primary(dataset) is not None}
    shown = dataset_panels(evidence, [dataset for dataset, timed in times.items() if timed])
    if not shown:
        return

    def draw(axes: Axes, panel: DatasetPanel) -> None:
        about = evidence.describe(str(evidence.primary(panel.dataset)))
        column = f"{evidence.primary(panel.dataset)}_final"
        for series in panel.panel.series:
            x = _seconds(series.runs, times[panel.dataset])
            y = series.runs[column].to_numpy(dtype=float) * about.scale
            style: dict[str, Any] = {"color": series.style.colour, "linestyle": "", "markersize": 3.5}
            missing = np.isnan(y)
            failed, unresolved = has_failed(series.runs).to_numpy(), is_unresolved(series.runs).to_numpy()
            good = ~missing & ~failed & ~unresolved
            axes.plot(x[good], y[good], marker=series.style.marker, **style)
            axes.plot(x[~missing & unresolved], y[~missing & unresolved], marker=series.style.marker, **style | GREY)
            axes.plot(x[~missing & failed], y[~missing & failed], marker=series.style.marker, **style, **OPEN)
            if missing.any():
                edge = np.full(int(missing.sum()), 0.0 if about.higher_is_better else 1.0)
                axes.plot(x[missing], edge, marker="x", clip_on=False, transform=axes.get_xaxis_transform(), **style)
        runs = _runs(evidence, panel.dataset)
        seconds, values = _seconds(runs, times[panel.dataset]), runs[column] * about.scale
        _set_time_axis(axes, seconds[np.isfinite(seconds)])
        finite = values[np.isfinite(values)]
        if not about.higher_is_better and len(finite) and (finite > 0).all():
            set_log_scale(axes, "y", float(finite.min()), float(finite.max()))

    def label(dataset: str) -> str:
        return escape_dollars(f"final {evidence.describe(str(evidence.primary(dataset))).label}")

    description = "Final value against training time, one point per run; every cell was timed alone"
    extra = _extra_handles(evidence, list(dict.fromkeys(panel.dataset for panel in shown)))
    plot = Plot("quality-time", description, draw, TRAINING_TIME, label, marker=True, extra=extra)
    yield from draw_grid(sheet, shown, plot)


def _extra_handles(evidence: Evidence, datasets: list[str]) -> list[Line2D]:
    """The legend of runs that failed, that cannot be judged, and that have no final value, if there are any."""
    style: dict[str, Any] = {"color": "0.2", "linestyle": "", "markersize": 4}
    runs = {dataset: _runs(evidence, dataset) for dataset in datasets}
    handles = []
    if any(has_failed(group).any() for group in runs.values()):
        handles.append(Line2D([], [], marker="o", label="open: failed", **style, **OPEN))
    if any(is_unresolved(group).any() for group in runs.values()):
        handles.append(Line2D([], [], marker="o", label="grey: unresolved", **style | GREY))
    if any(group[f"{evidence.primary(dataset)}_final"].isna().any() for dataset, group in runs.items()):
        handles.append(Line2D([], [], marker="x", label="no final value", **style))
    return handles


def draw_threshold(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Draw the steps of every run to the threshold ``reach`` of the suite; on the right, runs that missed it.

    The bar is the Kaplan–Meier median with its 95% CI, which exists where at least half of the runs reached it; its
    open ends go to the edge. Runs that cannot be judged are left out. Without a threshold, nothing is drawn.
    """
    runs = _runs(evidence, dataset)
    name, reach = evidence.primary(dataset), runs["reach"].dropna()
    if name is None or reach.empty or not np.isfinite(runs["steps_to_threshold"]).any():
        return
    about = evidence.describe(name)
    named = [
        (escape_dollars(wrap_text(cell, sheet.width * 0.3, SMALL)), group) for cell, group in cells(evidence, dataset)
    ]
    row = ROW_HEIGHT + LINE_HEIGHT * max(cell.count("\n") for cell, _ in named)
    threshold = f"{about.label} {'≥' if about.higher_is_better else '≤'} {reach.iloc[0] * about.scale:g}"
    description = f"{dataset}: steps to reach {threshold}, per run"
    for page, part in enumerate(split_evenly(named, int((MAX_HEIGHT - 1) / row))):
        figure = _draw_threshold(sheet, part, row, description, runs["steps_to_threshold"].to_numpy(dtype=float))
        yield Drawing(page_name(f"threshold-{slug(dataset)}", page), f"{description}. {MEDIANS}", figure)


def _draw_threshold(
    sheet: Sheet, named: list[tuple[str, pd.DataFrame]], row: float, description: str, times: Array
) -> Figure:
    keys = [Line2D([], [], color="#0072B2", marker="o", markersize=3, linestyle="", label="run")]
    if any(np.isfinite(time_to_reach(runs).median) for _, runs in named):
        keys.append(Line2D([], [], color="black", marker="|", markersize=7, linewidth=1, label="median, 95% CI"))
    height = row * len(named) + 0.45 + sheet.title_height(description) + sheet.legend_height(keys)
    figure = sheet.figure(height)
    panel = figure.subplots()
    _set_time_axis(panel, times[np.isfinite(times)])
    for y, (_, runs) in enumerate(named):
        _draw_cell(panel, y, runs)
    panel.set(ylim=(len(named) - 0.4, -0.6), xlabel="generator steps")
    panel.set_yticks(range(len(named)), [name for name, _ in named])
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    figure.suptitle(sheet.wrap_title(description))
    sheet.legend(figure, keys)
    return figure


def _draw_cell(panel: Axes, y: int, runs: pd.DataFrame) -> None:
    runs = judged(runs)
    reached = runs["reached"].to_numpy(dtype=bool)
    times = runs["steps_to_threshold"].to_numpy(dtype=float)[reached]
    panel.plot(times, y + np.linspace(-0.3, 0.06, len(times)), "o", color="#0072B2", markersize=2.5, alpha=0.7)
    median, low, high = time_to_reach(runs)[:3]
    if np.isfinite(median):
        ends = [low if np.isfinite(low) else median, high if np.isfinite(high) else panel.get_xlim()[1]]
        panel.plot(ends, [y + 0.22] * 2, color="black", linewidth=1)
        panel.plot(median, y + 0.22, "|", color="black", markersize=6, markeredgewidth=1.2)
    missed = int((~reached).sum())
    if missed:
        panel.annotate(
            f"{missed}/{len(runs)} not reached",
            (1, y),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )


def _runs(evidence: Evidence, dataset: str) -> pd.DataFrame:
    return evidence.runs.loc[evidence.runs["dataset"] == dataset]


def _seconds(runs: pd.DataFrame, step_times: dict[str, float]) -> Array:
    """The training time of every run in seconds, [n]."""
    return runs["steps_done"].to_numpy(dtype=float) * runs["run"].map(step_times).to_numpy(dtype=float)


def _set_time_axis(panel: Axes, seconds: Array) -> None:
    """Make the horizontal axis span these times, with a margin."""
    low, high = float(seconds.min()), float(seconds.max())
    if low > 0 and high / low > LOG_RATIO:
        set_log_scale(panel, "x", low, high)
        panel.set_xlim(low / 1.2, high * 1.2)
        return
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    panel.set_xlim(low - margin, high + margin)
    panel.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(format_thousands))
