"""Timelines: one row per run, coloured by its stage at each evaluation."""

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
from bench.plan.rules import Rules
from bench.records.record import Record
from bench.report.figures.sheet import Drawing, Sheet, page_name, split_evenly
from bench.report.figures.style import (
    MAX_HEIGHT,
    SMALL,
    TINY,
    escape_dollars,
    format_thousands,
    text_width,
    wrap_text,
)
from bench.report.file_names import slug
from bench.report.outcome_styles import STAGES, StageInterval, stage_intervals

MAX_ROW, MIN_ROW = 0.16, 0.06  # inches of a row: with few runs, with many
MIN_TEXT_ROW = 0.12  # inches of the lowest row with room for text
GAP = 0.6  # rows between two cells
Cell = tuple[str, pd.DataFrame]


def draw_timeline(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Draw every run of a dataset against generator steps, grouped by cell, with its seed and its outcome.

    A segment has the colour of the stage at the evaluation that ends it. If rows are too low for text, the outcomes of
    each cell are counted instead.
    """
    named = [(wrap_text(name, sheet.width * 0.27, SMALL), runs) for name, runs in cells(evidence, dataset)]
    room = MAX_HEIGHT - 1.0
    total = sum(len(runs) + GAP for _, runs in named)
    row = MAX_ROW if total * MAX_ROW <= room else max(MIN_ROW, min(MAX_ROW, room / total))
    for_names = max((0.115 * (name.count("\n") + 1) + 0.02) / (len(runs) + GAP) for name, runs in named)
    row = max(row, for_names)
    largest = max(len(runs) for _, runs in named) + GAP
    for page, part in enumerate(split_evenly(named, max(1, int(room / (row * largest))))):
        figure, description = _draw(evidence, dataset, sheet, part, row)
        yield Drawing(page_name(f"timeline-{slug(dataset)}", page), description, figure)


def _draw(evidence: Evidence, dataset: str, sheet: Sheet, part: list[Cell], row: float) -> tuple[Figure, str]:
    has_text = row >= MIN_TEXT_ROW
    labels = "its seed and its outcome" if has_text else "the outcomes of each cell"
    description = f"{dataset}: one row per run, coloured by stage at each evaluation, with {labels}"
    intervals = {run: _intervals(evidence.records[run], evidence.rules) for _, runs in part for run in runs["run"]}
    occurring = {interval.stage for of_run in intervals.values() for interval in of_run}
    keys = [
        Patch(facecolor=style.colour, edgecolor="0.4", linewidth=0.4, label=style.label)
        for stage, style in STAGES.items()
        if stage in occurring
    ]
    height = row * (sum(len(runs) for _, runs in part) + GAP * (len(part) - 1)) + 0.65
    figure = sheet.figure(height + sheet.title_height(description) + sheet.legend_height(keys))
    panel = figure.subplots()
    y, ticks = 0.0, []
    for name, runs in part:
        for run in runs.itertuples():
            _draw_run(panel, y, intervals[run.run])
            if has_text:
                _annotate(panel, y, run.outcome, grey=run.outcome == State.STABLE)
                _annotate(panel, y, str(run.seed), grey=True, left=True)
            y += 1
        middle = y - (len(runs) + 1) / 2
        ticks.append((middle, escape_dollars(name)))
        if not has_text:
            lines = max(1, int(row * (len(runs) + GAP) / 0.095))
            text = _write_counts(runs, sheet.width * 0.27, lines)
            _annotate(panel, middle, text, grey=(runs["outcome"] == State.STABLE).all())
        y += GAP
    in_dataset = evidence.runs.loc[evidence.runs["dataset"] == dataset, "run"]
    steps = max(evidence.metadata[run].training.steps for run in in_dataset)
    panel.set(xlim=(0, max(steps, 1)), ylim=(y - GAP - 0.4, -0.6), xlabel="generator steps")
    panel.xaxis.set_major_locator(MaxNLocator(6 if sheet.width > 5 else 3, steps=[1, 2, 2.5, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(format_thousands))
    panel.set_yticks(*map(list, zip(*ticks, strict=True)))
    seeds = max(text_width(str(seed), TINY) for _, runs in part for seed in runs["seed"])
    panel.tick_params(axis="y", which="major", length=0, pad=72 * seeds + 8 if has_text else 3)
    panel.grid(visible=False)
    panel.spines["left"].set_visible(False)
    figure.suptitle(sheet.wrap_title(description))
    sheet.legend(figure, keys)
    return figure, description


def _intervals(record: Record, rules: Rules) -> list[StageInterval]:
    stages = states_over_time(record.trace, record.metadata, rules)
    return stage_intervals(stages, record.metadata.training.steps)


def _draw_run(panel: Axes, y: float, intervals: list[StageInterval]) -> None:
    panel.broken_barh(
        [(start, end - start) for start, end, _ in intervals],
        (y - 0.44, 0.88),
        facecolors=[STAGES[stage].colour for _, _, stage in intervals],
        linewidth=0,
    )


def _annotate(panel: Axes, y: float, text: str, grey: bool, left: bool = False) -> None:
    """Write text to the right of a row, or to its left."""
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
        color="0.35" if grey else "black",
        annotation_clip=False,
    )


def _write_counts(runs: pd.DataFrame, width: float, lines: int) -> str:
    """The outcomes of a cell with their counts, the best first, wrapped if there is room for several lines."""
    if len(runs) == 1:
        return str(runs["outcome"].iloc[0])
    counts = {state.value: count for state, count in reversed(count_outcomes(runs).items()) if count}
    text = ", ".join(f"{count}\u00a0{state}" for state, count in counts.items())
    wrapped = text if lines == 1 else wrap_text(text, max(width, 1.2), TINY)
    return wrapped.replace("\u00a0", " ")
