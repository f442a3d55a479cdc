"""Worker processes on this machine: each takes one pack after the other, and may die without harm to the rest."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bench.compute.engines.retries import attempt, smaller
from bench.compute.environment import keep_memory, threads
from bench.compute.events import Event
from bench.compute.execution import Settings
from bench.compute.interruption import SIGNALS, held_back
from bench.errors import GanbenchError
from bench.plan.grouping import split_in_half
from bench.plan.runs import Run

CONTEXT = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
GUARD = "; a script must call bench.run below: if __name__ == '__main__':"
PATIENCE = 0.2  # seconds between two looks at whether an end was asked for


class _ParentGoneError(Exception):
    """Nobody listens any more."""


@dataclass
class Worker:
    """A process, our end of its pipe, the runs that it is busy with, and whether it ever said anything."""

    process: BaseProcess
    pipe: Connection
    settings: Settings
    size: int = 0  # of its pack, when that was begun
    runs: dict[str, Run] = field(default_factory=dict)  # of its pack, those without an end
    began: bool = False


def local(
    packs: Sequence[Sequence[Run]], workers: Sequence[Settings], stopping: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Executes packs on as many worker processes as there are settings.

    The runs of a worker that died are tried again in halves, for it may have died of too little memory; a run alone
    has failed.
    """
    waiting = deque(packs)
    stop = CONTEXT.RawValue("b", 0)  # without a lock: a worker may be killed while it reads
    crew = [_hire(settings, stop) for settings in workers[: len(packs)]]
    ending: GanbenchError | None = None
    try:
        while True:
            if ending is not None or stopping():
                stop.value = 1
            for worker in crew if not stop.value else ():
                _assign(worker, waiting, stop)
            busy = [worker for worker in crew if worker.runs]
            if not busy:
                break
            heard = wait([worker.pipe for worker in busy], PATIENCE)
            for worker in [worker for worker in busy if worker.pipe in heard]:
                heard_of = _hear(worker)
                if isinstance(heard_of, Death):
                    waiting.extendleft(heard_of.again)
                    yield from heard_of.events
                elif isinstance(heard_of, GanbenchError):
                    ending = ending or heard_of
                else:
                    yield heard_of
    finally:
        for worker in crew:
            worker.process.kill()
        for worker in crew:
            worker.process.join()
    if ending is not None:
        raise ending


def _hire(settings: Settings, stop: Any) -> Worker:
    resource_tracker.ensure_running()  # which unblocks signals when it is begun
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_work, args=(theirs, stop, settings), daemon=True)
    with held_back():  # Ctrl-C reaches the whole group; the workers are told by the parent
        process.start()
    theirs.close()
    return Worker(process, ours, settings)


def _assign(worker: Worker, waiting: deque[Sequence[Run]], stop: Any) -> None:
    """Gives an idle worker the next pack; one that died is replaced first."""
    if worker.runs or not waiting:
        return
    try:
        worker.pipe.send(list(waiting[0]))
    except OSError:
        fresh = _hire(worker.settings, stop)
        worker.process, worker.pipe, worker.began = fresh.process, fresh.pipe, False
        worker.pipe.send(list(waiting[0]))
    pack = waiting.popleft()
    worker.runs, worker.size = {run.id: run for run in pack}, len(pack)


@dataclass(frozen=True)
class Death:
    """What a worker's end means for its runs: what is told of them, and the packs in which they are tried again."""

    events: list[Event]
    again: Sequence[Sequence[Run]]


def _hear(worker: Worker) -> Event | GanbenchError | Death:
    """The next message of a busy worker: an event, an error that ends everything, or that there is none any more."""
    try:
        message = worker.pipe.recv()
    except (EOFError, OSError):
        return _bury(worker)
    worker.began = True
    if isinstance(message, GanbenchError):
        worker.runs = {}
        return message
    name, *rest = message
    event = Event(worker.runs[name], *rest)
    if event.state != "progress":
        del worker.runs[name]
    if event.state == "failed" and worker.settings.device != "cpu" and not worker.runs:
        worker.process.kill()  # an error of a device can stay in its context, and fail all that comes after
        _dismiss(worker)
    return event


def _bury(worker: Worker) -> Death:
    runs, worker.runs = list(worker.runs.values()), {}
    _dismiss(worker)
    code = worker.process.exitcode
    reason = f"its worker died ({_death(code) + (GUARD if code == 1 and not worker.began else '')})"
    if worker.size == 1:
        return Death([Event(run, "failed", text=reason) for run in runs], [])
    again = split_in_half(runs)
    return Death([smaller(half, worker.size, reason) for half in again], again)


def _dismiss(worker: Worker) -> None:
    worker.process.join()
    worker.pipe.close()


def _death(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"


def _work(pipe: Connection, stop: Any, settings: Settings) -> None:
    """What a worker does: packs, one after the other, until its pipe closes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    keep_memory()
    try:
        with threads(settings.threads):
            while True:
                _do(pipe.recv(), pipe, stop, settings)
    except (EOFError, OSError, _ParentGoneError):
        return  # the last checkpoints stay


def _do(pack: Sequence[Run], pipe: Connection, stop: Any, settings: Settings) -> None:
    def tell(message: object) -> None:
        try:
            pipe.send(message)
        except OSError:
            raise _ParentGoneError from None

    try:
        for event in attempt(pack, settings, lambda: bool(stop.value)):
            tell((event.run.id, event.state, event.progress, event.text))
    except GanbenchError as error:
        tell(error)
