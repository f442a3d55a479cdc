"""Worker processes on this machine: each takes one run after the other, and may die without harm to the rest."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event as Flag
from typing import Any

from bench.engines import Event
from bench.environment import threads
from bench.errors import GanbenchError
from bench.execution import Progress, Settings, execute
from bench.planning import Run

CONTEXT = multiprocessing.get_context("spawn")  # CUDA does not survive a fork


@dataclass
class Worker:
    """A process, our end of its pipe, and the run that it is busy with."""

    process: BaseProcess
    pipe: Connection
    settings: Settings
    run: Run | None = None


def local(runs: Sequence[Run], workers: Sequence[Settings]) -> Iterator[Event]:
    """Executes runs on as many worker processes as there are settings."""
    waiting = deque(runs)
    stop = CONTEXT.Event()
    crew = [_hire(settings, stop) for settings in workers[: len(runs)]]
    ending: BaseException | None = None  # why no run is begun any more
    try:
        while True:
            try:
                for worker in crew if ending is None else ():
                    _assign(worker, waiting, stop)
                busy = [worker for worker in crew if worker.run is not None]
                if not busy:
                    break
                heard = wait([worker.pipe for worker in busy])
                for worker in [worker for worker in busy if worker.pipe in heard]:
                    event, error = _hear(worker)
                    ending = ending or error
                    if ending is not None:
                        stop.set()
                    yield event
            except KeyboardInterrupt as interrupt:
                if ending is not None:  # the second time: no more patience
                    raise
                ending = interrupt
                stop.set()
    finally:
        for worker in crew:
            worker.process.terminate()
        for worker in crew:
            worker.process.join()
    if ending is not None:
        raise ending


def _hire(settings: Settings, stop: Flag) -> Worker:
    ours, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=_work, args=(theirs, stop, settings), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, ours, settings)


def _assign(worker: Worker, waiting: deque[Run], stop: Flag) -> None:
    """Gives an idle worker the next run; one that died is replaced first."""
    if worker.run is not None or not waiting:
        return
    try:
        worker.pipe.send(waiting[0])
    except OSError:
        fresh = _hire(worker.settings, stop)
        worker.process, worker.pipe = fresh.process, fresh.pipe
        worker.pipe.send(waiting[0])
    worker.run = waiting.popleft()


def _hear(worker: Worker) -> tuple[Event, GanbenchError | None]:
    """The next message of a busy worker as an event, and an error if it is one that ends everything."""
    run = worker.run
    assert run is not None
    try:
        state, content = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        worker.pipe.close()
        worker.run = None
        return Event(run, "failed", text=f"its worker died ({_death(worker.process.exitcode)})"), None
    if state == "progress":
        return Event(run, "progress", progress=content), None
    worker.run = None
    if state == "error":
        return Event(run, "stopped"), content
    return Event(run, state, text=content), None


def _death(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"


def _work(pipe: Connection, stop: Flag, settings: Settings) -> None:
    """What a worker does: runs, one after the other, until its pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent asks us to stop
    try:
        with threads(settings.threads):
            while True:
                pipe.send(_outcome(pipe.recv(), pipe, stop, settings))
    except (EOFError, OSError):
        return  # the parent is gone; the last checkpoint stays


def _outcome(run: Run, pipe: Connection, stop: Flag, settings: Settings) -> tuple[str, Any]:
    def report(progress: Progress) -> None:
        pipe.send(("progress", progress))

    try:
        return ("recorded", "") if execute(run, settings, report, stop.is_set) else ("stopped", "")
    except GanbenchError as error:
        return "error", error
    except ConnectionError:  # the parent is gone
        raise
    except Exception as error:
        return "failed", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
