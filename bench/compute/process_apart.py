"""Calls a function in a process of its own, so that this one never holds a context on a GPU."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from bench.compute.interruption import SIGNALS, blocked_signals

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
CONTEXT = multiprocessing.get_context("spawn")  # CUDA does not work in forked processes


def call_apart(
    function: Callable[Parameters, Result], *arguments: Parameters.args, **options: Parameters.kwargs
) -> Result:
    """Return what a function of a module returns in a new process, which has ended afterwards.

    Raises:
        Exception: What the function raised.
        ChildProcessError: The process ended without an answer.
    """
    ours, theirs = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_answer, args=(theirs, function, arguments, options), daemon=True)
    with blocked_signals():  # this process decides when it ends
        process.start()
    theirs.close()
    try:
        answer, error = ours.recv()
    except (EOFError, OSError):
        process.join()
        raise ChildProcessError(f"the process ended with exit status {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if error is not None:
        raise error
    result: Result = answer
    return result


def _answer(pipe: Connection, function: Callable[..., Any], arguments: Any, options: Any) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    try:
        pipe.send((function(*arguments, **options), None))
    except Exception as error:
        pipe.send((None, error))
