"""Heat maps of losses, or families, × settings: modes covered, or the primary measure of datasets without modes."""

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

from bench.escaping import MAX_IN_FIGURE, as_label
from bench.evidence.results import Evidence, cell_labels, leading_axis
from bench.evidence.states import State, count_failed, count_unresolved
from bench.evidence.statistics import geometric_mean
from bench.evidence.statistics.intervals import Array
from bench.report.figures.profile import best_of_cells
from bench.report.figures.sheet import Drawing, Sheet, page_name, split_evenly
from bench.report.figures.style import MAX_HEIGHT, SIZE, SMALL, escape_dollars, text_width, wrap_text
from bench.report.tables.entries import format_number, is_geometric

MIN_COLUMN, MAX_COLUMN = 0.5, 1.4  # inches of a column
LOSS_WIDTH = 1.5  # inches for the names of losses
ROW_HEIGHT = 0.32  # inches
GAP, LINE_HEIGHT = 0.15, 0.115  # inches between two maps, and of a line of text
BAR_HEIGHT = 0.5  # inches for the colour bar with its labels
MAX_RATIO = 30.0  # to the best cell, where the colours end
LUMA = 0.2126, 0.7152, 0.0722  # of red, green and blue


class HeatMap(NamedTuple):
    """The values and texts of one dataset, [losses, settings]; NaN and empty where there is no cell."""

    title: str
    losses: list[str]
    settings: list[str]
    values: Array
    texts: list[list[str]]


class ColourScale(NamedTuple):
    """A colour map, its norm, and the label of the colour bar."""

    colours: str
    norm: Normalize
    label: str


def draw_modes(evidence: Evidence, sheet: Sheet) -> Iterator[Drawing]:
    """Draw the modes covered after the last step, mean over runs; diverged runs cover none and are counted below."""
    maps = [map_of_modes(evidence, dataset) for dataset in evidence.datasets() if has_modes(evidence, dataset)]
    scale = ColourScale("cividis", Normalize(0, 1), "share of modes covered")
    yield from _draw(sheet, maps, scale, "modes", "Modes covered after the last step, mean over runs")


def draw_means(evidence: Evidence, datasets: list[str], sheet: Sheet) -> Iterator[Drawing]:
    """Draw the mean of the final primary measure, as in tables, coloured by the ratio to the best cell."""
    without_modes = [dataset for dataset in datasets if not has_modes(evidence, dataset)]
    maps = [map_of_means(evidence, name) for name in without_modes if not np.isnan(best_of_cells(evidence, name))]
    scale = ColourScale("cividis_r", LogNorm(1, MAX_RATIO, clip=True), "times worse than the best cell")
    description = "Mean (geometric for positive distances) of the final primary measure, over the runs that have one"
    yield from _draw(sheet, maps, scale, "primary", description)


def has_modes(evidence: Evidence, dataset: str) -> bool:
    """Return whether modes were counted and their number is known."""
    return "modes" in evidence.measures(dataset) and evidence.modes(dataset) > 0


def map_of_modes(evidence: Evidence, dataset: str) -> HeatMap:
    """Return the share of modes covered, with the mean number of modes and the number of diverged runs as text."""
    total = evidence.modes(dataset)

    def cell(runs: pd.DataFrame) -> tuple[float, str]:
        covered = float(runs["modes_final"].fillna(0).mean())
        diverged = int((runs["outcome"] == State.DIVERGED).sum())
        return covered / total, f"{covered:.1f}" + (f"\n{diverged} div." if diverged else "")

    return _map(evidence, dataset, f"{dataset}: of {total:,}", cell)


def map_of_means(evidence: Evidence, dataset: str) -> HeatMap:
    """Return ratios to the best cell, with the mean that tables show and the number of failed runs as text.

    Ratios are of geometric means. A cell in which no run can be judged has no ratio.
    """
    name = str(evidence.primary(dataset))
    about, best = evidence.describe(name), best_of_cells(evidence, dataset)
    on_logs = is_geometric(evidence, evidence.runs_of(dataset), name)

    def cell(runs: pd.DataFrame) -> tuple[float, str]:
        finals, failed, unresolved = runs[f"{name}_final"], count_failed(runs), count_unresolved(runs)
        mean = geometric_mean(finals).value
        text = format_number(mean if on_logs else float(finals.mean()), about.scale, about.spec) or "–"
        ratio = np.inf if np.isnan(mean) else best / mean if about.higher_is_better else mean / best
        text += f"\n{failed} failed" * bool(failed) + f"\n{unresolved} unresolved" * bool(unresolved)
        return np.nan if unresolved == len(runs) else min(max(ratio, 1.0), MAX_RATIO), text

    return _map(evidence, dataset, f"{dataset}: {about.label}", cell)


def _map(evidence: Evidence, dataset: str, title: str, cell: Callable[[pd.DataFrame], tuple[float, str]]) -> HeatMap:
    runs, axis = evidence.runs_of(dataset), leading_axis(evidence.runs)
    runs = runs.assign(setting=cell_labels(evidence, runs, without=(axis,)))
    losses, settings = list(evidence.runs[axis].unique()), list(dict.fromkeys(runs["setting"]))
    values = np.full((len(losses), len(settings)), np.nan)
    texts = [["" for _ in settings] for _ in losses]
    for (loss, setting), group in runs.groupby([axis, "setting"], sort=False):
        row, column = losses.index(loss), settings.index(setting)
        values[row, column], texts[row][column] = cell(group)
    names = [wrap_text(str(loss), LOSS_WIDTH, SMALL) for loss in losses]
    return HeatMap(title, names, list(map(str, settings)), values, texts)


def _draw(sheet: Sheet, maps: list[HeatMap], scale: ColourScale, name: str, description: str) -> Iterator[Drawing]:
    if not maps:
        return
    left = max(text_width(line, SMALL) for loss in maps[0].losses for line in loss.split("\n")) + 0.15
    room = sheet.width - left - 0.1
    max_columns = max(1, int(room / MIN_COLUMN))
    parts = [
        _select_columns(heat_map, columns)
        for heat_map in maps
        for columns in split_evenly(range(len(heat_map.settings)), max_columns)
    ]
    rows = _fill_rows(parts, max_columns)
    per_page = max(1, int((MAX_HEIGHT - 1.0) / max(_row_height(row, MIN_COLUMN) for row in rows)))
    for page, page_rows in enumerate(split_evenly(rows, per_page)):
        figure = _draw_page(sheet, page_rows, scale, description, left, room)
        yield Drawing(page_name(name, page), description, figure)


def _select_columns(heat_map: HeatMap, columns: Sequence[int]) -> HeatMap:
    return heat_map._replace(
        settings=[heat_map.settings[index] for index in columns],
        values=heat_map.values[:, list(columns)],
        texts=[[row[index] for index in columns] for row in heat_map.texts],
    )


def _fill_rows(maps: list[HeatMap], max_columns: int) -> list[list[HeatMap]]:
    """Put maps side by side as long as their columns fit."""
    rows: list[list[HeatMap]] = []
    for heat_map in maps:
        if rows and sum(len(other.settings) for other in rows[-1]) + len(heat_map.settings) + 1 <= max_columns:
            rows[-1].append(heat_map)
        else:
            rows.append([heat_map])
    return rows


def _row_height(row: list[HeatMap], column: float) -> float:
    return _title_height(row, column) + 0.05 + ROW_HEIGHT * len(row[0].losses) + _label_height(row, column)


def _title_height(row: list[HeatMap], column: float) -> float:
    return 0.1 + 0.15 * max(_wrap_title(heat_map, column).count("\n") + 1 for heat_map in row)


def _wrap_title(heat_map: HeatMap, column: float) -> str:
    return escape_dollars(wrap_text(heat_map.title, column * len(heat_map.settings), SIZE))


def _label_height(row: list[HeatMap], column: float) -> float:
    """Inches for the names of settings below a row of maps."""
    names = [name for heat_map in row for name in heat_map.settings]
    if _is_vertical(row, column):
        return 0.12 + max(text_width(as_label(name, MAX_IN_FIGURE), SMALL) for name in names)
    return 0.12 + LINE_HEIGHT * max(wrap_text(name, column - 0.04, SMALL).count("\n") + 1 for name in names)


def _is_vertical(row: list[HeatMap], column: float) -> bool:
    """Whether the names of settings are rotated, because a word is wider than its column."""
    names = [name for heat_map in row for name in heat_map.settings]
    lines = [line for name in names for line in wrap_text(name, column - 0.04, SMALL).split("\n")]
    return max(text_width(line, SMALL) for line in lines) > column


def _draw_page(
    sheet: Sheet, rows: list[list[HeatMap]], scale: ColourScale, description: str, left: float, room: float
) -> Figure:
    """Draw rows of maps at explicit positions: all columns of a page have the same width, whatever their row holds."""
    columns = max(sum(len(heat_map.settings) for heat_map in row) for row in rows)
    gaps = GAP * max(len(row) - 1 for row in rows)
    column = min(MAX_COLUMN, (room - gaps) / columns)
    page_width = column * columns + gaps
    above = sheet.title_height(description)
    left += (room - page_width) / 2
    height = above + sum(_row_height(row, column) for row in rows) + BAR_HEIGHT
    figure = Figure(figsize=(sheet.width, height))
    top = height - above
    for row in rows:
        x, low, map_height = left, top - _title_height(row, column), ROW_HEIGHT * len(row[0].losses)
        for index, heat_map in enumerate(row):
            width = column * len(heat_map.settings)
            box = (x / sheet.width, (low - map_height) / height, width / sheet.width, map_height / height)
            panel = figure.add_axes(box)
            _draw_map(panel, heat_map, scale, column, is_first=index == 0, is_vertical=_is_vertical(row, column))
            x += width + GAP
        top -= _row_height(row, column)
    figure.suptitle(sheet.wrap_title(description), y=1 - 0.04 / height, va="top")
    bar_width = min(2.4, page_width)
    bar_left = left + (page_width - bar_width) / 2
    box = (bar_left / sheet.width, (BAR_HEIGHT - 0.17) / height, bar_width / sheet.width, 0.09 / height)
    _draw_colour_bar(figure, figure.add_axes(box), scale)
    return figure


def _draw_colour_bar(figure: Figure, axes: Axes, scale: ColourScale) -> None:
    bar = figure.colorbar(ScalarMappable(scale.norm, scale.colours), cax=axes, orientation="horizontal")
    bar.set_label(scale.label, fontsize=SMALL, labelpad=1)
    bar.outline.set_linewidth(0.4)
    if isinstance(scale.norm, LogNorm):
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())


def _draw_map(
    panel: Axes, heat_map: HeatMap, scale: ColourScale, column: float, is_first: bool, is_vertical: bool
) -> None:
    panel.imshow(heat_map.values, norm=scale.norm, cmap=scale.colours, aspect="auto", interpolation="nearest")
    colours = mpl.colormaps[scale.colours]
    for (y, x), value in np.ndenumerate(heat_map.values):
        if heat_map.texts[y][x]:
            luma = 1.0 if np.isnan(value) else np.dot(colours(scale.norm(value))[:3], LUMA)
            panel.text(
                x,
                y,
                heat_map.texts[y][x],
                ha="center",
                va="center",
                fontsize=SMALL,
                linespacing=1.05,
                color="white" if luma < 0.5 else "black",
            )
    labels = [as_label(name, MAX_IN_FIGURE) for name in heat_map.settings]
    names = labels if is_vertical else [wrap_text(label, column - 0.04, SMALL) for label in labels]
    panel.set_xticks(range(len(names)), [escape_dollars(name) for name in names], rotation=90 if is_vertical else 0)
    losses = [escape_dollars(loss) for loss in heat_map.losses] if is_first else []
    panel.set_yticks(range(len(heat_map.losses)), losses)
    panel.set_title(_wrap_title(heat_map, column), pad=4)
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
