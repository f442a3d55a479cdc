"""What is told of runs while they are executed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.plan.runs import Run


@dataclass(frozen=True)
class Progress:
    """Where a run in flight is.

    Attributes:
        step: Generator steps done.
        steps_per_second: Of the last chunk; in a pack, of the run's share of the time.
        notice: What is to be told.
        pack: How many runs train together.
        first: The identity of the first of them.
    """

    step: int
    steps_per_second: float
    notice: str = ""
    pack: int = 1
    first: str = ""


@dataclass(frozen=True)
class Event:
    """What became of a run: it went on, its record is published, it was stopped, or its code failed.

    Attributes:
        run: Which one.
        state: The event.
        progress: Where it is, with state "progress".
        text: Why, with state "failed": the last line of the error, then the traceback.
    """

    run: Run
    state: Literal["progress", "recorded", "stopped", "failed"]
    progress: Progress | None = None
    text: str = ""
