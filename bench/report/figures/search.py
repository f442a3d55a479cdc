"""Figures of a search: the best of k draws against k, and the primary measure against every parameter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.evidence.results import Evidence
from bench.evidence.search import TechniqueResult
from bench.evidence.search_curves import BINS, best_of, grouped
from bench.plan.setting_words import value_in_words
from bench.report.figures.choice_names import fit_name, name_choices
from bench.report.figures.sheet import Drawing, Sheet, page_name, split_evenly
from bench.report.figures.style import COLOURS, SMALL, escape_dollars, set_log_scale, wrap_text
from bench.report.file_names import slug
from bench.report.search import confirmation_runs, technique_name

MIN_WIDTH, HEIGHT = 1.3, 1.25  # inches of a panel
ROWS = 5  # per page
EXPLANATION = "The best draw has the fewest failures, so with more draws its value can be worse."
MANY = 20  # values of a positive parameter that span this factor are drawn on a logarithmic axis


def draw_search(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Draw the search of a dataset: the budget of every technique, then its parameters; nothing if there was none."""
    results = [
        each
        for each in evidence.search
        if str(each.axes.get("dataset")) == dataset and each.primary and len(each.settings) > 1
    ]
    if results:
        yield from _draw_budget(evidence, dataset, results, sheet)
        yield from _draw_parameters(evidence, dataset, results, sheet)


def _draw_budget(evidence: Evidence, dataset: str, results: list[TechniqueResult], sheet: Sheet) -> Iterator[Drawing]:
    """One panel per technique; the curves of the others are grey behind it."""
    title = f"{dataset}: median of the best of k draws in tuning, with its 95% CI (where open, to the edge)"
    per_row = sheet.panels_per_row(MIN_WIDTH)
    confirmed = [len(confirmation_runs(evidence, each)) for each in results]
    curves = [budget_curve(each) for each in results]
    failed = [not stable.all() for _, stable in curves]
    description = f"{title}. {EXPLANATION}" if any(map(gets_worse, results, curves)) else title
    keys = [
        Line2D([], [], color=COLOURS[0], label="tuning: best of k draws"),
        *([Line2D([], [], color=COLOURS[1], linestyle="--", label="the same, failed")] if any(failed) else []),
        Line2D([], [], color=COLOURS[0], alpha=0.2, linewidth=6, label="95% CI"),
        *([Line2D([], [], color="0.8", label="other techniques")] if len(results) > 1 else []),
        *([_mark("D", "black", "confirmation on fresh seeds, median", filled=True)] if any(confirmed) else []),
    ]
    scale = evidence.describe(str(results[0].primary)).scale
    for page, rows in enumerate(split_evenly(split_evenly(range(len(results)), per_row), ROWS)):
        figure = sheet.figure((HEIGHT + 0.3) * len(rows) + 0.4 + sheet.title_height(title) + 0.4)
        grid = figure.subplots(len(rows), max(map(len, rows)), squeeze=False, sharex=True, sharey=True)
        for axes, index in _filled(grid, rows):
            for other, _ in curves:
                axes.plot(range(1, len(other) + 1), other[:, 0] * scale, color="0.8", linewidth=0.7)
            _draw_curve(evidence, axes, results[index], *curves[index])
            stable = sum(each.is_stable for each in results[index].settings)
            name = technique_name(evidence, results[index], without=("dataset",))
            name = f"{name} ({stable}/{len(results[index].settings)} stable)"
            axes.set_xlabel("number of draws k" if index in rows[-1] else "")
            axes.set_title(escape_dollars(wrap_text(name, sheet.width / per_row - 0.2, SMALL)), fontsize=SMALL)
        _finish(figure, sheet, title, keys, _label(evidence, results[0]))
        shown = np.concatenate([curve[:, 0] for curve, _ in curves])
        _scale(grid[0, 0], evidence, results[0], shown)
        yield Drawing(page_name(f"search-budget-{slug(dataset)}", page), description, figure)


def gets_worse(result: TechniqueResult, curve: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]) -> bool:
    """Return whether the best of k draws has a worse value somewhere than the best of fewer."""
    steps = np.diff(curve[0][:, 0])
    return bool((steps < 0 if result.higher_is_better else steps > 0).any())


def budget_curve(result: TechniqueResult) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return median, low and high of the best of k draws, [n, 3], and whether the median draw is stable, [n].

    The best is the one that is confirmed: draws are ordered by their failures first. An end that nothing bounds, or the
    value of a draw that diverged, is NaN.
    """
    ordered = result.ranked()[::-1]
    places = np.array(best_of(np.arange(len(ordered), dtype=float), higher_is_better=True))
    bounded = np.isfinite(places)
    at = np.where(bounded, places, 0).astype(int)
    values = np.array([each.value for each in ordered])[at]
    stable = np.array([each.is_stable for each in ordered])
    return np.where(bounded & np.isfinite(values), values, np.nan), stable[at[:, 0]]


def _draw_curve(
    evidence: Evidence,
    axes: Axes,
    result: TechniqueResult,
    curve: np.ndarray[Any, Any],
    is_stable: np.ndarray[Any, Any],
) -> None:
    scale = evidence.describe(str(result.primary)).scale
    k = np.arange(1, len(curve) + 1)
    draws = np.array(_values(result))
    draws = draws[np.isfinite(draws)]
    if len(draws):  # an end that nothing bounds reaches the edge of what was seen
        worst, best = sorted((draws.min(), draws.max()), reverse=not result.higher_is_better)
        ends = np.where(np.isnan(curve[:, 1:]), (worst, best), curve[:, 1:]) * scale
        axes.fill_between(k, ends[:, 0], ends[:, 1], color=COLOURS[0], alpha=0.2, linewidth=0)
    last = k[~is_stable].max(initial=-1)
    failed = k <= last + 1  # the line of failed draws ends where the other begins
    axes.plot(k[failed], curve[failed, 0] * scale, color=COLOURS[1], linewidth=1.2, linestyle="--")
    axes.plot(k[is_stable], curve[is_stable, 0] * scale, color=COLOURS[0], linewidth=1.2)
    runs = confirmation_runs(evidence, result)
    values = runs[f"{result.primary}_final"].dropna() if len(runs) else ()
    if len(values):
        axes.plot(k[-1], np.median(values) * scale, "D", color="black", markersize=4, zorder=4)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")


def _draw_parameters(
    evidence: Evidence, dataset: str, results: list[TechniqueResult], sheet: Sheet
) -> Iterator[Drawing]:
    """One panel per technique and parameter of its own, with one dot per draw and the median of each group."""
    panels = [(each, key) for each in results for key in dict.fromkeys(k for d in each.settings for k in d.setting)]
    if not panels:
        return
    description = f"{dataset}: final {evidence.describe(str(results[0].primary)).label} of every tuning draw"
    stable = [each.is_stable for result in results for each in result.settings]
    keys = [
        *([_mark("o", COLOURS[0], "stable", filled=True)] if any(stable) else []),
        *([_mark("o", COLOURS[1], "failed", filled=False)] if not all(stable) else []),
        Line2D([], [], color="black", label=f"median of each value, or of {BINS} groups"),
    ]
    shown = np.array([value for each in results for value in _values(each)])
    per_row = sheet.panels_per_row(MIN_WIDTH)
    width = sheet.width / per_row - 0.2
    for page, rows in enumerate(split_evenly(split_evenly(range(len(panels)), per_row), ROWS)):
        figure = sheet.figure((HEIGHT + 0.5) * len(rows) + 0.4 + sheet.title_height(description) + 0.4)
        grid = figure.subplots(len(rows), max(map(len, rows)), squeeze=False, sharey=True)
        for axes, index in _filled(grid, rows):
            result, key = panels[index]
            _draw_parameter(evidence, axes, result, key, width)
            name = technique_name(evidence, result, without=("dataset",))
            axes.set_title(escape_dollars(wrap_text(name, width, SMALL)), fontsize=SMALL)
            axes.set_xlabel(escape_dollars(wrap_text(key, width, SMALL)), fontsize=SMALL)
        _scale(grid[0, 0], evidence, results[0], shown)
        _finish(figure, sheet, description, keys, _label(evidence, results[0]))
        yield Drawing(page_name(f"search-parameters-{slug(dataset)}", page), description, figure)


def _values(result: TechniqueResult) -> list[float]:
    return [each.value for each in result.settings]


def _draw_parameter(evidence: Evidence, axes: Axes, result: TechniqueResult, key: str, width: float) -> None:
    draws = [each for each in result.settings if key in each.setting]
    scale = evidence.describe(str(result.primary)).scale
    given = [each.setting[key] for each in draws]
    groups = grouped(given)
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
    names = name_choices(given)
    places = {words: place for place, words in enumerate(names)}
    x = np.array(given if numeric else [places[value_in_words(value)] for value in given], dtype=float)
    y = np.array([each.value if math.isfinite(each.value) else math.nan for each in draws]) * scale
    stable = np.array([each.is_stable for each in draws])
    axes.plot(x[stable], y[stable], "o", color=COLOURS[0], markersize=3)
    axes.plot(x[~stable], y[~stable], "o", color=COLOURS[1], markersize=3, markerfacecolor="none")
    middles = [(np.median(x[rows]), _median(y[rows])) for rows in groups.values()]
    axes.plot(*zip(*sorted(middles), strict=True), color="black", linewidth=1, marker="_", zorder=3)
    if not numeric:
        axes.set_xticks(range(len(names)), [fit_name(name, width / len(names)) for name in names.values()])
        axes.set_xlim(-0.5, len(names) - 0.5)
    elif x.min() > 0 and x.max() >= MANY * x.min():
        set_log_scale(axes, "x", float(x.min()), float(x.max()))
    elif len(set(x.tolist())) <= BINS:
        axes.set_xticks(sorted(set(x.tolist())))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(3))


def _median(values: np.ndarray[Any, Any]) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else math.nan


def _filled(grid: np.ndarray[Any, Any], rows: list[list[int]]) -> Iterator[tuple[Axes, int]]:
    """Yield the axes of every panel with its number, and hide the others."""
    for line, row in zip(grid, rows, strict=True):
        for axes in line[len(row) :]:
            axes.set_visible(False)
        yield from zip(line, row, strict=False)


def _label(evidence: Evidence, result: TechniqueResult) -> str:
    return escape_dollars(evidence.describe(str(result.primary)).label)


def _scale(axes: Axes, evidence: Evidence, result: TechniqueResult, values: np.ndarray[Any, Any]) -> None:
    about = evidence.describe(str(result.primary))
    known = values[np.isfinite(values)] * about.scale
    if about.logarithmic and len(known) and (known > 0).all():
        set_log_scale(axes, "y", float(known.min()), float(known.max()))


def _mark(marker: str, colour: str, label: str, *, filled: bool) -> Line2D:
    face = colour if filled else "none"
    return Line2D([], [], linestyle="", marker=marker, color=colour, markerfacecolor=face, markersize=4, label=label)


def _finish(figure: Figure, sheet: Sheet, description: str, keys: list[Line2D], y: str | None = None) -> None:
    figure.suptitle(sheet.wrap_title(description))
    if y is not None:
        figure.supylabel(y, fontsize=SMALL)
    sheet.legend(figure, keys)
