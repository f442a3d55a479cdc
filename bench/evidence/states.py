"""The final states of runs, and the rule for which of them count as failures."""

from __future__ import annotations

from enum import StrEnum

import pandas as pd


class State(StrEnum):
    """The state of a finished run. If several apply, the first in this order counts."""

    DIVERGED = "diverged"
    NEVER_LEARNED = "never-learned"
    COLLAPSED = "collapsed"
    RELAPSED = "relapsed"
    OSCILLATING = "oscillating"
    CONVERGED = "converged"


def has_failed(runs: pd.DataFrame) -> pd.Series:
    """Return whether each run of a frame failed, that is, has any outcome other than ``converged``."""
    return runs["outcome"] != State.CONVERGED


def count_failed(runs: pd.DataFrame) -> int:
    """Return the number of failed runs in a frame."""
    return int(has_failed(runs).sum())


def count_outcomes(runs: pd.DataFrame) -> dict[State, int]:
    """Return the number of runs with each outcome, in the order of ``State``."""
    return {state: int((runs["outcome"] == state.value).sum()) for state in State}
