"""The states that a run can end in, and the one rule of which of them are failures."""

from __future__ import annotations

from enum import StrEnum

import pandas as pd


class State(StrEnum):
    """What became of a run; the first that applies, in this order."""

    DIVERGED = "diverged"
    NEVER_LEARNED = "never-learned"
    COLLAPSED = "collapsed"
    RELAPSED = "relapsed"
    OSCILLATING = "oscillating"
    CONVERGED = "converged"


def has_failed(runs: pd.DataFrame) -> pd.Series:
    """Whether each run of a frame failed: every outcome but ``converged`` is a failure."""
    return runs["outcome"] != State.CONVERGED


def count_failed(runs: pd.DataFrame) -> int:
    """The number of failed runs in a frame."""
    return int(has_failed(runs).sum())


def count_outcomes(runs: pd.DataFrame) -> dict[State, int]:
    """The number of runs with each outcome, in the order of the rules."""
    return {state: int((runs["outcome"] == state.value).sum()) for state in State}
