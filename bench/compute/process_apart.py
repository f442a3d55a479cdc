"""A process that works for this one, so that this one never holds a context on a GPU."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import ParamSpec, Protocol, TypeVar

from bench.compute.interruption import SIGNALS, blocked_signals

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
CONTEXT = multiprocessing.get_context("spawn")  # CUDA does not work in forked processes


class Apart(Protocol):
    """Calls functions where workers will run, so that what they measure holds there.

    Attributes:
        runs_elsewhere: Whether workers run on other machines, whatever their device.
        devices_of_a_name: How many devices have the same name, because each worker sees only its own.
    """

    @property
    def runs_elsewhere(self) -> bool: ...  # noqa: D102

    @property
    def devices_of_a_name(self) -> int: ...  # noqa: D102

    def call(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        """Return what a function of a module returns there."""
        ...


class ProcessApart:
    """A process that starts with the first call, since loading torch takes seconds, and ends with the block.

    Examples:
        >>> import os
        >>> with ProcessApart() as apart:
        ...     apart.call(os.getpid) == os.getpid()
        False
    """

    runs_elsewhere = False  # workers are processes of this machine too
    devices_of_a_name = 1

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def call(
        self, function: Callable[Parameters, Result], *arguments: Parameters.args, **options: Parameters.kwargs
    ) -> Result:
        """Return what a function of a module returns in the process.

        Raises:
            Exception: What the function raised.
            ChildProcessError: The process ended without an answer. The next call starts another one.
        """
        process, pipe = self._start()
        try:
            pipe.send((function, arguments, options))
            answer, error = pipe.recv()
        except (EOFError, OSError):
            process.join()
            self.close()
            raise ChildProcessError(f"the process ended with exit status {process.exitcode}") from None
        if error is not None:
            raise error
        result: Result = answer
        return result

    def close(self) -> None:
        """End the process, whatever it is doing, which frees its memory on GPUs."""
        if self._process is not None and self._pipe is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = None

    def _start(self) -> tuple[BaseProcess, Connection]:
        if self._process is None or self._pipe is None:
            self._pipe, theirs = CONTEXT.Pipe()
            self._process = CONTEXT.Process(target=_answer, args=(theirs,), daemon=True)
            with blocked_signals():  # this process decides when the other one ends
                self._process.start()
            theirs.close()
        return self._process, self._pipe

    def __enter__(self) -> ProcessApart:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _answer(pipe: Connection) -> None:
    """Call functions until the pipe closes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            function, arguments, options = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((function(*arguments, **options), None))
        except Exception as error:
            pipe.send((None, error))
