"""Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)
HEARD = b"\nganbench: stopping; every run in flight leaves a checkpoint first (once more to end at once)\n"


class Interruption:
    """Whether an end was asked for; call it to know."""

    def __init__(self) -> None:
        self._asked = False

    def __call__(self) -> bool:
        """Whether an end was asked for."""
        return self._asked

    def ask(self, *_: object) -> None:
        """Asks for an end, and says so in a log; the second time it is one.

        Raises:
            KeyboardInterrupt: it was asked before.
        """
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        if not os.isatty(2):  # bars on a terminal say it themselves
            os.write(2, HEARD)  # a handler may run in the middle of any other writing


@contextmanager
def listening() -> Iterator[Interruption]:
    """Signals ask for an end while the block runs; other threads than the main one cannot hear them."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    # a signal that the shell has us ignore, as it does for a job in the background, stays ignored
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interruption.ask) for number in heard}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Signals wait while the block runs; a process that is started in it never sees them, unless it asks to."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
