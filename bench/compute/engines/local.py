"""Worker processes on this machine: each executes one pack after another, and may die without affecting the others."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from bench.compute.engines.retries import retry_event
from bench.compute.engines.worker_processes import Reserve
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.errors import GanbenchError
from bench.plan.grouping import split_in_half
from bench.plan.runs import Run

MAIN_GUARD = "; a script must call bench.run below: if __name__ == '__main__':"
POLL_INTERVAL = 0.2  # seconds between checks for a requested stop


@dataclass
class Worker:
    """A worker process.

    Attributes:
        process: The process.
        pipe: The parent's end of its pipe.
        settings: Its settings.
        pack_size: The number of runs in its pack when it was assigned.
        runs: The runs of its pack that have not ended, by identity.
        responded: Whether the process has sent any message.
        heard: When it got its pack or sent its last message, by the monotonic clock.
        silent: Whether it was ended because it sent no message for too long.
    """

    process: BaseProcess
    pipe: Connection
    settings: Settings
    pack_size: int = 0
    runs: dict[str, Run] = field(default_factory=dict)
    responded: bool = False
    heard: float = 0.0
    silent: bool = False


@dataclass(frozen=True)
class WorkerDeath:
    """The consequences of a worker's death: the events of its runs, and the packs to retry."""

    events: list[Event]
    retries: Sequence[Sequence[Run]]


def local(
    packs: Sequence[Sequence[Run]],
    workers: Sequence[Settings],
    stopping: Callable[[], bool] = lambda: False,
    reserve: Reserve | None = None,
) -> Iterator[Event]:
    """Execute packs in as many worker processes as there are settings, taken from a reserve if one is given.

    If a worker dies, its runs are retried in halves, since it may have run out of memory. A single run fails instead.
    """
    waiting, reserve = deque(packs), reserve or Reserve()
    pool = [Worker(*reserve.take(settings), settings) for settings in workers[: len(packs)]]
    error: GanbenchError | None = None
    try:
        while True:
            if error is not None or stopping():
                reserve.stop.value = 1
            for worker in pool if not reserve.stop.value else ():
                _assign(worker, waiting, reserve)
            busy = [worker for worker in pool if worker.runs]
            if not busy:
                break
            ready = wait([worker.pipe for worker in busy], POLL_INTERVAL)
            for worker in [worker for worker in busy if worker.pipe in ready]:
                received = _receive(worker)
                if isinstance(received, WorkerDeath):
                    waiting.extendleft(received.retries)
                    yield from received.events
                elif isinstance(received, GanbenchError):
                    error = error or received
                else:
                    yield received
            for worker in busy:
                _end_if_silent(worker)
    finally:
        for worker in pool:
            worker.process.kill()
        for worker in pool:
            worker.process.join()
    if error is not None:
        raise error


def _assign(worker: Worker, waiting: deque[Sequence[Run]], reserve: Reserve) -> None:
    """Give an idle worker the next pack; a dead worker is replaced first."""
    if worker.runs or not waiting:
        return
    try:
        worker.pipe.send(list(waiting[0]))
    except OSError:
        worker.process, worker.pipe = reserve.take(worker.settings)
        worker.responded = worker.silent = False
        worker.pipe.send(list(waiting[0]))
    pack = waiting.popleft()
    worker.runs, worker.pack_size, worker.heard = {run.id: run for run in pack}, len(pack), time.monotonic()


def _receive(worker: Worker) -> Event | GanbenchError | WorkerDeath:
    """Receive the next message of a busy worker: an event, an error that ends everything, or its death."""
    try:
        message = worker.pipe.recv()
    except (EOFError, OSError):
        return _handle_death(worker)
    worker.responded, worker.heard = True, time.monotonic()
    if isinstance(message, GanbenchError):
        worker.runs = {}
        return message
    name, *rest = message
    event = Event(worker.runs[name], *rest)
    if event.state != "progress":
        del worker.runs[name]
    if event.state == "failed" and worker.settings.device != "cpu" and not worker.runs:
        worker.process.kill()  # after an error, the device context may be corrupt, and later runs would fail
        _clean_up(worker)
    return event


def _end_if_silent(worker: Worker) -> None:
    """Kill a worker that hangs; its end is then noticed as that of any other."""
    limit = worker.settings.timeout
    if limit is not None and worker.runs and time.monotonic() - worker.heard > limit:
        worker.silent = True
        worker.process.kill()


def _handle_death(worker: Worker) -> WorkerDeath:
    runs, worker.runs = list(worker.runs.values()), {}
    _clean_up(worker)
    code = worker.process.exitcode
    hint = MAIN_GUARD if code == 1 and not worker.responded else ""
    reason = f"the worker process died ({_describe_exit(code)}{hint})"
    if worker.silent:
        reason = f"the worker process was ended, because it made no progress for {worker.settings.timeout:g} s"
    if worker.pack_size == 1:
        return WorkerDeath([Event(run, "failed", text=reason) for run in runs], [])
    retries = split_in_half(runs)
    return WorkerDeath([retry_event(half, worker.pack_size, reason) for half in retries], retries)


def _clean_up(worker: Worker) -> None:
    worker.process.join()
    worker.pipe.close()


def _describe_exit(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"
