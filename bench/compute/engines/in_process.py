"""Executes packs one after another in this process: for notebooks, debuggers and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.compute.engines.retries import attempt
from bench.compute.environment import limited_threads
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.plan.runs import Run


def in_process(
    packs: Sequence[Sequence[Run]], workers: Sequence[Settings], stopping: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Execute all packs with the settings of the first worker."""
    settings = workers[0]
    with limited_threads(settings.threads):  # once, because it looks for the libraries of the process
        for pack in packs:
            if stopping():
                return
            yield from attempt(pack, settings, stopping)
