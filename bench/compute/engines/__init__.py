"""Engines execute packs. An engine is a function from packs to events; all it knows of a pack is ``attempt``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from bench.compute.events import Event
from bench.compute.execution import Settings
from bench.plan.runs import Run


class Engine(Protocol):
    """Executes packs in the order given, as many beside each other as there are settings.

    An exception of one run, or the death of a worker, is an event and leaves the others alone. Once ``stopping`` gives
    true no pack is begun, and those in flight leave checkpoints. A ``GanbenchError`` (no space left, weights missing)
    does the same, and is raised at the end.
    """

    def __call__(
        self, packs: Sequence[Sequence[Run]], workers: Sequence[Settings], stopping: Callable[[], bool]
    ) -> Iterator[Event]:
        """Events as they come."""
        ...
