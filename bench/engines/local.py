"""Worker processes on this machine: each takes one run after the other, and may die without harm to the rest."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from bench.engines import Event
from bench.environment import threads
from bench.errors import GanbenchError
from bench.execution import Progress, Settings, execute
from bench.interruption import SIGNALS, held_back
from bench.planning import Run

CONTEXT = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
GUARD = "; a script must call bench.run below: if __name__ == '__main__':"
PATIENCE = 0.2  # seconds between two looks at whether an end was asked for


class _ParentGoneError(Exception):
    """Nobody listens any more."""


@dataclass
class Worker:
    """A process, our end of its pipe, the run that it is busy with, and whether it ever said anything."""

    process: BaseProcess
    pipe: Connection
    settings: Settings
    run: Run | None = None
    began: bool = False


def local(
    runs: Sequence[Run], workers: Sequence[Settings], stopping: Callable[[], bool] = lambda: False
) -> Iterator[Event]:
    """Executes runs on as many worker processes as there are settings."""
    waiting = deque(runs)
    stop = CONTEXT.RawValue("b", 0)  # without a lock: a worker may be killed while it reads
    crew = [_hire(settings, stop) for settings in workers[: len(runs)]]
    ending: GanbenchError | None = None
    try:
        while True:
            if ending is not None or stopping():
                stop.value = 1
            for worker in crew if not stop.value else ():
                _assign(worker, waiting, stop)
            busy = [worker for worker in crew if worker.run is not None]
            if not busy:
                break
            heard = wait([worker.pipe for worker in busy], PATIENCE)
            for worker in [worker for worker in busy if worker.pipe in heard]:
                event, error = _hear(worker)
                ending = ending or error
                yield event
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


def _assign(worker: Worker, waiting: deque[Run], stop: Any) -> None:
    """Gives an idle worker the next run; one that died is replaced first."""
    if worker.run is not None or not waiting:
        return
    try:
        worker.pipe.send(waiting[0])
    except OSError:
        fresh = _hire(worker.settings, stop)
        worker.process, worker.pipe, worker.began = fresh.process, fresh.pipe, False
        worker.pipe.send(waiting[0])
    worker.run = waiting.popleft()


def _hear(worker: Worker) -> tuple[Event, GanbenchError | None]:
    """The next message of a busy worker as an event, and an error if it is one that ends everything."""
    run = worker.run
    assert run is not None
    try:
        state, content = worker.pipe.recv()
    except (EOFError, OSError):
        worker.run = None
        _dismiss(worker)
        code = worker.process.exitcode
        how = _death(code) + (GUARD if code == 1 and not worker.began else "")
        return Event(run, "failed", text=f"its worker died ({how})"), None
    worker.began = True
    if state == "progress":
        return Event(run, "progress", progress=content), None
    worker.run = None
    if state == "error":
        return Event(run, "stopped"), content
    if state == "failed" and worker.settings.device != "cpu":
        worker.process.kill()  # an error of a device can stay in its context, and fail all that comes after
        _dismiss(worker)
    return Event(run, state, text=content), None


def _dismiss(worker: Worker) -> None:
    worker.process.join()
    worker.pipe.close()


def _death(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"


def _work(pipe: Connection, stop: Any, settings: Settings) -> None:
    """What a worker does: runs, one after the other, until its pipe closes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    try:
        with threads(settings.threads):
            while True:
                pipe.send(_outcome(pipe.recv(), pipe, stop, settings))
    except (EOFError, OSError, _ParentGoneError):
        return  # the last checkpoint stays


def _outcome(run: Run, pipe: Connection, stop: Any, settings: Settings) -> tuple[str, Any]:
    def report(progress: Progress) -> None:
        try:
            pipe.send(("progress", progress))
        except OSError:
            raise _ParentGoneError from None

    try:
        done = execute(run, settings, report, lambda: bool(stop.value))
    except GanbenchError as error:
        return "error", error
    except _ParentGoneError:
        raise
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    return ("recorded" if done else "stopped"), ""
