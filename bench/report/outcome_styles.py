"""Colours, hatches and symbols of outcomes and of the stages of a run: one table for the figures and the page."""

from __future__ import annotations

from typing import NamedTuple

from bench.evidence.outcomes import Stage
from bench.evidence.states import State


class StageStyle(NamedTuple):
    """How a stage of a run is shown in timelines."""

    label: str
    colour: str


class OutcomeStyle(NamedTuple):
    """How an outcome is shown: the symbol and the hatch distinguish it in greyscale."""

    colour: str
    symbol: str
    hatch: str = ""


# The worse, the darker, so that the order is visible in greyscale; the hues also differ for colour-blind readers.
STAGES = {
    Stage.ON_TRACK: StageStyle("on track", "#CFE6F5"),
    Stage.NOT_THERE_YET: StageStyle("not there yet", "#BFBFBF"),
    Stage.RELAPSED: StageStyle("relapsed", "#E08A00"),
    Stage.MODES_MISSING: StageStyle("modes missing so far", "#8763B3"),
    Stage.COLLAPSED: StageStyle("collapsed", "#8C3B83"),
    Stage.DIVERGED: StageStyle("diverged", "#141414"),
    Stage.UNRESOLVED: StageStyle("cannot be judged", "#B6AC58"),
}
# The worst first, and last the runs that are neither good nor bad; an outcome has the colour of its stage, and
# neighbours in grey differ by their hatch.
OUTCOMES = {
    State.DIVERGED: OutcomeStyle(STAGES[Stage.DIVERGED].colour, "✕"),
    State.NEVER_LEARNED: OutcomeStyle(STAGES[Stage.NOT_THERE_YET].colour, "○", "..."),
    State.COLLAPSED: OutcomeStyle(STAGES[Stage.COLLAPSED].colour, "◆"),
    State.RELAPSED: OutcomeStyle(STAGES[Stage.RELAPSED].colour, "▼", "////"),
    State.OSCILLATING: OutcomeStyle("#2A7FA8", "≈", "\\\\\\\\"),
    State.STABLE: OutcomeStyle(STAGES[Stage.ON_TRACK].colour, "●"),
    State.UNRESOLVED: OutcomeStyle(STAGES[Stage.UNRESOLVED].colour, "?"),
}
IMPROVING_STYLE = OutcomeStyle("#E8E8E8", "○")  # of runs that never learned and were still improving


class StageInterval(NamedTuple):
    """The generator steps, from start to end, during which a run was in a stage."""

    start: int
    end: int
    stage: Stage


def stage_intervals(stages: list[tuple[int, Stage]], steps: int) -> list[StageInterval]:
    """Return the stages of a run as intervals that cover [0, steps]; neighbours of the same stage are merged.

    Each evaluation decides the interval that ends with it. A run that diverged early keeps its previous stage up to
    the last evaluation, and is diverged from there to the end.

    Args:
        stages: The stage at every evaluation, as ``states_over_time`` returns them.
        steps: The planned number of generator steps.
    """
    intervals: list[StageInterval] = []

    def append(start: int, end: int, stage: Stage) -> None:
        if intervals and intervals[-1].stage == stage:
            start = intervals.pop().start
        intervals.append(StageInterval(start, end, stage))

    previous = 0
    for index, (step, stage) in enumerate(stages):
        if index == len(stages) - 1 and step < steps:
            append(previous, step, intervals[-1].stage if intervals else Stage.NOT_THERE_YET)
            append(step, steps, stage)
        else:
            append(previous, step, stage)
        previous = step
    return intervals
