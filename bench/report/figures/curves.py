"""Curves: every run as a thin line against steps, samples or time, and the median of every cell as a thick one."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

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
from bench.evidence.statistics.intervals import Array
from bench.plan.updates import critic_batches
from bench.records.record import Record
from bench.report.figures.series import Panel, Series, legend_handles, panels
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

X = {
    "steps": "generator steps",
    "critic-steps": "critic steps",
    "images": "samples seen by the critic",
    "seconds": "training time (s)",
}
MIN_WIDTH, HEIGHT = 1.45, 1.3  # inches of a panel
ROWS = 6  # per page


class RunCurve(NamedTuple):
    """A measure of one run: the steps of its evaluations, x and y, [n]; y is NaN where there is no finite value."""

    steps: Array
    x: Array
    y: Array
    failed: bool = False
    diverged: bool = False


def draw_curves(
    evidence: Evidence, dataset: str, sheet: Sheet, x: str = "steps", measures: Collection[str] | None = None
) -> Iterator[Drawing]:
    """Draw the measures of a dataset, those of averaged weights apart, and the primary measure against time.

    With one setting there is one panel per measure; otherwise one row per measure and one column per setting. Thick:
    the median over runs, in which a diverged run counts as the worst from then on. A diverged run ends in a cross,
    any other failed run in an open marker. Grey: real data (thick) and untrained generators (dotted).
    """
    shown = [name for name in evidence.measures(dataset) if measures is None or plain_name(name) in measures]
    against = "" if x == "steps" else f"-{x}"
    for kind, names in (
        ("", [name for name in shown if not is_averaged(name)]),
        ("-ema", [name for name in shown if is_averaged(name)]),
    ):
        yield from _pages(evidence, dataset, sheet, f"curves-{slug(dataset)}{kind}{against}", names, x)
    primary = evidence.primary(dataset)
    if primary is not None and x == "steps" and (measures is None or primary in shown):
        yield from _pages(evidence, dataset, sheet, f"curves-{slug(dataset)}-seconds", [primary], "seconds")


def _pages(evidence: Evidence, dataset: str, sheet: Sheet, name: str, names: list[str], x: str) -> Iterator[Drawing]:
    runs = evidence.runs.loc[evidence.runs["dataset"] == dataset, "run"]
    if not any(np.isfinite(run_curve(evidence.records[run], "step", x).x).any() for run in runs):
        return  # the number of samples, or the time, is unknown for all runs
    page = 0
    all_panels, per_row = panels(evidence, dataset), sheet.panels_per_row(MIN_WIDTH)
    is_single = len(all_panels) == 1
    for group in split_evenly(all_panels, per_row):
        for part in split_evenly(names, ROWS * (per_row if is_single else 1)):
            figure, description = _draw(evidence, dataset, sheet, group, part, x, is_single)
            yield Drawing(page_name(name, page), description, figure)
            page += 1


def _draw(
    evidence: Evidence, dataset: str, sheet: Sheet, group: list[Panel], names: list[str], x: str, is_single: bool
) -> tuple[Figure, str]:
    """Panels of one setting (``is_single``), or a row per measure and a column per setting."""
    setting = f", {group[0].title}" if is_single and group[0].title else ""
    description = f"{dataset}{setting}: every run (thin) and the median of every cell (thick) against {X[x]}"
    if any(_beats_real_data(evidence, group, name) for name in names):
        description += "; real data is a finite sample too, so a run can score better by chance"
    columns = balanced_columns(len(names), sheet.panels_per_row(MIN_WIDTH)) if is_single else len(group)
    shown = [(panel, name) for name in names for panel in group]
    rows = math.ceil(len(shown) / columns)
    keys = _legend(evidence, group, names)
    figure = sheet.figure(HEIGHT * rows + 0.35 + sheet.title_height(description) + sheet.legend_height(keys))
    sharey: Any = False if is_single else "row"
    grid = figure.subplots(rows, columns, squeeze=False, sharex="all" if is_single else "col", sharey=sharey)
    for index, (axes, (panel, name)) in enumerate(zip(grid.flat, shown, strict=False)):
        _draw_measure(axes, evidence, panel, name, x)
        if not is_single and index < columns:
            axes.set_title(escape_dollars(wrap_text(panel.title, (sheet.width - 0.5) / columns - 0.1, SIZE)))
        if is_single or index % columns == 0:
            axes.set_ylabel(escape_dollars(evidence.describe(name).label))
        if index + columns >= len(shown):
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(X[x])
    for axes in grid.flat[len(shown) :]:
        axes.remove()
    figure.suptitle(sheet.wrap_title(description))
    sheet.legend(figure, keys)
    return figure, description


def _beats_real_data(evidence: Evidence, group: list[Panel], name: str) -> bool:
    """Whether any value of a measure is better than that of real data."""
    runs = pd.concat([series.runs for panel in group for series in panel.series])
    real, higher = real_data_value(runs, name), evidence.describe(name).higher_is_better
    values = np.concatenate([run_curve(evidence.records[run], name, "steps").y for run in runs["run"]])
    return higher is not None and bool(((values > real) if higher else (values < real)).any())


def run_curve(record: Record, name: str, x: str) -> RunCurve:
    """Return the curve of one run for a measure against ``x``, a key of ``X``."""
    trace, training = record.trace, record.metadata.training
    step = np.asarray(trace["step"], dtype=float)
    critic_step = step * training.critic_steps
    positions = {
        "steps": step,
        "critic-steps": critic_step,
        "images": step * critic_batches(training) * (training.batch_size or np.nan),
        "seconds": np.asarray(trace["seconds"], dtype=float) if "seconds" in trace else np.full(len(step), np.nan),
    }
    y = np.asarray(trace[name], dtype=float) if name in trace else np.full(len(step), np.nan)
    return RunCurve(step, positions[x], np.where(np.isfinite(y), y, np.nan))


def series_curves(evidence: Evidence, series: Series, name: str, x: str) -> list[RunCurve]:
    """Return the curves of all runs of a series, with their failures."""
    curves = [run_curve(evidence.records[run], name, x) for run in series.runs["run"]]
    diverged = series.runs["outcome"] == State.DIVERGED
    return [
        curve._replace(failed=bool(failed), diverged=bool(has_diverged))
        for curve, failed, has_diverged in zip(curves, has_failed(series.runs), diverged, strict=True)
    ]


def median_curve(curves: list[RunCurve], higher_is_better: bool | None) -> tuple[Array, Array]:
    """Return the median over runs of x and of y, [n], at the steps at which every unfinished run was evaluated.

    After its last value a diverged run counts as the worst, so that it does not flatter the others; where half of the
    runs have diverged the line ends. Measures without a better direction use the remaining runs only.
    """
    worst = np.nan if higher_is_better is None else -np.inf if higher_is_better else np.inf
    measured = [curve for curve in curves if np.isfinite(curve.y).any()]
    if not measured:
        return np.empty(0), np.empty(0)
    frames = [pd.DataFrame({"x": curve.x, "y": curve.y}, index=curve.steps).dropna(subset="y") for curve in measured]
    frames = [frame[~frame.index.duplicated(keep="last")] for frame in frames]
    xs, ys = (pd.concat([frame[axis] for frame in frames], axis=1).sort_index() for axis in ("x", "y"))
    has_ended = xs.index.to_numpy()[:, None] > np.array([frame.index[-1] for frame in frames])
    ys = ys.mask(has_ended & np.array([curve.diverged for curve in measured]), worst)
    is_complete = (ys.notna() | has_ended).all(axis=1)
    medians = ys[is_complete].median(axis=1).to_numpy()
    return xs[is_complete].median(axis=1).to_numpy(), np.where(np.isfinite(medians), medians, np.nan)


def _draw_measure(axes: Axes, evidence: Evidence, panel: Panel, name: str, x: str) -> None:
    about = evidence.describe(name)
    runs = pd.concat([series.runs for series in panel.series])
    for value, style in ((real_data_value(runs, name), REAL_STYLE), (evidence.untrained(runs, name), UNTRAINED_STYLE)):
        if np.isfinite(value):
            axes.axhline(value * about.scale, zorder=1, **style)
    for series in panel.series:
        _draw_series(axes, series_curves(evidence, series, name, x), series, about)
    axes.autoscale_view()
    _scale_vertical_axis(axes, about)
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


def _scale_vertical_axis(axes: Axes, measure: Measure) -> None:
    if not measure.logarithmic:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        return
    values = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    values += [segment[:, 1] for thin in axes.collections for segment in thin.get_segments()]  # type: ignore[attr-defined]
    positive = np.concatenate([np.empty(0), *(value[np.isfinite(value) & (value > 0)] for value in values)])
    if len(positive):
        set_log_scale(axes, "y", float(positive.min()), float(positive.max()))


def _format_count(value: float, _: object = None) -> str:
    """12,000 in full, 3,000,000 as 3M."""
    return f"{value / 1e6:g}M" if abs(value) >= 1e6 else format_thousands(value)


def _legend(evidence: Evidence, group: list[Panel], names: list[str]) -> list[Line2D]:
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
    return handles
