"""What is told of runs while they are executed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.planning import Run


@dataclass(frozen=True)
class Progress:
    """Where a run in flight is: generator steps done, and its steps per second in the last chunk.

    In a pack the rate is that of the run's share of the time, and ``pack`` how many train together.
    """

    step: int
    steps_per_second: float
    notice: str = ""
    pack: int = 1


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
