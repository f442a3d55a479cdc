"""Failure rates: the outcomes of every cell, with Wilson's interval of the failure rate."""

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
from bench.evidence.states import State, count_failed, count_outcomes, count_unresolved
from bench.evidence.statistics import wilson_interval
from bench.report.figures.sheet import Drawing, Sheet, page_name, slug, split_evenly
from bench.report.figures.style import MAX_HEIGHT, SMALL, escape_dollars, wrap_text
from bench.report.outcome_styles import OUTCOMES

ROW_HEIGHT = 0.22  # inches of a cell whose name takes one line
LINE_HEIGHT = 0.115  # inches of each further line of the name
BAR = 0.5  # height of the bar as a share of the row; the interval is drawn below it


def draw_rates(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Draw one bar per cell, split by outcome with the worst first, and below it the interval of the failure rate.

    Runs that cannot be judged end the bar; the failure rate leaves them out.

    Nothing is drawn if no cell has two runs.
    """
    named = [
        (escape_dollars(wrap_text(name, sheet.width * 0.3, SMALL)), runs) for name, runs in cells(evidence, dataset)
    ]
    if max(len(runs) for _, runs in named) < 2:
        return
    row = ROW_HEIGHT + LINE_HEIGHT * max(name.count("\n") for name, _ in named)
    description = f"{dataset}: outcomes of every cell; below each bar, the failure rate with its 95% CI (Wilson)"
    for page, part in enumerate(split_evenly(named, int((MAX_HEIGHT - 1) / row))):
        yield Drawing(page_name(f"rates-{slug(dataset)}", page), description, _draw(sheet, part, row, description))


def _draw(sheet: Sheet, named: list[tuple[str, pd.DataFrame]], row: float, description: str) -> Figure:
    counts = [count_outcomes(runs) for _, runs in named]
    occurring = [state for state in OUTCOMES if any(count[state] for count in counts)]
    keys = [
        *(Patch(**fill(state), label=state.value) for state in occurring),
        Line2D([], [], color="black", marker="o", markersize=3, linewidth=1, label="failure rate, 95% CI"),
    ]
    height = row * len(named) + 0.45 + sheet.title_height(description) + sheet.legend_height(keys)
    figure = sheet.figure(height)
    panel = figure.subplots()
    for y, ((_, runs), count) in enumerate(zip(named, counts, strict=True)):
        draw_cell(panel, y, runs, count)
    panel.set(xlim=(0, 1), ylim=(len(named) - 0.4, -0.5), xlabel="share of runs")
    panel.xaxis.set_major_formatter(PercentFormatter(1))
    panel.set_yticks(range(len(named)), [name for name, _ in named])
    panel.tick_params(axis="y", length=0)
    panel.grid(visible=False, axis="y")
    panel.set_axisbelow(True)
    panel.spines["left"].set_visible(False)
    figure.suptitle(sheet.wrap_title(description))
    sheet.legend(figure, keys)
    return figure


def draw_cell(panel: Axes, y: int, runs: pd.DataFrame, count: dict[State, int]) -> None:
    """Draw the outcomes of one cell as a bar at height y, its failure rate below it, and both in words beside it."""
    n, left = len(runs), 0
    for state in OUTCOMES:
        if count[state]:
            panel.barh(y - 0.15, count[state] / n, BAR, left=left / n, **fill(state))
            left += count[state]
    failed, unresolved = count_failed(runs), count_unresolved(runs)
    words = [f"{unresolved} {State.UNRESOLVED}"] if unresolved else []
    if n > unresolved:
        words.insert(0, f"{failed}/{n - unresolved} failed")
        interval = wilson_interval(failed, n - unresolved)
        panel.plot(interval, [y + 0.24] * 2, color="black", linewidth=1, clip_on=False, zorder=4)
        panel.plot(failed / (n - unresolved), y + 0.24, "o", color="black", markersize=3, clip_on=False, zorder=4)
    panel.annotate(
        "\n".join(words),
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        annotation_clip=False,
    )


def fill(state: State) -> dict[str, Any]:
    """Return how a bar of this outcome is filled."""
    style = OUTCOMES[state]
    return {
        "facecolor": style.colour,
        "hatch": style.hatch,
        "hatchcolor": "white",
        "edgecolor": "0.3",
        "linewidth": 0.4,
    }
