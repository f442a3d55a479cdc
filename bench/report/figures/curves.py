"""Curves: every run as a thin line against steps, samples or time, and the median of every cell as a thick one."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.catalogue.metrics.measures import Measure, is_averaged, plain_name
from bench.evidence.results import Evidence, real_data_value
from bench.evidence.states import State, has_failed
from bench.report.figures.run_curves import (
    Axis,
    Limits,
    RunCurve,
    X,
    axis_of,
    has_values,
    limits_of,
    median_curve,
    run_curve,
    series_curves,
)
from bench.report.figures.series import Panel, Series, few_at_once, legend_handles, panels
from bench.report.figures.sheet import Drawing, Sheet, balanced_columns, page_name, split_evenly
from bench.report.figures.style import (
    REAL_STYLE,
    SIZE,
    UNTRAINED_STYLE,
    escape_dollars,
    format_thousands,
    set_log_scale,
    wrap_text,
)
from bench.report.file_names import slug

MIN_WIDTH, HEIGHT = 1.45, 1.3  # inches of a panel
ROWS = 6  # per page
FLOATS = np.finfo(float)
OUTSIDE: Any = (7, 6)  # markers of a run that ends below or above the axis: carets that point there


def draw_curves(
    evidence: Evidence, dataset: str, sheet: Sheet, x: str = "steps", measures: Collection[str] | None = None
) -> Iterator[Drawing]:
    """Draw the measures of a dataset, those of averaged weights apart, and the primary measure against time.

    Time is drawn unasked only if all cells were timed alone; else it is the time as recorded.

    With one setting there is one panel per measure; otherwise one row per measure and one column per setting. Thick:
    the median over runs, in which a diverged run counts as the worst from then on. A diverged run ends in a cross,
    any other failed run in an open marker. Grey: real data (thick) and untrained generators (dotted).
    """
    shown = [name for name in evidence.measures(dataset) if measures is None or plain_name(name) in measures]
    axis, time = axis_of(evidence, dataset, x), axis_of(evidence, dataset, "seconds")
    against = "" if x == "steps" else f"-{x}"
    for kind, names in (
        ("", [name for name in shown if not is_averaged(name)]),
        ("-ema", [name for name in shown if is_averaged(name)]),
    ):
        yield from _pages(evidence, dataset, sheet, f"curves-{slug(dataset)}{kind}{against}", names, axis)
    primary = evidence.primary(dataset)
    if primary is not None and x == "steps" and time.step_times and (measures is None or primary in shown):
        yield from _pages(evidence, dataset, sheet, f"curves-{slug(dataset)}-seconds", [primary], time)


def _pages(evidence: Evidence, dataset: str, sheet: Sheet, name: str, names: list[str], x: Axis) -> Iterator[Drawing]:
    runs = evidence.runs.loc[evidence.runs["dataset"] == dataset, "run"]
    if not any(np.isfinite(run_curve(evidence.records[run], "step", x.key).x).any() for run in runs):
        return  # the number of samples, or the time, is unknown for all runs
    page = 0
    all_panels, per_row = _measured(evidence, panels(evidence, dataset), names), sheet.panels_per_row(MIN_WIDTH)
    limits = {each: limits_of(evidence, all_panels, each) for each in names}
    is_single = len(all_panels) == 1
    for few in few_at_once(all_panels):
        for group in split_evenly(list(filter(None, few)), per_row):
            for part in split_evenly(names, ROWS * (per_row if is_single else 1)):
                of_part = {each: limits[each] for each in part}
                figure, description = _draw(evidence, dataset, sheet, group, of_part, x, is_single)
                yield Drawing(page_name(name, page), description, figure)
                page += 1


def _measured(evidence: Evidence, shown: list[Panel], names: list[str]) -> list[Panel]:
    """Return the panels with the series of which any of these measures was taken."""
    kept = [
        panel._replace(series=[series for series in panel.series if has_values(evidence, series, names)])
        for panel in shown
    ]
    return [panel for panel in kept if panel.series]


def _draw(
    evidence: Evidence,
    dataset: str,
    sheet: Sheet,
    group: list[Panel],
    limits: dict[str, Limits | None],
    x: Axis,
    is_single: bool,
) -> tuple[Figure, str]:
    """Panels of one setting (``is_single``), or a row per measure and a column per setting."""
    names = list(limits)
    setting = f", {group[0].title}" if is_single and group[0].title else ""
    title = f"{dataset}{setting}: every run (thin) and the median of every cell (thick) against {x.name}"
    columns = balanced_columns(len(names), sheet.panels_per_row(MIN_WIDTH)) if is_single else len(group)
    shown = [(panel, name) for name in names for panel in group]
    rows = math.ceil(len(shown) / columns)
    keys = _legend(evidence, group, limits)
    figure = sheet.figure(HEIGHT * rows + 0.35 + sheet.title_height(title) + sheet.legend_height(keys))
    sharey: Any = False if is_single else "row"
    grid = figure.subplots(rows, columns, squeeze=False, sharex="all" if is_single else "col", sharey=sharey)
    for index, (axes, (panel, name)) in enumerate(zip(grid.flat, shown, strict=False)):
        _draw_measure(axes, evidence, panel, name, limits[name], x)
        if not is_single and index < columns:
            axes.set_title(escape_dollars(wrap_text(panel.title, (sheet.width - 0.5) / columns - 0.1, SIZE)))
        if is_single or index % columns == 0:
            axes.set_ylabel(escape_dollars(evidence.describe(name).label))
        if index + columns >= len(shown):
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(X[x.key])
    for axes in grid.flat[len(shown) :]:
        axes.remove()
    figure.suptitle(sheet.wrap_title(title))
    sheet.legend(figure, keys)
    return figure, " ".join([f"{title}.", *_remarks(evidence, group, limits)])


def _remarks(evidence: Evidence, group: list[Panel], limits: dict[str, Limits | None]) -> Iterator[str]:
    """Yield the sentences of the caption about runs that are better than real data, or beyond an axis."""
    if any(_beats_real_data(evidence, group, name) for name in limits):
        yield "Real data is a finite sample too, so a run can score better by chance."
    for name in limits:
        if count := len(_beyond(group, limits[name])):
            runs = "1 run goes" if count == 1 else f"{count} runs go"
            yield f"{runs} beyond the axis of {evidence.describe(name).label}."


def _beyond(group: list[Panel], limits: Limits | None) -> set[str]:
    """Return the runs of these panels that go beyond the axis."""
    return {run for panel in group for series in panel.series for run in series.runs["run"]} & set(
        limits.beyond if limits else ()
    )


def _beats_real_data(evidence: Evidence, group: list[Panel], name: str) -> bool:
    """Whether any value of a measure is better than that of real data."""
    runs = pd.concat([series.runs for panel in group for series in panel.series])
    real, higher = real_data_value(runs, name), evidence.describe(name).higher_is_better
    values = np.concatenate([run_curve(evidence.records[run], name, "steps").y for run in runs["run"]])
    return higher is not None and bool(((values > real) if higher else (values < real)).any())


def _draw_measure(axes: Axes, evidence: Evidence, panel: Panel, name: str, limits: Limits | None, x: Axis) -> None:
    about = evidence.describe(name)
    runs = pd.concat([series.runs for series in panel.series])
    for value, style in ((real_data_value(runs, name), REAL_STYLE), (evidence.untrained(runs, name), UNTRAINED_STYLE)):
        if np.isfinite(value):
            axes.axhline(value * about.scale, zorder=1, **style)
    for series in panel.series:
        _draw_series(axes, series_curves(evidence, series, name, x.key, x.step_times), series, about)
    axes.autoscale_view()
    if limits is not None:
        _set_vertical_axis(axes, about, limits)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(_format_count))


def _draw_series(axes: Axes, curves: list[RunCurve], series: Series, about: Measure) -> None:
    colour, line, marker = series.style
    scaled = [curve._replace(y=curve.y * about.scale) for curve in curves]
    points = [np.stack([c.x, c.y], axis=1)[np.isfinite(c.x) & np.isfinite(c.y)] for c in scaled]
    thin = LineCollection(
        [of_run for of_run in points if len(of_run)],
        colors=colour,
        linestyles=[line],
        linewidths=0.6,
        alpha=0.5,
        zorder=2,
    )
    axes.add_collection(thin)
    for curve, of_run in zip(scaled, points, strict=True):
        if curve.failed and len(of_run):
            end: dict[str, Any] = (
                {"marker": "x", "markersize": 5, "markeredgewidth": 1.3}
                if curve.diverged
                else {"marker": marker, "markersize": 3, "markerfacecolor": "white", "markeredgewidth": 0.7}
            )
            axes.plot(*of_run[-1], linestyle="", color=colour, zorder=4, clip_on=False, **end)
    if len(curves) > 1:
        x, y = median_curve(scaled, about.higher_is_better)
        axes.plot(x, y, color=colour, linestyle=line, linewidth=1.6, zorder=3)


def _set_vertical_axis(axes: Axes, measure: Measure, limits: Limits) -> None:
    """Show this range, with the ends of runs beyond it as triangles at its edge."""
    low, high = limits.low, limits.high
    if measure.logarithmic:
        set_log_scale(axes, "y", low, high)
        margin = (high**0.05 / low**0.05) or 1.0
        axes.set_ylim(max(low / margin, FLOATS.tiny), min(high * margin, FLOATS.max))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        margin = 0.05 * (high - low)
        axes.set_ylim(low - margin, high + margin)
    for line in axes.lines:
        if line.get_linestyle() == "None" and (end := np.asarray(line.get_ydata())[0]) != min(max(end, low), high):
            line.set(ydata=[axes.get_ylim()[int(end > high)]], marker=OUTSIDE[int(end > high)], markersize=6)
            line.set_markerfacecolor(line.get_color())


def _format_count(value: float, _: object = None) -> str:
    """12,000 in full, 3,000,000 as 3M."""
    return f"{value / 1e6:g}M" if abs(value) >= 1e6 else format_thousands(value)


def _legend(evidence: Evidence, group: list[Panel], limits: dict[str, Limits | None]) -> list[Line2D]:
    names = list(limits)
    runs = pd.concat([series.runs for panel in group for series in panel.series])
    diverged = runs["outcome"] == State.DIVERGED
    handles = legend_handles(group)
    if any(np.isfinite(real_data_value(runs, name)) for name in names):
        handles.append(Line2D([], [], label="real data", **REAL_STYLE))
    if any(np.isfinite(evidence.untrained(runs, name)) for name in names):
        handles.append(Line2D([], [], label="untrained", **UNTRAINED_STYLE))
    if diverged.any():
        handles.append(Line2D([], [], color="0.2", marker="x", linestyle="", markersize=5, label="diverged"))
    if (has_failed(runs) & ~diverged).any():
        label = "other failure" if diverged.any() else "failed"
        style: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.7, "markersize": 4}
        handles.append(Line2D([], [], color="0.2", marker="o", linestyle="", label=label, **style))
    if any(_beyond(group, each) for each in limits.values()):
        handles.append(Line2D([], [], color="0.2", marker=OUTSIDE[1], linestyle="", label="beyond the axis"))
    return handles
