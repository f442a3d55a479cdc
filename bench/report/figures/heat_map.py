"""Heat maps, loss × everything else: modes covered; where modes are not measured geometric means of the primary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from bench.evidence.results import Evidence, place_names
from bench.evidence.states import State, has_failed
from bench.evidence.statistics import geometric_mean
from bench.report.figures.profile import best_of_cells
from bench.report.figures.sheet import Drawing, Sheet, even, paged
from bench.report.figures.style import HEIGHT, SMALL, fold, plain, text_width

Array = NDArray[np.float64]
NARROW, BROAD = 0.5, 1.4  # inches of a column
TALL = 0.32  # inches of a row
GAP = 0.15  # inches between two maps
LINE = 0.115
MOST = 30.0  # times the best at which the colours end


class Map(NamedTuple):
    """One dataset: values and texts [losses, settings]; NaN and nothing where there is no cell."""

    title: str
    losses: list[str]
    settings: list[str]
    values: Array
    texts: list[list[str]]


class Scale(NamedTuple):
    """From values to colours, and what the bar of colours says."""

    colours: str
    norm: Normalize
    label: str


def draw_modes(evidence: Evidence, sheet: Sheet) -> Iterator[Drawing]:
    """Modes covered after the last step, mean over runs; a run that diverged covers none, and is counted below."""
    maps = [map_of_modes(evidence, dataset) for dataset in evidence.datasets() if has_modes(evidence, dataset)]
    scale = Scale("cividis", Normalize(0, 1), "share of modes covered")
    yield from _draw(sheet, maps, scale, "modes", "Modes covered after the last step, mean over runs")


def draw_geometric_means(evidence: Evidence, datasets: list[str], sheet: Sheet) -> Iterator[Drawing]:
    """The geometric mean of the final primary measure; its colour says how many times worse than the best cell's."""
    without = [dataset for dataset in datasets if not has_modes(evidence, dataset)]
    maps = [map_of_means(evidence, each) for each in without if not np.isnan(best_of_cells(evidence, each))]
    scale = Scale("cividis_r", LogNorm(1, MOST, clip=True), "times worse than the best")
    shows = "Geometric mean of the measure that runs are judged by, after the last step, over runs that have it"
    yield from _draw(sheet, maps, scale, "primary", shows)


def has_modes(evidence: Evidence, dataset: str) -> bool:
    """Whether modes were counted, and it is known of how many."""
    return "modes" in evidence.measures(dataset) and evidence.modes(dataset) > 0


def map_of_modes(evidence: Evidence, dataset: str) -> Map:
    """Shares of all modes."""
    total = evidence.modes(dataset)

    def cell(runs: pd.DataFrame) -> tuple[float, str]:
        covered = float(runs["modes_final"].fillna(0).mean())
        lost = int((runs["outcome"] == State.DIVERGED).sum())
        return covered / total, f"{covered:.1f}" + (f"\n{lost} div." if lost else "")

    return _map(evidence, dataset, f"{dataset}: of {total:,}", cell)


def map_of_means(evidence: Evidence, dataset: str) -> Map:
    """How many times worse than the best cell, and the geometric mean itself with the number of failed runs."""
    name = str(evidence.primary(dataset))
    about, best = evidence.describe(name), best_of_cells(evidence, dataset)

    def cell(runs: pd.DataFrame) -> tuple[float, str]:
        mean = geometric_mean(runs[f"{name}_final"]).value
        failed = int(has_failed(runs).sum())
        text = "–" if np.isnan(mean) else format(mean * about.scale, about.spec)
        worse = np.inf if np.isnan(mean) else best / mean if about.higher_is_better else mean / best
        return max(worse, 1.0), text + (f"\n{failed} failed" if failed else "")

    return _map(evidence, dataset, f"{dataset}: {about.label}", cell)


def _map(evidence: Evidence, dataset: str, title: str, cell: Callable[[pd.DataFrame], tuple[float, str]]) -> Map:
    runs = evidence.runs_of(dataset)
    runs = runs.assign(setting=place_names(evidence, runs, without=("loss",)))
    losses, settings = list(evidence.runs["loss"].unique()), list(dict.fromkeys(runs["setting"]))
    values = np.full((len(losses), len(settings)), np.nan)
    texts = [["" for _ in settings] for _ in losses]
    for (loss, setting), part in runs.groupby(["loss", "setting"], sort=False):
        row, column = losses.index(loss), settings.index(setting)
        values[row, column], texts[row][column] = cell(part)
    return Map(title, [str(loss) for loss in losses], [str(each) for each in settings], values, texts)


def _draw(sheet: Sheet, maps: list[Map], scale: Scale, name: str, shows: str) -> Iterator[Drawing]:
    if not maps:
        return
    left = max(text_width(loss, SMALL) for loss in maps[0].losses) + 0.15
    room = sheet.width - left - 0.1
    most = max(1, int(room / NARROW))
    parts = [_columns(each, columns) for each in maps for columns in even(range(len(each.settings)), most)]
    rows = _rows(parts, most)
    per_page = max(1, int((HEIGHT - 1.0) / max(_height(row, NARROW) for row in rows)))
    for number, page in enumerate(even(rows, per_page)):
        yield Drawing(paged(name, number), shows, _page(sheet, page, scale, shows, left, room))


def _columns(each: Map, columns: Sequence[int]) -> Map:
    where = list(columns)
    texts = [[row[column] for column in where] for row in each.texts]
    return Map(each.title, each.losses, [each.settings[c] for c in where], each.values[:, where], texts)


def _rows(maps: list[Map], most: int) -> list[list[Map]]:
    """Maps side by side as long as their columns fit."""
    rows: list[list[Map]] = []
    for each in maps:
        if rows and sum(len(other.settings) for other in rows[-1]) + len(each.settings) + 1 <= most:
            rows[-1].append(each)
        else:
            rows.append([each])
    return rows


def _height(row: list[Map], column: float) -> float:
    return 0.3 + TALL * len(row[0].losses) + _below(row, column)


def _below(row: list[Map], column: float) -> float:
    """Inches for the names of settings under a row of maps."""
    if _upright(row, column):
        return 0.12 + max(text_width(name, SMALL) for each in row for name in each.settings)
    return 0.12 + LINE * max(fold(name, column - 0.04, SMALL).count("\n") + 1 for each in row for name in each.settings)


def _upright(row: list[Map], column: float) -> bool:
    """Whether the names of settings must stand upright: a word of theirs is wider than its column."""
    lines = [line for each in row for name in each.settings for line in fold(name, column - 0.04, SMALL).split("\n")]
    return max(text_width(line, SMALL) for line in lines) > column


def _page(sheet: Sheet, rows: list[list[Map]], scale: Scale, shows: str, left: float, room: float) -> Figure:
    """Explicit places: what is as wide as its text needs no layout to be found."""
    columns = max(sum(len(each.settings) for each in row) for row in rows)
    gaps = GAP * max(len(row) - 1 for row in rows)
    column = min(BROAD, (room - gaps) / columns)
    widest = column * columns + gaps
    above, bar = sheet.title_height(shows), 0.5
    left += (room - widest) / 2
    height = above + sum(_height(row, column) for row in rows) + bar
    figure = Figure(figsize=(sheet.width, height))
    top = height - above
    for row in rows:
        x, tall = left, TALL * len(row[0].losses)
        for number, each in enumerate(row):
            wide = column * len(each.settings)
            box = (x / sheet.width, (top - 0.25 - tall) / height, wide / sheet.width, tall / height)
            panel = figure.add_axes(box)
            _draw_map(panel, each, scale, column, first=number == 0, upright=_upright(row, column))
            x += wide + GAP
        top -= _height(row, column)
    if sheet.titles:
        figure.suptitle(sheet.folded(shows), y=1 - 0.04 / height, va="top")
    wide = min(2.4, widest)
    start = left + (widest - wide) / 2
    bar_axes = figure.add_axes((start / sheet.width, (bar - 0.17) / height, wide / sheet.width, 0.09 / height))
    colours = figure.colorbar(ScalarMappable(scale.norm, scale.colours), cax=bar_axes, orientation="horizontal")
    colours.set_label(scale.label, fontsize=SMALL, labelpad=1)
    if isinstance(scale.norm, LogNorm):
        bar_axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        bar_axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar_axes.xaxis.set_minor_locator(NullLocator())
    colours.outline.set_linewidth(0.4)
    return figure


def _draw_map(panel: Axes, each: Map, scale: Scale, column: float, first: bool, upright: bool) -> None:
    panel.imshow(each.values, norm=scale.norm, cmap=scale.colours, aspect="auto", interpolation="nearest")
    colours = mpl.colormaps[scale.colours]
    for (y, x), value in np.ndenumerate(each.values):
        if not np.isnan(value):
            luma = float(np.dot(colours(scale.norm(value))[:3], (0.2126, 0.7152, 0.0722)))
            panel.text(
                x,
                y,
                each.texts[y][x],
                ha="center",
                va="center",
                fontsize=SMALL,
                linespacing=1.05,
                color="white" if luma < 0.5 else "black",
            )
    names = [plain(name if upright else fold(name, column - 0.04, SMALL)) for name in each.settings]
    panel.set_xticks(range(len(names)), names, rotation=90 if upright else 0)
    panel.set_yticks(range(len(each.losses)), [plain(loss) for loss in each.losses] if first else [])
    panel.set_title(plain(each.title), pad=4)
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
