"""Processes of workers. They can start before it is known what they will do, since each takes seconds to load torch."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bench.compute.interruption import SIGNALS, blocked_signals
from bench.compute.settings import Settings, core_count, is_small
from bench.plan.grouping import group_by_pack_key
from bench.plan.runs import Run

CONTEXT = multiprocessing.get_context("spawn")  # CUDA does not work in forked processes
ACCELERATORS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # files of the drivers of GPUs on Linux


class Reserve:
    """Processes that load torch and wait for their settings. Leaving the block ends those that were not taken.

    Attributes:
        stop: A flag that all processes see: 1 asks them to save checkpoints and stop.
    """

    def __init__(self, count: int = 0):
        self.stop = CONTEXT.RawValue("b", 0)  # without a lock, because a worker may be killed while it reads
        self._waiting = [self._start() for _ in range(count)]

    def take(self, settings: Settings) -> tuple[BaseProcess, Connection]:
        """Return a process that has its settings, and the parent's end of its pipe."""
        process, pipe = self._waiting.pop() if self._waiting else self._start()
        with suppress(OSError):  # a process that died is noticed when it gets its first pack
            pipe.send(settings)
        return process, pipe

    def _start(self) -> tuple[BaseProcess, Connection]:
        resource_tracker.ensure_running()  # starting it unblocks signals
        parent_end, worker_end = CONTEXT.Pipe()
        process = CONTEXT.Process(target=_work, args=(worker_end, self.stop), daemon=True)
        with blocked_signals():  # Ctrl-C reaches the whole process group, but the parent decides when workers stop
            process.start()
        worker_end.close()
        return process, parent_end

    def __enter__(self) -> Reserve:
        return self

    def __exit__(self, *_: object) -> None:
        for process, _pipe in self._waiting:
            process.kill()
        for process, pipe in self._waiting:
            process.join()
            pipe.close()
        self._waiting = []


def count_to_start(device: str, workers: int | None, threads: int, waiting: Sequence[Run]) -> int:
    """Return how many processes will be needed for certain, without loading torch to ask for GPUs.

    Args:
        device: The device that the user asked for.
        workers: The number of workers that the user asked for; 0 for this process, None for the default.
        threads: Threads per worker.
        waiting: The runs to train.
    """
    may_have_gpu = sys.platform != "linux" or any(map(Path.exists, map(Path, ACCELERATORS)))
    if workers == 0 or not (device == "cpu" or (device == "auto" and not may_have_gpu)):
        return 0
    if workers is None and len(group_by_pack_key(waiting)) == 1 and is_small(waiting):
        return 0  # perhaps a single pack, which trains in this process
    return min(len(waiting), workers or max(1, core_count() // threads))


def _work(pipe: Connection, stop: Any) -> None:
    """Execute packs in the worker process until the pipe closes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    from bench.compute.engines.serving import serve  # torch

    serve(pipe, stop)
