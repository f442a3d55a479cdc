"""What a worker process does: it executes one pack after another and sends their events."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from bench.compute.engines.retries import attempt
from bench.compute.environment import keep_freed_memory, limited_threads
from bench.compute.settings import Settings
from bench.errors import GanbenchError
from bench.plan.runs import Run


def serve(pipe: Connection, stop: Any) -> None:
    """Receive settings and then packs, and execute them until the pipe closes.

    Args:
        pipe: The worker's end of the pipe.
        stop: A shared flag; 1 asks to save checkpoints and stop.
    """
    keep_freed_memory()
    try:
        settings: Settings = pipe.recv()
        with limited_threads(settings.threads):
            while True:
                _execute_pack(pipe.recv(), pipe, stop, settings)
    except (EOFError, OSError):
        return  # the parent is gone; the last checkpoints remain


def _execute_pack(pack: Sequence[Run], pipe: Connection, stop: Any, settings: Settings) -> None:
    orphaned = False

    def send(message: object) -> None:
        nonlocal orphaned
        try:
            pipe.send(message)
        except OSError:
            orphaned = True  # the parent no longer reads events: stop at the next chance, with checkpoints

    try:
        for event in attempt(pack, settings, lambda: orphaned or bool(stop.value)):
            send((event.run.id, event.state, event.progress, event.text, event.fault))
    except GanbenchError as error:
        send(error)
