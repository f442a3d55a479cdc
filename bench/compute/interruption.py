"""Ctrl-C, SIGTERM and a closed terminal: the first requests an orderly stop, a second one exits immediately."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HANG_UP = getattr(signal, "SIGHUP", None)  # the terminal was closed, or the connection to it ended
SIGNALS = (signal.SIGINT, signal.SIGTERM, *([HANG_UP] if HANG_UP else []))
FOR_JOBS = tuple(getattr(signal, name) for name in ("SIGUSR1", "SIGUSR2") if hasattr(signal, name))  # Slurm sends them
STOPPING = b"\nganbench: stopping; saving a checkpoint of each active run (a second Ctrl-C or SIGTERM exits at once)\n"


class Interruption:
    """Whether a stop was requested; call it to find out."""

    def __init__(self) -> None:
        self._requested = False

    def __call__(self) -> bool:
        """Return whether a stop was requested."""
        return self._requested

    def stop(self) -> None:
        """Request a stop."""
        self._requested = True

    def request(self, number: int = 0, *_: object) -> None:
        """Request a stop and, unless stderr is a terminal, log a message.

        A closed terminal sends its signal from the kernel and from the shell, and a shutdown sends it after SIGTERM, so
        it never counts as the second request.

        Raises:
            KeyboardInterrupt: A stop was requested before.
        """
        if self._requested and number != HANG_UP:
            raise KeyboardInterrupt
        if not self._requested and not os.isatty(2):  # on a terminal, the progress bars show it
            with suppress(OSError):  # nobody may be there to read it
                os.write(2, STOPPING)  # a signal handler must not use buffered output
        self._requested = True


@contextmanager
def handling_signals() -> Iterator[Interruption]:
    """Let signals request a stop inside the block; outside of the main thread, signals are left alone."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    # signals that are ignored, as the shell does for background jobs, stay ignored
    handled = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interruption.request) for number in handled}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def blocked_signals() -> Iterator[None]:
    """Block signals inside the block. A process started in it inherits the block and never receives them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (*SIGNALS, *FOR_JOBS))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
