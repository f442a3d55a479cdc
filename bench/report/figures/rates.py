"""Failure rates: what became of the runs of every cell, with Wilson's interval of the rate of failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from bench.evidence.results import Evidence, cells
from bench.evidence.states import State, count_outcomes, has_failed
from bench.evidence.statistics import wilson_interval
from bench.report.figures.sheet import Drawing, Sheet, even, paged, slug
from bench.report.figures.style import HATCHES, HEIGHT, SMALL, fold, plain
from bench.report.outcome_styles import OUTCOMES

ROW = 0.22  # inches of a cell with a name of one line
LINE = 0.115  # inches of a further line of its name
BAR = 0.5  # of a row; the interval lies below


def draw_rates(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """A bar per cell whose parts are the outcomes, the worst first, and below it the interval of the rate of failure.

    Nothing where no cell has two runs: one run has no rate.
    """
    found = cells(evidence, dataset)
    if max(len(runs) for _, runs in found) < 2:
        return
    named = [(plain(fold(name, sheet.width * 0.3, SMALL)), runs) for name, runs in found]
    tallest = max(name.count("\n") for name, _ in named)
    row = ROW + LINE * tallest
    shows = f"{dataset}: outcomes of the runs of every cell; below, the rate of failure with its 95 % interval (Wilson)"
    for number, part in enumerate(even(named, int((HEIGHT - 1) / row))):
        yield Drawing(paged(f"rates-{slug(dataset)}", number), shows, _draw(sheet, part, row, shows))


def _draw(sheet: Sheet, named: list[tuple[str, pd.DataFrame]], row: float, shows: str) -> Figure:
    counts = [count_outcomes(runs) for _, runs in named]
    there = [state for state in OUTCOMES if any(count[state] for count in counts)]
    keys = [
        *(Patch(**_fill(state), label=state.value) for state in there),
        Line2D([], [], color="black", marker="o", markersize=3, linewidth=1, label="rate of failure"),
    ]
    words = [str(key.get_label()) for key in keys]
    figure = sheet.figure(row * len(named) + 0.45 + sheet.title_height(shows) + sheet.legend_height(words))
    panel = figure.subplots()
    for y, ((_, runs), count) in enumerate(zip(named, counts, strict=True)):
        _draw_cell(panel, y, runs, count)
    panel.set(xlim=(0, 1), ylim=(len(named) - 0.4, -0.5), xlabel="share of runs")
    panel.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    panel.set_yticks(range(len(named)), [name for name, _ in named])
    panel.tick_params(axis="y", length=0)
    panel.grid(visible=False, axis="y")
    panel.set_axisbelow(True)
    panel.spines["left"].set_visible(False)
    sheet.title(figure, shows)
    sheet.legend(figure, keys)
    return figure


def _draw_cell(panel: Axes, y: int, runs: pd.DataFrame, count: dict[State, int]) -> None:
    n, left = len(runs), 0
    for state in OUTCOMES:
        if count[state]:
            panel.barh(y - 0.15, count[state] / n, BAR, left=left / n, **_fill(state))
            left += count[state]
    failed = int(has_failed(runs).sum())
    panel.plot(wilson_interval(failed, n), [y + 0.24] * 2, color="black", linewidth=1, clip_on=False, zorder=4)
    panel.plot(failed / n, y + 0.24, "o", color="black", markersize=3, clip_on=False, zorder=4)
    panel.annotate(
        f"{failed}/{n} failed",
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        annotation_clip=False,
    )


def _fill(state: State) -> dict[str, Any]:
    return {
        "facecolor": OUTCOMES[state],
        "hatch": HATCHES.get(state, ""),
        "hatchcolor": "white",
        "edgecolor": "0.3",
        "linewidth": 0.4,
    }
