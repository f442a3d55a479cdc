"""Timelines: every run as a row, coloured by what it was at each of its evaluations."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.evidence.outcomes import states_over_time
from bench.evidence.results import Evidence, cells
from bench.evidence.states import State, count_outcomes
from bench.report.figures.sheet import Drawing, Sheet, even, paged, slug
from bench.report.figures.style import HEIGHT, SMALL, TINY, fold, plain, text_width, thousands
from bench.report.outcome_styles import COLOURS, spans

TALL, LOW = 0.16, 0.06  # inches of a row: where there are few, where there are many
READABLE = 0.12  # inches that a word needs
GAP = 0.6  # rows between two cells
Cell = tuple[str, pd.DataFrame]


def draw_timeline(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Every run of a dataset over generator steps: seeds as rows, grouped by cell, the outcome at the right edge.

    A segment has the colour of what the evaluation at its end found. Where rows are too low for a word each, the
    outcomes of a cell are counted instead.
    """
    found = [(fold(name, sheet.width * 0.27, SMALL), runs) for name, runs in cells(evidence, dataset)]
    room = HEIGHT - 1.0
    everyone = sum(len(runs) + GAP for _, runs in found)
    tall = TALL if everyone * TALL <= room else max(LOW, min(TALL, room / everyone))
    least = max((0.115 * (name.count("\n") + 1) + 0.02) / (len(runs) + GAP) for name, runs in found)
    tall = max(tall, least)
    longest = max(len(runs) for _, runs in found) + GAP
    for number, part in enumerate(even(found, max(1, int(room / (tall * longest))))):
        figure, shows = _draw(evidence, dataset, sheet, part, tall)
        yield Drawing(paged(f"timeline-{slug(dataset)}", number), shows, figure)


def _draw(evidence: Evidence, dataset: str, sheet: Sheet, part: list[Cell], tall: float) -> tuple[Figure, str]:
    each = "with its seed and its outcome" if tall >= READABLE else "outcomes counted"
    shows = f"{dataset}: every row is one run, {each}"
    keys = [Patch(facecolor=colour, edgecolor="0.4", linewidth=0.4, label=stage) for stage, colour in COLOURS.items()]
    height = tall * (sum(len(runs) for _, runs in part) + GAP * (len(part) - 1)) + 0.2
    words = [str(key.get_label()) for key in keys]
    figure = sheet.figure(height + 0.45 + sheet.title_height(shows) + sheet.legend_height(words))
    panel = figure.subplots()
    y, ticks = 0.0, []
    for name, runs in part:
        for run in runs.itertuples():
            _draw_run(panel, evidence, y, str(run.run))
            if tall >= READABLE:
                _write(panel, y, run.outcome, run.outcome == State.CONVERGED)
                _write(panel, y, str(run.seed), well=True, left=True)
            y += 1
        middle = y - (len(runs) + 1) / 2
        ticks.append((middle, plain(name)))
        if tall < READABLE:
            lines = max(1, int(tall * (len(runs) + GAP) / 0.095))
            _write(panel, middle, _counted(runs, sheet.width * 0.27, lines), (runs["outcome"] == State.CONVERGED).all())
        y += GAP
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset, "run"]
    most = max(evidence.metadata[run].training.steps for run in here)
    panel.set(xlim=(0, most), ylim=(y - GAP - 0.4, -0.6), xlabel="generator steps")
    panel.xaxis.set_major_locator(MaxNLocator(6 if sheet.width > 5 else 3, steps=[1, 2, 2.5, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(thousands))
    panel.set_yticks(*map(list, zip(*ticks, strict=True)))
    seeds = max(text_width(str(seed), TINY) for _, runs in part for seed in runs["seed"])
    panel.tick_params(axis="y", which="major", length=0, pad=72 * seeds + 8 if tall >= READABLE else 3)
    panel.grid(visible=False)
    panel.spines["left"].set_visible(False)
    sheet.title(figure, shows)
    sheet.legend(figure, keys)
    return figure, shows


def _draw_run(panel: Axes, evidence: Evidence, y: float, run: str) -> None:
    record = evidence.records[run]
    stages = states_over_time(record.trace, record.metadata, evidence.rules)
    rows = spans(stages, record.metadata.training.steps)
    panel.broken_barh(
        [(start, end - start) for start, end, _ in rows],
        (y - 0.44, 0.88),
        facecolors=[COLOURS[look] for _, _, look in rows],
        linewidth=0,
    )


def _write(panel: Axes, y: float, text: str, well: bool, left: bool = False) -> None:
    """A word at the right edge of a row, or at its left; grey where all is well."""
    panel.annotate(
        text,
        (0 if left else 1, y),
        xycoords=("axes fraction", "data"),
        xytext=(-3 if left else 4, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=TINY,
        linespacing=1.05,
        color="0.35" if well else "black",
        annotation_clip=False,
    )


def _counted(runs: pd.DataFrame, width: float, lines: int) -> str:
    """The outcomes of a cell, the good first, in as many lines as there is room for."""
    if len(runs) == 1:
        return str(runs["outcome"].iloc[0])
    counts = {state.value: count for state, count in reversed(count_outcomes(runs).items()) if count}
    words = ", ".join(f"{count}\u00a0{state}" for state, count in counts.items())
    folded = words if lines == 1 else fold(words, max(width, 1.2), TINY)
    return folded.replace("\u00a0", " ")
