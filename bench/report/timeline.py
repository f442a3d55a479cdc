"""Timelines: every run as a row, coloured by what it was at each of its evaluations."""

from __future__ import annotations

from numbers import Real

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from bench.outcomes import Stage, states_over_time
from bench.report.evidence import Evidence, count_outcomes
from bench.verdicts import State

# The worse, the darker: it reads in print without colour; the hues differ for the colour-blind too.
COLOURS = {
    Stage.WELL: "#CFE6F5",
    Stage.NOT_LEARNED: "#BFBFBF",
    Stage.WORSE: "#E08A00",
    Stage.COLLAPSED: "#8C3B83",
    Stage.DIVERGED: "#141414",
}
WIDTH = 4.6  # inches of the rows, beside them the names
TALL, LOW = 0.17, 0.045  # inches of a row: where there are few, where there are many
READABLE = 0.12  # inches that a word needs
HEIGHT = 8.0  # inches that all rows may take before they become lower
GAP = 0.6  # rows between two cells


def draw_timeline(evidence: Evidence, dataset: str) -> Figure:
    """Every run of a dataset over generator steps: seeds as rows, grouped by cell, the outcome at the right edge.

    A segment has the colour of what the evaluation at its end found. Where rows are too low for a word each, the
    outcomes of a cell are counted instead.
    """
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    axes = evidence.varying(here)
    several = [axis for axis in axes if here[axis].nunique(dropna=False) > 1] or axes[:1]
    cells = [(_name(several, runs), runs) for _, runs in here.groupby(axes, sort=False, dropna=False)]
    tall = _row_height([len(runs) for _, runs in cells])
    height = tall * (len(here) + GAP * (len(cells) - 1))
    longest = max(len(name) for name, _ in cells)
    figure = Figure(figsize=(WIDTH + 0.062 * longest + 1.6, height + 1.0), layout="constrained")
    panel = figure.subplots()
    y, ticks = 0.0, []
    for name, runs in cells:
        for run in runs.itertuples():
            stages = states_over_time(evidence.records[run.run].trace, evidence.metadata[run.run], evidence.rules)
            steps = int(evidence.metadata[run.run]["training"]["steps"])
            _draw_row(panel, y, stages, steps)
            if tall >= READABLE:
                _write(panel, y, run.outcome, run.outcome == State.CONVERGED)
                _write(panel, y, str(run.seed), well=True, left=True)
            y += 1
        middle = y - (len(runs) + 1) / 2
        ticks.append((middle, name))
        if tall < READABLE:
            _write(panel, middle, _counted(runs), (runs["outcome"] == State.CONVERGED).all())
        y += GAP
    most = max(int(evidence.metadata[run]["training"]["steps"]) for run in here["run"])
    panel.set(xlim=(0, most), ylim=(y - GAP - 0.4, -0.6), xlabel="generator steps")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.set_yticks(*map(list, zip(*ticks, strict=True)))
    panel.tick_params(axis="y", which="major", length=0, pad=15 if tall >= READABLE else 3)
    panel.grid(visible=False)
    panel.spines["left"].set_visible(False)
    shown = (
        "each row one run, with its seed and its outcome" if tall >= READABLE else "each row one run; outcomes counted"
    )
    figure.suptitle(f"{dataset}: {shown}", fontsize=9)
    handles = [
        Patch(facecolor=colour, edgecolor="0.4", linewidth=0.4, label=stage) for stage, colour in COLOURS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1.2, columnspacing=1.2)
    return figure


def _row_height(cells: list[int]) -> float:
    """Inches of a row: as many as there is room for, and enough for the name of the cell with the fewest runs."""
    room = HEIGHT / (sum(cells) + GAP * (len(cells) - 1))
    return max(min(TALL, room), LOW, READABLE / (min(cells) + GAP))


def spans(stages: list[tuple[int, Stage]], steps: int) -> list[tuple[int, int, Stage]]:
    """From which step to which a run was what, [0, steps] without gaps; neighbours that are alike are one.

    Args:
        stages: What ``states_over_time`` gives.
        steps: That the run was to take.
    """
    found: list[tuple[int, int, Stage]] = []
    before = 0
    for number, (step, stage) in enumerate(stages):
        ended = number == len(stages) - 1 and step < steps  # it diverged there, and was not until then
        was = (found[-1][2] if found else Stage.NOT_LEARNED) if ended else stage
        for start, end, look in ((before, step, was), *(((step, steps, stage),) if ended else ())):
            if found and found[-1][2] == look:
                start = found.pop()[0]
            found.append((start, end, look))
        before = step
    return found


def _draw_row(panel: Axes, y: float, stages: list[tuple[int, Stage]], steps: int) -> None:
    """Neighbouring segments of one colour are one, so that no seam shows."""
    rows = spans(stages, steps)
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
        fontsize=6,
        color="0.45" if well else "black",
        annotation_clip=False,
    )


def _name(axes: list[str], runs: pd.DataFrame) -> str:
    """The place of a cell on the axes that have several; a number says of what."""
    place = runs.iloc[0]
    return " · ".join(f"{axis} {place[axis]}" if isinstance(place[axis], Real) else str(place[axis]) for axis in axes)


def _counted(runs: pd.DataFrame) -> str:
    if len(runs) == 1:
        return str(runs["outcome"].iloc[0])
    counts = {state.value: count for state, count in reversed(count_outcomes(runs).items()) if count}
    return ", ".join(f"{count} {state}" for state, count in counts.items())
