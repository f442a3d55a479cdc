"""Curves: every run as a thin line over steps, images or seconds, the median of every cell as a thick one."""

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
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import Measure, is_averaged, plain_name
from bench.evidence.results import Evidence, real_data_value
from bench.evidence.states import State, has_failed
from bench.records.record import Record
from bench.report.figures.series import Panel, Series, handles, panels
from bench.report.figures.sheet import Drawing, Sheet, balanced, even, paged, slug
from bench.report.figures.style import REAL_LOOK, SIZE, UNTRAINED_LOOK, fold, logarithmic, plain, thousands

Array = NDArray[np.float64]
X = {
    "steps": "generator steps",
    "critic-steps": "critic steps",
    "images": "images seen by the critic",
    "seconds": "seconds of training",
}
LEAST = 1.45  # inches of a panel
HIGH = 1.3
ROWS = 6


class Line(NamedTuple):
    """One run: at which steps, where and what it was measured, [n]; NaN where it was not."""

    steps: Array
    x: Array
    y: Array
    failed: bool = False
    diverged: bool = False


def draw_curves(
    evidence: Evidence, dataset: str, sheet: Sheet, x: str = "steps", measures: Collection[str] | None = None
) -> Iterator[Drawing]:
    """Every measure of a dataset, or those that are named, averages of weights apart; and the primary over seconds.

    A panel per measure where there is one setting, else a row per measure and a column per setting. Thick: the median
    over runs, in which a run that diverged is from then on the worst. A run that diverged ends in a cross, another
    that failed in an open mark. Grey: real data, thick, and the untrained generators, dotted.
    """
    shown = [name for name in evidence.measures(dataset) if measures is None or plain_name(name) in measures]
    over = "" if x == "steps" else f"-{x}"
    for kind, names in (
        ("", [name for name in shown if not is_averaged(name)]),
        ("-ema", [name for name in shown if is_averaged(name)]),
    ):
        yield from _pages(evidence, dataset, sheet, f"curves-{slug(dataset)}{kind}{over}", names, x)
    primary = evidence.primary(dataset)
    if primary is not None and x == "steps" and (measures is None or primary in shown):
        yield from _pages(evidence, dataset, sheet, f"curves-{slug(dataset)}-seconds", [primary], "seconds")


def _pages(evidence: Evidence, dataset: str, sheet: Sheet, name: str, names: list[str], x: str) -> Iterator[Drawing]:
    number = 0
    if not any(np.isfinite(line_of(record, "step", x).x).any() for record in _records(evidence, dataset)):
        return  # nobody knows the images, or the seconds, of these runs
    everything, most = panels(evidence, dataset), sheet.beside(LEAST)
    for group in even(everything, most):
        for part in even(names, ROWS * (most if len(everything) == 1 else 1)):
            figure, shows = _draw(evidence, dataset, sheet, group, part, x, alone=len(everything) == 1)
            yield Drawing(paged(name, number), shows, figure)
            number += 1


def _records(evidence: Evidence, dataset: str) -> list[Record]:
    return [evidence.records[run] for run in evidence.runs.loc[evidence.runs["dataset"] == dataset, "run"]]


def _draw(
    evidence: Evidence, dataset: str, sheet: Sheet, group: list[Panel], names: list[str], x: str, alone: bool
) -> tuple[Figure, str]:
    shows = f"{dataset}: every run (thin) and the median of every cell (thick) over {X[x]}"
    if alone and group[0].title:
        shows = f"{dataset}, {group[0].title}: every run (thin) and the median of every cell (thick) over {X[x]}"
    columns = balanced(len(names), sheet.beside(LEAST)) if alone else len(group)
    places = [(of, name) for name in names for of in group]
    rows = math.ceil(len(places) / columns)
    keys = _legend(evidence, group)
    words = [str(key.get_label()) for key in keys]
    figure = sheet.figure(HIGH * rows + 0.35 + sheet.title_height(shows) + sheet.legend_height(words))
    sharey: Any = False if alone else "row"
    axes = figure.subplots(rows, columns, squeeze=False, sharex="all" if alone else "col", sharey=sharey).flat
    for number, (panel, (of, name)) in enumerate(zip(axes, places, strict=False)):
        _draw_measure(panel, evidence, of, name, x)
        if not alone and number < columns:
            panel.set_title(plain(fold(of.title, (sheet.width - 0.5) / columns - 0.1, SIZE)))
        if alone or number % columns == 0:
            panel.set_ylabel(plain(evidence.describe(name).label))
        if number + columns >= len(places):
            panel.tick_params(labelbottom=True)
            panel.set_xlabel(X[x])
    for panel in axes[len(places) :]:
        panel.remove()
    sheet.title(figure, shows)
    sheet.legend(figure, keys)
    return figure, shows


def line_of(record: Record, name: str, x: str) -> Line:
    """What one run has of a measure over x."""
    trace, training = record.trace, record.metadata.training
    step = np.asarray(trace["step"], dtype=float)
    critic_step = step * training.critic_steps
    along = {
        "steps": step,
        "critic-steps": critic_step,
        "images": critic_step * (training.batch_size or np.nan),
        "seconds": np.asarray(trace["seconds"], dtype=float) if "seconds" in trace else np.full(len(step), np.nan),
    }
    y = np.asarray(trace[name], dtype=float) if name in trace else np.full(len(step), np.nan)
    return Line(step, along[x], np.where(np.isfinite(y), y, np.nan))


def lines_of(evidence: Evidence, series: Series, name: str, x: str) -> list[Line]:
    """The runs of a cell."""
    lines = [line_of(evidence.records[run], name, x) for run in series.runs["run"]]
    diverged = series.runs["outcome"] == State.DIVERGED
    return [
        line._replace(failed=bool(failed), diverged=bool(ended))
        for line, failed, ended in zip(lines, has_failed(series.runs), diverged, strict=True)
    ]


def median_of(lines: list[Line], higher_is_better: bool | None) -> tuple[Array, Array]:
    """The median over runs of x and of y, [n]: at the steps at which every run that goes on was measured.

    A run that diverged has the worst value after its last one, so that the others do not look better for it; where
    half have diverged the line ends. A measure without a better side has the median of those that go on.
    """
    worst = np.nan if higher_is_better is None else -np.inf if higher_is_better else np.inf
    measured = [line for line in lines if np.isfinite(line.y).any()]
    if not measured:
        return np.empty(0), np.empty(0)
    columns = [pd.DataFrame({"x": line.x, "y": line.y}, index=line.steps).dropna(subset="y") for line in measured]
    columns = [each[~each.index.duplicated(keep="last")] for each in columns]
    xs, ys = (pd.concat([each[axis] for each in columns], axis=1).sort_index() for axis in ("x", "y"))
    ended = xs.index.to_numpy()[:, None] > np.array([each.index[-1] for each in columns])
    ys = ys.mask(ended & np.array([line.diverged for line in measured]), worst)
    whole = (ys.notna() | ended).all(axis=1)
    middle = ys[whole].median(axis=1).to_numpy()
    return xs[whole].median(axis=1).to_numpy(), np.where(np.isfinite(middle), middle, np.nan)


def _draw_measure(panel: Axes, evidence: Evidence, of: Panel, name: str, x: str) -> None:
    """One measure of the series of a panel."""
    about = evidence.describe(name)
    runs = pd.concat([series.runs for series in of.series])
    marks = ((real_data_value(runs, name), REAL_LOOK), (evidence.untrained(runs, name), UNTRAINED_LOOK))
    for value, style in marks:
        if np.isfinite(value):
            panel.axhline(value * about.scale, zorder=1, **style)
    for series in of.series:
        _draw_series(panel, lines_of(evidence, series, name, x), series, about)
    panel.autoscale_view()
    _scale(panel, about)
    panel.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(_compact))


def _draw_series(panel: Axes, lines: list[Line], series: Series, about: Measure) -> None:
    colour, style, marker = series.look
    scaled = [line._replace(y=line.y * about.scale) for line in lines]
    known = [np.stack([line.x, line.y], axis=1)[np.isfinite(line.x) & np.isfinite(line.y)] for line in scaled]
    thin = LineCollection(
        [each for each in known if len(each)], colors=colour, linestyles=[style], linewidths=0.6, alpha=0.5, zorder=2
    )
    panel.add_collection(thin)
    for line, points in zip(scaled, known, strict=True):
        if line.failed and len(points):
            look: dict[str, Any] = (
                {"marker": "x", "markersize": 5, "markeredgewidth": 1.3}
                if line.diverged
                else {"marker": marker, "markersize": 3, "markerfacecolor": "white", "markeredgewidth": 0.7}
            )
            panel.plot(*points[-1], linestyle="", color=colour, zorder=4, clip_on=False, **look)
    if len(lines) > 1:
        panel.plot(*median_of(scaled, about.higher_is_better), color=colour, linestyle=style, linewidth=1.6, zorder=3)


def _scale(panel: Axes, measure: Measure) -> None:
    """Logarithmic for a distance, whose good and bad values are decades apart."""
    if not measure.logarithmic:
        panel.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        return
    values = [np.asarray(line.get_ydata(), dtype=float) for line in panel.lines]
    values += [segment[:, 1] for each in panel.collections for segment in each.get_segments()]  # type: ignore[attr-defined]
    flat = np.concatenate([np.empty(0), *(value[np.isfinite(value) & (value > 0)] for value in values)])
    if len(flat):
        logarithmic(panel, "y", float(flat.min()), float(flat.max()))


def _compact(value: float, _: object = None) -> str:
    """12,000, and 3M for what is beyond a million."""
    return f"{value / 1e6:g}M" if abs(value) >= 1e6 else thousands(value)


def _legend(evidence: Evidence, group: list[Panel]) -> list[Line2D]:
    runs = [series.runs for panel in group for series in panel.series]
    found: list[Line2D] = handles(group)
    found += [Line2D([], [], label="real data", **REAL_LOOK), Line2D([], [], label="untrained", **UNTRAINED_LOOK)]
    if any((each["outcome"] == State.DIVERGED).any() for each in runs):
        found.append(Line2D([], [], color="0.2", marker="x", linestyle="", markersize=5, label="diverged"))
    if any((has_failed(each) & (each["outcome"] != State.DIVERGED)).any() for each in runs):
        look: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.7, "markersize": 4}
        otherwise = " otherwise" if found[-1].get_label() == "diverged" else ""
        found.append(Line2D([], [], color="0.2", marker="o", linestyle="", label="failed" + otherwise, **look))
    return found
