"""Whether a run of other code ended clearly before its last intended step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

UNCLEAR = 0.01  # share of the steps that may be missing at the end of any run
CLEAR = 0.25  # share of the steps that is too much even for a loop that counts from 0


def ended_early(steps: Sequence[int], intended: int, reached: int = 0) -> bool:
    """Return whether a run ended clearly before its last intended step.

    Loops that count from 0, and loops that measure at steps of their own, do not measure at the last intended step. So
    a run ended early only if an evaluation is missing that was due well before the last intended step, or by the last
    step of another run of the cell. Neither counts if less than a hundredth of the steps is missing.

    Args:
        steps: The steps of the run's rows, ascending.
        intended: The number of steps that the run was meant to take.
        reached: The last step of the longest run of the cell.
    """
    last = steps[-1]
    missing, behind = intended - last, min(reached, intended) - last
    if missing <= UNCLEAR * intended:
        return False
    if len(steps) < 3:  # the distance between step 0 and another says little of the next evaluation
        return missing > CLEAR * intended or behind > UNCLEAR * intended
    interval = median(late - early for early, late in pairwise(steps))
    if missing > interval or (missing >= interval and missing > CLEAR * intended):
        return True
    return behind >= interval and behind > UNCLEAR * intended


def early_reason(step: int, intended: int) -> str:
    """Return the reason of a run that ended early, in words."""
    return f"ended at step {step:,} of {intended:,}"
