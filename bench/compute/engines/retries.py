"""A pack is tried as it is, and where that fails in halves, so that one run's fault is its own."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence

import torch

from bench.compute import environment
from bench.compute.events import Event, Progress
from bench.compute.execution import Settings, execute
from bench.errors import GanbenchError, summarise_error
from bench.plan.grouping import split_in_half
from bench.plan.runs import Run


def attempt(runs: Sequence[Run], settings: Settings, stopping: Callable[[], bool]) -> Iterator[Event]:
    """Executes a pack; where its code fails, or memory runs out, its halves, down to runs alone: these may fail.

    Raises:
        GanbenchError: as ``execute``.
    """
    left = {run.id: run for run in runs}
    try:
        for event in execute(runs, settings, stopping):
            if event.state != "progress":
                del left[event.run.id]
            yield event
        return
    except GanbenchError:
        raise
    except Exception as error:
        if environment.is_lost(error) and len(runs) > 1:
            raise  # the process ends by it; another tries the halves
        reason, text = summarise_error(error), f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    if len(runs) == 1:
        yield Event(runs[0], "failed", text=text)
        return
    environment.release_memory(torch.device(settings.device))
    for half in split_in_half(list(left.values())):
        yield smaller(half, len(runs), reason)
        yield from attempt(half, settings, stopping)


def smaller(runs: Sequence[Run], before: int, reason: str) -> Event:
    """Says that runs are tried again as a smaller pack than ``before``, and why."""
    told = f"not in a pack of {before} ({reason}), so in one of {len(runs)}"
    return Event(runs[0], "progress", Progress(0, 0.0, told, len(runs), runs[0].id))
