"""Grids of panels: one per dataset and setting of a suite, which datasets share an axis of values in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.evidence.results import Evidence
from bench.report.figures.series import Panel, handles, panels
from bench.report.figures.sheet import Drawing, Sheet, even, paged
from bench.report.figures.style import SIZE, fold, plain

LEAST, HIGH = 1.2, 1.45  # inches of a panel
ROWS = 5


class Place(NamedTuple):
    """A panel and the dataset that it is of."""

    dataset: str
    panel: Panel


class Plot(NamedTuple):
    """What all panels of a grid have in common.

    Attributes:
        name: Of the files.
        shows: What the figure shows.
        draw: Draws one panel.
        xlabel: The same below all.
        ylabel: Of a dataset.
        marker: Whether a series is told by its marker, and not by its line.
        extra: Further keys of the legend.
    """

    name: str
    shows: str
    draw: Callable[[Axes, Place], None]
    xlabel: str
    ylabel: Callable[[str], str]
    marker: bool = False
    extra: Sequence[Line2D] = ()


def places(evidence: Evidence, datasets: Sequence[str]) -> list[Place]:
    """The panels of datasets, in the order of the matrix."""
    return [Place(dataset, panel) for dataset in datasets for panel in panels(evidence, dataset)]


def draw_grid(sheet: Sheet, here: Sequence[Place], plot: Plot) -> Iterator[Drawing]:
    """One figure, or as many as the panels fill; where they are more than a row every dataset begins its own."""
    if not here:
        return
    most = sheet.beside(LEAST)
    datasets = dict.fromkeys(place.dataset for place in here)
    rows = (
        [list(here)]
        if len(here) <= most
        else [row for dataset in datasets for row in even([place for place in here if place.dataset == dataset], most)]
    )
    for number, page in enumerate(even(rows, ROWS)):
        yield Drawing(paged(plot.name, number), plot.shows, _draw(sheet, page, plot))


def _draw(sheet: Sheet, rows: list[list[Place]], plot: Plot) -> Figure:
    columns = max(len(row) for row in rows)
    part = [place for row in rows for place in row]
    keys = [*handles([place.panel for place in part], line=not plot.marker, marker=plot.marker), *plot.extra]
    words = [str(key.get_label()) for key in keys]
    titles = [_title(place, (sheet.width - 0.5) / columns - 0.1) for place in part]
    high = HIGH + 0.13 * max(title.count("\n") + 1 for title in titles)
    figure = sheet.figure(high * len(rows) + 0.4 + sheet.title_height(plot.shows) + sheet.legend_height(words))
    grid = figure.add_gridspec(len(rows), columns)
    firsts: dict[str, Axes] = {}
    for y, row in enumerate(rows):
        for x, place in enumerate(row):
            panel = figure.add_subplot(grid[y, x], sharey=firsts.get(place.dataset))
            plot.draw(panel, place)
            panel.set_title(titles.pop(0))
            if x == 0 or place.dataset not in firsts:
                panel.set_ylabel(plot.ylabel(place.dataset))
            else:
                panel.tick_params(labelleft=False)
            if y == len(rows) - 1 or x >= len(rows[y + 1]):
                panel.set_xlabel(plot.xlabel)
            firsts.setdefault(place.dataset, panel)
    sheet.title(figure, plot.shows)
    sheet.legend(figure, keys)
    return figure


def _title(place: Place, width: float) -> str:
    return plain(fold(f"{place.dataset} · {place.panel.title}", width, SIZE))
