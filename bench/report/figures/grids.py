"""Grids of panels, one per dataset and setting; the panels of a dataset share their vertical axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.evidence.results import Evidence
from bench.report.figures.series import Panel, few_at_once, legend_handles, panels
from bench.report.figures.sheet import Drawing, Sheet, page_name, split_evenly
from bench.report.figures.style import SIZE, escape_dollars, wrap_text

MIN_WIDTH, HEIGHT = 1.2, 1.45  # inches of a panel
ROWS = 5  # per page


class DatasetPanel(NamedTuple):
    """A panel with its dataset."""

    dataset: str
    panel: Panel


class Plot(NamedTuple):
    """What the panels of a grid have in common.

    Attributes:
        name: Of the files.
        description: Of the figure.
        draw: Draws one panel.
        xlabel: The label of all horizontal axes.
        ylabel: The label of the vertical axis of a dataset.
        marker: Whether the legend shows markers instead of lines.
        extra: Further legend handles.
    """

    name: str
    description: str
    draw: Callable[[Axes, DatasetPanel], None]
    xlabel: str
    ylabel: Callable[[str], str]
    marker: bool = False
    extra: Sequence[Line2D] = ()


def dataset_panels(evidence: Evidence, datasets: Sequence[str]) -> list[DatasetPanel]:
    """Return the panels of several datasets in the order of the matrix."""
    return [DatasetPanel(dataset, panel) for dataset in datasets for panel in panels(evidence, dataset)]


def draw_grid(sheet: Sheet, shown: Sequence[DatasetPanel], plot: Plot) -> Iterator[Drawing]:
    """Yield one figure per page; unless all panels fit one row, each dataset starts a new row.

    Series beyond the number of colours are on further pages.
    """
    page = 0
    for few in few_at_once([each.panel for each in shown]):
        part = [each._replace(panel=panel) for each, panel in zip(shown, few, strict=True) if panel is not None]
        for rows in split_evenly(_rows(sheet, part), ROWS):
            yield Drawing(page_name(plot.name, page), plot.description, _draw(sheet, rows, plot))
            page += 1


def _rows(sheet: Sheet, shown: list[DatasetPanel]) -> list[list[DatasetPanel]]:
    per_row = sheet.panels_per_row(MIN_WIDTH)
    rows = [shown]
    if len(shown) > per_row:
        datasets = dict.fromkeys(panel.dataset for panel in shown)
        by_dataset = [[panel for panel in shown if panel.dataset == dataset] for dataset in datasets]
        rows = [row for group in by_dataset for row in split_evenly(group, per_row)]
    return rows


def _draw(sheet: Sheet, rows: list[list[DatasetPanel]], plot: Plot) -> Figure:
    columns = max(len(row) for row in rows)
    shown = [panel for row in rows for panel in row]
    keys = [*legend_handles([p.panel for p in shown], line=not plot.marker, marker=plot.marker), *plot.extra]
    beside = 0.7 if len({panel.dataset for panel in rows[0]}) > 1 else 0.1  # inches: each dataset has a vertical axis
    titles = [_title(panel, (sheet.width - 0.5) / columns - beside) for panel in shown]
    row_height = HEIGHT + 0.13 * max(title.count("\n") + 1 for title in titles)
    above, below = sheet.title_height(plot.description), sheet.legend_height(keys)
    figure = sheet.figure(row_height * len(rows) + 0.4 + above + below)
    grid = figure.add_gridspec(len(rows), columns)
    first_axes: dict[str, Axes] = {}  # of every dataset
    for y, row in enumerate(rows):
        for x, panel in enumerate(row):
            axes = figure.add_subplot(grid[y, x], sharey=first_axes.get(panel.dataset))
            plot.draw(axes, panel)
            axes.set_title(titles.pop(0))
            if x == 0 or panel.dataset not in first_axes:
                axes.set_ylabel(wrap_text(plot.ylabel(panel.dataset), HEIGHT, SIZE))
            else:
                axes.tick_params(labelleft=False)
            if y == len(rows) - 1 or x >= len(rows[y + 1]):
                axes.set_xlabel(plot.xlabel)
            first_axes.setdefault(panel.dataset, axes)
    figure.suptitle(sheet.wrap_title(plot.description))
    sheet.legend(figure, keys)
    return figure


def _title(panel: DatasetPanel, width: float) -> str:
    return escape_dollars(wrap_text(f"{panel.dataset} · {panel.panel.title}", width, SIZE))
