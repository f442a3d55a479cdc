"""Several drivers share the runs of a results folder: each waits for what others train, and takes over if they die."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence

from bench.compute.engines import Engine
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.plan.runs import Run
from bench.records.leases import Leases

PAUSE, PAUSE_AT_ADDRESS = 1.0, 5.0  # seconds between two looks at what others train
SLICE = 0.2  # seconds between checks for a requested stop


def execute_shared(
    engine: Engine,
    packs: Sequence[Sequence[Run]],
    workers: Sequence[Settings],
    stopping: Callable[[], bool],
    notify: Callable[[str], None] = lambda notice: None,
) -> Iterator[Event]:
    """Execute packs with an engine; runs that other processes train are waited for, and executed if they give them up.

    Args:
        engine: The engine.
        packs: The packs.
        workers: The settings of the workers.
        stopping: Whether a stop was requested.
        notify: Called with a message for the user while there is nothing to do but wait.

    Yields:
        The events of the engine, and "recorded" for runs that others have recorded.

    Raises:
        GanbenchError: See ``Engine``; also if the results folder cannot be read.
    """
    settings, left = workers[0], list(packs)
    leases = settings.leases()
    while left:
        elsewhere: dict[str, Run] = {}
        for event in engine(left, workers, stopping):
            if event.state == "elsewhere":
                elsewhere[event.run.id] = event.run
            else:
                yield event
        left = []
        if elsewhere and not stopping():
            notify(_waiting_for(leases, elsewhere))
        while elsewhere and not left and not stopping():
            free = leases.free(elsewhere)
            for run in [elsewhere[name] for name in free if settings.is_recorded(elsewhere[name])]:
                del elsewhere[run.id]
                yield Event(run, "recorded")
            left = [found for pack in packs if (found := [run for run in pack if run.id in free & elsewhere.keys()])]
            if elsewhere and not left:
                _wait(PAUSE_AT_ADDRESS if settings.address else PAUSE, stopping)


def _waiting_for(leases: Leases, runs: Collection[str]) -> str:
    owners = sorted({lease.owner for lease in leases.held() if lease.run in runs})
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return f"waiting for {count} in training elsewhere ({', '.join(owners) or 'ending'})"


def _wait(seconds: float, stopping: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not stopping() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, SLICE))
