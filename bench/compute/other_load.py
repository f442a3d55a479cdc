"""How many CPU cores other processes use while something is timed, as Linux counts it."""

from __future__ import annotations

import os
import time
from pathlib import Path

PROC_STAT = Path("/proc/stat")
BUSY_FIELDS = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal; not idle and iowait


class OtherLoad:
    """Counts the CPU seconds of other processes since it was made.

    The load average would count this process as well, and what it did in the minutes before.
    """

    def __init__(self) -> None:
        """Begin to count."""
        self._start = _counters()

    def cores(self) -> float | None:
        """Return the mean number of cores that other processes have used; None if the system does not say it."""
        first, last = self._start, _counters()
        if first is None or last is None or last[2] <= first[2]:
            return None
        machine, own, wall = (end - start for start, end in zip(first, last, strict=True))
        return max(0.0, machine - own) / wall


def _counters() -> tuple[float, float, float] | None:
    """Return CPU seconds of the machine and of this process with its children, and the time in seconds."""
    try:
        fields = PROC_STAT.read_text("ascii").split("\n", 1)[0].split()[1:]
        machine = sum(int(fields[place]) for place in BUSY_FIELDS) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
    own = os.times()
    if not machine:  # some containers hide the counters
        return None
    return machine, own.user + own.system + own.children_user + own.children_system, time.monotonic()
