"""Whether a run of other code ended clearly before its last intended step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

UNCLEAR = 0.01  # share of the steps that may be missing at the end of any run
CLEAR = 0.25  # share of the steps whose absence needs no further evidence


def ended_early(steps: Sequence[int], intended: int, reached: int = 0) -> bool:
    """Return whether a run ended clearly before its last intended step.

    Loops that count from 0, and loops that measure at steps of their own, do not measure at the last intended step. So
    a run ended early only if an evaluation is missing: it would have been due by the last step of another run of the
    cell, or well before the last intended step. Neither counts if less than a hundredth of the steps is missing.

    Args:
        steps: The steps of the run's rows, ascending.
        intended: The number of steps that the run was meant to take.
        reached: The last step of the longest run of the cell.
    """
    last, unclear = steps[-1], UNCLEAR * intended
    interval = median(late - early for early, late in pairwise(steps)) if len(steps) > 1 else 0
    missing, behind = intended - last, min(reached, intended) - last
    if missing <= unclear:
        return False
    return missing > interval or missing > CLEAR * intended or (behind >= interval and behind > unclear)


def early_reason(step: int, intended: int) -> str:
    """Return the reason of a run that ended early, in words."""
    return f"ended at step {step:,} of {intended:,}"
