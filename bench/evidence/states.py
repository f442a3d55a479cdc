"""The final states of runs, and the rules for which of them count as failures and which cannot be judged."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import pandas as pd

IMPROVING = "still improving"  # said of runs that never learned


class State(StrEnum):
    """The state of a finished run. If several apply, the first in this order counts."""

    DIVERGED = "diverged"
    UNRESOLVED = "unresolved"
    NEVER_LEARNED = "never-learned"
    COLLAPSED = "collapsed"
    RELAPSED = "relapsed"
    OSCILLATING = "oscillating"
    STABLE = "stable"


class Outcome(NamedTuple):
    """The outcome of a run.

    Attributes:
        state: Its state.
        reason: The reason in words.
        step: The step from which on the reason applies, if any.
        improving: Whether a run that never learned was still improving when it ended.
    """

    state: State
    reason: str = ""
    step: int | None = None
    improving: bool = False


def is_unresolved(runs: pd.DataFrame) -> pd.Series:
    """Return whether each run of a frame cannot be judged: it is neither a failure nor a success."""
    return runs["outcome"] == State.UNRESOLVED


def has_failed(runs: pd.DataFrame) -> pd.Series:
    """Return whether each run of a frame failed: any outcome other than ``stable`` and ``unresolved``."""
    return ~runs["outcome"].isin([State.STABLE, State.UNRESOLVED])


def judged(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of a frame that can be judged: all but the unresolved ones."""
    return runs.loc[~is_unresolved(runs)]


def count_failed(runs: pd.DataFrame) -> int:
    """Return the number of failed runs in a frame."""
    return int(has_failed(runs).sum())


def count_unresolved(runs: pd.DataFrame) -> int:
    """Return the number of runs in a frame that cannot be judged."""
    return int(is_unresolved(runs).sum())


def count_improving(runs: pd.DataFrame) -> int:
    """Return the number of runs in a frame that never learned and were still improving."""
    return int(runs["still_improving"].sum())


def count_outcomes(runs: pd.DataFrame) -> dict[State, int]:
    """Return the number of runs with each outcome, in the order of ``State``."""
    return {state: int((runs["outcome"] == state.value).sum()) for state in State}
