"""Retries failed packs in halves, so that a fault of one run does not affect the others."""

from __future__ import annotations

import traceback
from bdb import BdbQuit
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import parent_process

import torch

from bench.compute import environment
from bench.compute.events import Event, Progress
from bench.compute.execution import execute
from bench.compute.settings import Settings
from bench.errors import ContractError, GanbenchError, PluginError, summarise_error
from bench.plan.grouping import split_in_half
from bench.plan.runs import Run

IN_WORKER = "a breakpoint cannot be used in a worker process; debug with --workers 0 --pack off"


def attempt(runs: Sequence[Run], settings: Settings, stopping: Callable[[], bool]) -> Iterator[Event]:
    """Execute those runs of a pack that no other process trains; for the others, yield "elsewhere".

    If code fails or memory runs out, the pack is retried in halves, down to single runs, which may fail. All runs of a
    pack fail at once if a plug-in that they share does not keep its contract.

    Raises:
        GanbenchError: See ``execute``.
        BdbQuit: The user has left the debugger.
    """
    with settings.leases().hold([run.id for run in runs]) as held:
        yield from (Event(run, "elsewhere") for run in runs if run.id not in held)
        free = [run for run in runs if run.id in held]
        if free:
            yield from _attempt(free, settings, stopping)


def _attempt(runs: Sequence[Run], settings: Settings, stopping: Callable[[], bool]) -> Iterator[Event]:
    unfinished = {run.id: run for run in runs}
    try:
        for event in execute(runs, settings, stopping):
            if event.state != "progress":
                del unfinished[event.run.id]
            yield event
        return
    except ContractError as error:
        yield from (Event(run, "failed", text=str(error), fault=True) for run in unfinished.values())
        return
    except BdbQuit:
        if parent_process() is None:
            raise  # the user has left the debugger
        yield from (Event(run, "failed", text=IN_WORKER, fault=True) for run in unfinished.values())
        return
    except GanbenchError as error:
        if not isinstance(error, PluginError):
            raise
        reason, text, fault = str(error), str(error), True  # it names the file and the line of the plug-in
    except Exception as error:
        if environment.is_device_lost(error) and len(runs) > 1:
            raise  # ends the process; another one retries the halves
        text = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        reason, fault = summarise_error(error), False
    if len(runs) == 1:
        yield Event(runs[0], "failed", text=text, fault=fault)
        return
    environment.release_memory(torch.device(settings.device))
    for half in split_in_half(list(unfinished.values())):
        yield retry_event(half, len(runs), reason)
        yield from _attempt(half, settings, stopping)


def retry_event(runs: Sequence[Run], size: int, reason: str) -> Event:
    """Return the event that some runs of a pack of ``size`` are retried as a smaller pack."""
    notice = f"a pack of {size} failed ({reason}); retrying in a pack of {len(runs)}"
    return Event(runs[0], "progress", Progress(0, 0.0, notice, len(runs), runs[0].id, affected=len(runs)))
