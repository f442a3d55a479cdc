"""Timelines: what every run was from which step to which, and the colours of that."""

from __future__ import annotations

from bench.evidence.outcomes import Stage
from bench.evidence.states import State

# The worse, the darker: it reads in print without colour; the hues differ for the colour-blind too.
COLOURS = {
    Stage.ON_TRACK: "#CFE6F5",
    Stage.NOT_LEARNED: "#BFBFBF",
    Stage.RELAPSED: "#E08A00",
    Stage.COLLAPSED: "#8C3B83",
    Stage.DIVERGED: "#141414",
}
OUTCOMES = {
    State.DIVERGED: COLOURS[Stage.DIVERGED],
    State.NEVER_LEARNED: COLOURS[Stage.NOT_LEARNED],
    State.COLLAPSED: COLOURS[Stage.COLLAPSED],
    State.RELAPSED: COLOURS[Stage.RELAPSED],
    State.OSCILLATING: "#2A7FA8",
    State.CONVERGED: COLOURS[Stage.ON_TRACK],
}


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
