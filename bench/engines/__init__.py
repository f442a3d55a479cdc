"""Engines execute runs. An engine is a function from runs to events; all it knows of a run is ``execute``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bench.execution import Progress, Settings
from bench.planning import Run


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


class Engine(Protocol):
    """Executes runs in the order given, as many beside each other as there are settings.

    An exception of one run, or the death of a worker, is an event and leaves the others alone. Once ``stopping`` gives
    true no run is begun, and those in flight leave a checkpoint. A ``GanbenchError`` (no space left, weights missing)
    does the same, and is raised at the end.
    """

    def __call__(
        self, runs: Sequence[Run], workers: Sequence[Settings], stopping: Callable[[], bool]
    ) -> Iterator[Event]:
        """Events as they come."""
        ...
