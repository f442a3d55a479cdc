"""Measured time and memory of packs by size, cached in ``packs.json`` in the data folder.

Everything in it can be measured again: an unreadable file is replaced, and a failed write is ignored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from bench.files import atomic_write, data_folder, read_regular

GAIN = 0.03  # the fraction of a run's time that a larger pack must save
MORE_ROOM = 1.25  # with so many times the memory, packs that did not fit are tried again
PackSize = Annotated[int, Field(ge=1, le=1_000_000)]


@dataclass(frozen=True)
class Rates:
    """Measurements of packs with one timing key on one device.

    Attributes:
        seconds: Pack size → seconds per step and run.
        bytes: Pack size → peak memory in bytes, where it is known.
        ended: Whether larger packs are known not to be faster.
        alone: Why the runs cannot share a pack, as of the last attempt; "" if they can.
        work: Steps of all runs of a worker for which timing larger packs would take longer than training.
        room: The memory in bytes that larger packs did not fit into; 0 if they were not tried for another reason.
    """

    seconds: Mapping[PackSize, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = field(default_factory=dict)
    bytes: Mapping[PackSize, Annotated[int, Field(ge=0, le=2**60)]] = field(default_factory=dict)
    ended: bool = False
    alone: str = ""
    work: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    room: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0

    def suffice(self, count: int, work: float = math.inf, limit: float | None = None) -> bool:
        """Return whether no more measurements are needed; code that failed in packs is retried.

        Args:
            count: The number of runs that could share a pack.
            work: The steps that a worker has to train, over all runs.
            limit: The memory limit in bytes; None for no limit.
        """
        full = limit is not None and limit < MORE_ROOM * self.room
        known = self.ended or max(self.seconds, default=0) >= count or work <= self.work or full
        return not self.alone and known

    def best(self, limit: float | None = None) -> int:
        """Return the smallest pack size that is about as fast as any within the memory limit, at least 1.

        Args:
            limit: Memory limit in bytes; None for no limit.
        """
        if self.alone:
            return 1
        bytes_per_run = max((peak / size for size, peak in self.bytes.items()), default=0)
        fitting = {
            size: seconds for size, seconds in self.seconds.items() if limit is None or size * bytes_per_run <= limit
        } or {1: 0.0}
        fastest = min(fitting.values())
        return min(size for size, seconds in fitting.items() if seconds <= fastest * (1 + GAIN))


_FORMAT = TypeAdapter(dict[str, dict[str, Rates]])


def read_rates(timing_key: str, device: str) -> Rates | None:
    """Return the measurements for a timing key (``bench.plan.grouping.timing_key``) on a device, or None."""
    return _read().get(device, {}).get(timing_key)


def write_rates(timing_key: str, device: str, rates: Rates) -> None:
    """Store measurements."""
    everything = _read()
    everything.setdefault(device, {})[timing_key] = rates
    with suppress(OSError), atomic_write(_file()) as partial:
        partial.write_bytes(_FORMAT.dump_json(everything, indent=1))


def rates_by_device(timing_key: str) -> dict[str, Rates]:
    """Return the measurements for a timing key on every device."""
    return {device: rates[timing_key] for device, rates in _read().items() if timing_key in rates}


def _file() -> Path:
    return data_folder() / "packs.json"


def _read() -> dict[str, dict[str, Rates]]:
    """Return device → timing key → measurements."""
    try:
        return _FORMAT.validate_json(read_regular(_file()))
    except (OSError, ValueError):  # unreadable, or with a size or a time that no pack has
        return {}
