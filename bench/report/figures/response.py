"""Response curves: failure rate and final quality against a numeric axis, such as the learning rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from bench.evidence.results import Evidence, cell_labels, real_data_value
from bench.evidence.states import count_failed, has_failed, judged
from bench.evidence.statistics import wilson_interval
from bench.evidence.statistics.intervals import Array
from bench.plan.setting_words import value_in_words
from bench.report.figures.series import Panel, Series, legend_handles
from bench.report.figures.sheet import Drawing, Sheet, page_name, split_evenly
from bench.report.figures.style import COLOURS, REAL_LINE, escape_dollars, series_style, set_log_scale
from bench.report.file_names import slug
from bench.report.row_names import REAL

MIN_VALUES = 3  # on an axis
HEIGHT = 1.9  # inches of a panel
SPREAD = 0.35  # of the distance between two values; series stand side by side there
MANY = 8.0  # times the smallest value: from there on the axis is logarithmic


def draw_response(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Draw the failure rate with Wilson's intervals, and the final primary measure of every run, against each axis.

    An axis is drawn if it has at least three values, all of them numbers; there is one series per cell of the other
    axes. Runs that cannot be judged are left out.
    """
    measure = evidence.primary(dataset)
    if measure is None:
        return
    runs = judged(evidence.runs_of(dataset))
    for axis in evidence.varying(runs):
        numbers = pd.to_numeric(runs[axis], errors="coerce")
        are_switches = any(isinstance(value, bool | np.bool_) for value in runs[axis])
        if are_switches or numbers.isna().any() or numbers.nunique() < MIN_VALUES:
            continue
        placed = runs.assign(place=numbers, setting=cell_labels(evidence, runs, without=(axis,)))
        groups = [(str(name), group) for name, group in placed.groupby("setting", sort=False)]
        series = [Series(name, series_style(index), group) for index, (name, group) in enumerate(groups)]
        title = f"{dataset}: failure rate and final {evidence.describe(measure).label} by {evidence.axis_name(axis)}"
        description = f"{title}. Intervals: 95% CI of the failure rate (Wilson). Lines below: medians."
        for page, part in enumerate(split_evenly(series, len(COLOURS))):
            figure = _draw(evidence, sheet, part, measure, title, evidence.axis_name(axis))
            yield Drawing(page_name(f"response-{slug(f'{dataset}-{axis}')}", page), description, figure)


def _draw(evidence: Evidence, sheet: Sheet, series: list[Series], measure: str, title: str, axis_name: str) -> Figure:
    runs = pd.concat([each.runs for each in series])
    values = np.sort(runs["place"].unique().astype(float))
    keys = [
        *legend_handles([Panel("", series)], marker=True),
        *([_dot("failed run", filled=False)] if has_failed(runs).any() else []),
        *([_dot("stable run", filled=True)] if not has_failed(runs).all() else []),
        *([] if np.isnan(real_data_value(runs, measure)) else [Line2D([], [], label=REAL, **REAL_LINE)]),
    ]
    figure = sheet.figure(2 * HEIGHT + sheet.title_height(title) + sheet.legend_height(keys) + 0.4)
    rates, quality = figure.subplots(2, sharex=True)
    for index, each in enumerate(series):
        shift = SPREAD * ((index + 0.5) / len(series) - 0.5) if len(series) > 1 else 0.0
        _draw_series(rates, quality, each, measure, evidence.describe(measure).scale, values, shift)
    rates.set(ylim=(-0.03, 1.03), ylabel="failed runs")
    rates.yaxis.set_major_formatter(PercentFormatter(1))
    _finish(quality, evidence, runs, measure)
    quality.set_xlabel(escape_dollars(axis_name))
    if is_logarithmic(values):
        quality.set_xscale("log")
    quality.xaxis.set_major_locator(FixedLocator(values.tolist()))
    quality.xaxis.set_major_formatter(FuncFormatter(lambda value, _: value_in_words(float(value))))
    quality.xaxis.set_minor_locator(NullLocator())
    figure.suptitle(sheet.wrap_title(title))
    sheet.legend(figure, keys)
    return figure


def _draw_series(
    rates: Axes, quality: Axes, series: Series, measure: str, scale: float, values: Array, shift: float
) -> None:
    """Draw one series, with all its marks beside their values by this share of the distance to the next value."""
    colour, line, marker = series.style
    groups = [(float(value), group) for value, group in series.runs.groupby("place")]
    x = moved(np.array([value for value, _ in groups]), values, shift)
    counts = [(count_failed(group), len(group)) for _, group in groups]
    rate = np.array([failed / n for failed, n in counts])
    bounds = np.array([wilson_interval(failed, n) for failed, n in counts]).T
    style: dict[str, Any] = {"color": colour, "linestyle": line, "linewidth": 1.0, "marker": marker, "markersize": 3.5}
    errors = np.maximum(0, [rate - bounds[0], bounds[1] - rate])
    rates.errorbar(x, rate, yerr=errors, elinewidth=0.8, capsize=1.5, clip_on=False, **style)
    medians = np.array([group[f"{measure}_final"].median() for _, group in groups]) * scale
    quality.plot(x, medians, **style)
    for place, (_, group) in zip(x, groups, strict=True):
        failed, finals = has_failed(group).to_numpy(), group[f"{measure}_final"].to_numpy(float) * scale
        for chosen, face in ((failed, "white"), (~failed, colour)):
            quality.plot(
                np.full(int(chosen.sum()), place), finals[chosen], "o", color=colour, markersize=2.2,
                markerfacecolor=face, markeredgewidth=0.5, alpha=0.8,
            )  # fmt: skip


def is_logarithmic(values: Array) -> bool:
    """Return whether sorted values are drawn on a logarithmic axis."""
    return bool(values[0] > 0 and values[-1] >= MANY * values[0])


def moved(x: Array, values: Array, shift: float) -> Array:
    """Return places beside x, by a share of the smallest distance between two values as they are drawn."""
    if is_logarithmic(values):
        return np.asarray(x * np.exp(shift * np.diff(np.log(values)).min()))
    return np.asarray(x + shift * np.diff(values).min())


def _finish(quality: Axes, evidence: Evidence, runs: pd.DataFrame, measure: str) -> None:
    about = evidence.describe(measure)
    real = real_data_value(runs, measure) * about.scale
    quality.axhline(real, zorder=1, **REAL_LINE)
    shown = np.append(runs[f"{measure}_final"].to_numpy(float) * about.scale, real)
    shown = shown[np.isfinite(shown)]
    if not about.higher_is_better and len(shown) and (shown > 0).all():
        set_log_scale(quality, "y", float(shown.min()), float(shown.max()))
    quality.set_ylabel(escape_dollars(f"final {about.label}"))


def _dot(label: str, *, filled: bool) -> Line2D:
    face = "0.3" if filled else "white"
    return Line2D([], [], linestyle="", marker="o", color="0.3", markerfacecolor=face, markersize=2.5, label=label)
