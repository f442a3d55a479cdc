"""Engines execute packs of runs. An engine is a function from packs to events and knows packs only by ``attempt``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from bench.compute.events import Event
from bench.compute.process_apart import Apart
from bench.compute.settings import Settings
from bench.plan.runs import Run


class Engine(Protocol):
    """Executes packs in the given order, in parallel on as many workers as there are settings.

    If the code of a run raises an exception or a worker dies, this is an event and does not affect other runs. Once
    ``stopping`` returns True, no new pack starts and active runs save checkpoints. A ``GanbenchError`` (disk full,
    weights missing) has the same effect and is raised at the end.
    """

    def __call__(
        self, packs: Sequence[Sequence[Run]], workers: Sequence[Settings], stopping: Callable[[], bool]
    ) -> Iterator[Event]:
        """Yield events as they occur."""
        ...


class Cluster(Apart, Protocol):
    """Other machines that packs can be carried to."""

    def workers(self, common: Settings, device: str, requested: int | None, runs: int) -> list[Settings]:
        """Return the settings of each worker: for some runs, on a device, and as many workers as were asked for."""
        ...

    def engine(
        self, packs: Sequence[Sequence[Run]], workers: Sequence[Settings], stopping: Callable[[], bool]
    ) -> Iterator[Event]:
        """Execute packs there; see ``Engine``."""
        ...
