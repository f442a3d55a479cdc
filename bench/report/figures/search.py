"""Figures of a search: the best of k draws against k, and the primary measure against every parameter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
from bench.report.figures.sheet import Drawing, Sheet, page_name, slug, split_evenly
from bench.report.figures.style import COLOURS, SMALL, escape_dollars, set_log_scale, wrap_text
from bench.report.search import confirmation_runs, technique_name

MIN_WIDTH, HEIGHT = 1.3, 1.25  # inches of a panel
ROWS = 5  # per page
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
    description = f"{dataset}: median of the best of k draws in tuning, with its 95% CI (where open, to the edge)"
    per_row = sheet.panels_per_row(MIN_WIDTH)
    confirmed = [len(confirmation_runs(evidence, each)) for each in results]
    keys = [
        Line2D([], [], color=COLOURS[0], label="tuning: best of k draws"),
        *([Line2D([], [], color="0.8", label="other techniques")] if len(results) > 1 else []),
        *([_mark("D", "black", "confirmation on fresh seeds, median", filled=True)] if any(confirmed) else []),
    ]
    scale = evidence.describe(str(results[0].primary)).scale
    curves = [_finite(best_of(each.values(), each.higher_is_better)) for each in results]
    for page, rows in enumerate(split_evenly(split_evenly(range(len(results)), per_row), ROWS)):
        figure = sheet.figure((HEIGHT + 0.3) * len(rows) + 0.4 + sheet.title_height(description) + 0.4)
        grid = figure.subplots(len(rows), max(map(len, rows)), squeeze=False, sharex=True, sharey=True)
        for axes, index in _filled(grid, rows):
            for other in curves:
                axes.plot(range(1, len(other) + 1), other[:, 0] * scale, color="0.8", linewidth=0.7)
            _draw_curve(evidence, axes, results[index], curves[index])
            name = technique_name(evidence, results[index], without=("dataset",))
            axes.set_xlabel("number of draws k" if index in rows[-1] else "")
            axes.set_title(escape_dollars(wrap_text(name, sheet.width / per_row - 0.2, SMALL)), fontsize=SMALL)
        _finish(figure, sheet, description, keys, _label(evidence, results[0]))
        shown = np.concatenate([curve[:, 0] for curve in curves])
        _scale(grid[0, 0], evidence, results[0], shown)
        yield Drawing(page_name(f"search-budget-{slug(dataset)}", page), description, figure)


def _draw_curve(evidence: Evidence, axes: Axes, result: TechniqueResult, curve: np.ndarray[Any, Any]) -> None:
    scale = evidence.describe(str(result.primary)).scale
    k = np.arange(1, len(curve) + 1)
    bounded = curve.copy()
    known = curve[np.isfinite(curve)]
    if len(known):  # an end that nothing bounds reaches the edge of what was seen
        bounded[:, 1] = np.where(np.isnan(curve[:, 1]), known.min(), curve[:, 1])
        bounded[:, 2] = np.where(np.isnan(curve[:, 2]), known.max(), curve[:, 2])
    axes.fill_between(k, bounded[:, 1] * scale, bounded[:, 2] * scale, color=COLOURS[0], alpha=0.2, linewidth=0)
    axes.plot(k, curve[:, 0] * scale, color=COLOURS[0], linewidth=1.2)
    runs = confirmation_runs(evidence, result)
    values = runs[f"{result.primary}_final"].dropna() if len(runs) else ()
    if len(values):
        axes.plot(k[-1], np.median(values) * scale, "D", color="black", markersize=4, zorder=4)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    stable = sum(each.is_stable for each in result.settings)
    axes.annotate(
        f"{stable}/{len(result.settings)} stable", (0.97, 0.04), xycoords="axes fraction", ha="right", fontsize=SMALL
    )


def _finite(curve: Sequence[tuple[float, float, float]]) -> np.ndarray[Any, Any]:
    values = np.array(curve, dtype=float)
    return np.where(np.isfinite(values), values, np.nan)


def _draw_parameters(
    evidence: Evidence, dataset: str, results: list[TechniqueResult], sheet: Sheet
) -> Iterator[Drawing]:
    """One row per technique, one column per parameter, one dot per draw, and the median of each group."""
    keys = list(dict.fromkeys(key for each in results for draw in each.settings for key in draw.setting))
    if not keys:
        return
    description = f"{dataset}: final {evidence.describe(str(results[0].primary)).label} of every tuning draw"
    stable = [each.is_stable for result in results for each in result.settings]
    legend = [
        *([_mark("o", COLOURS[0], "stable", filled=True)] if any(stable) else []),
        *([_mark("o", COLOURS[1], "failed", filled=False)] if not all(stable) else []),
        Line2D([], [], color="black", label=f"median of each value, or of {BINS} groups"),
    ]
    shown = np.array([value for each in results for value in _values(each)])
    per_row = sheet.panels_per_row(1.1)
    for page, (part, columns) in enumerate(
        (part, columns) for columns in split_evenly(keys, per_row) for part in split_evenly(results, ROWS)
    ):
        figure = sheet.figure((HEIGHT + 0.15) * len(part) + 0.4 + sheet.title_height(description) + 0.4)
        grid = figure.subplots(len(part), len(columns), squeeze=False, sharex="col", sharey=True)
        for row, result in zip(grid, part, strict=True):
            for axes, key in zip(row, columns, strict=True):
                _draw_parameter(evidence, axes, result, key)
            name = wrap_text(technique_name(evidence, result, without=("dataset",)), HEIGHT, SMALL)
            row[0].set_ylabel(escape_dollars(name), fontsize=SMALL)
        for axes, key in zip(grid[-1], columns, strict=True):
            axes.set_xlabel(escape_dollars(wrap_text(key, sheet.width / len(columns) - 0.2, SMALL)), fontsize=SMALL)
        _scale(grid[0, 0], evidence, results[0], shown)
        _finish(figure, sheet, description, legend)
        yield Drawing(page_name(f"search-parameters-{slug(dataset)}", page), description, figure)


def _values(result: TechniqueResult) -> list[float]:
    return [each.value for each in result.settings]


def _draw_parameter(evidence: Evidence, axes: Axes, result: TechniqueResult, key: str) -> None:
    draws = [each for each in result.settings if key in each.setting]
    if not draws:
        axes.annotate("–", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    scale = evidence.describe(str(result.primary)).scale
    given = [each.setting[key] for each in draws]
    groups = grouped(given)
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
    names = sorted(set(map(value_in_words, given)))
    x = np.array(given if numeric else [names.index(value_in_words(value)) for value in given], dtype=float)
    y = np.array([each.value if math.isfinite(each.value) else math.nan for each in draws]) * scale
    stable = np.array([each.is_stable for each in draws])
    axes.plot(x[stable], y[stable], "o", color=COLOURS[0], markersize=3)
    axes.plot(x[~stable], y[~stable], "o", color=COLOURS[1], markersize=3, markerfacecolor="none")
    middles = [(np.median(x[rows]), _median(y[rows])) for rows in groups.values()]
    axes.plot(*zip(*sorted(middles), strict=True), color="black", linewidth=1, marker="_", zorder=3)
    if not numeric:
        axes.set_xticks(range(len(names)), [escape_dollars(name) for name in names], fontsize=SMALL)
        axes.set_xlim(-0.5, len(names) - 0.5)
    elif x.min() > 0 and x.max() >= MANY * x.min():
        axes.set_xscale("log")
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
