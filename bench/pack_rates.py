"""What is known of packs on this machine: seconds and memory by size, kept in ``packs.json`` in the cache folder.

It is knowledge that can be had again: a file that cannot be read is written anew, one that cannot be written is missed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.datasets.images import data_folder
from bench.files import written_whole

GAIN = 0.03  # a larger pack must save so much of a run's time


@dataclass(frozen=True)
class Rates:
    """Of packs of one program on one device.

    Attributes:
        seconds: Size → seconds of a run's share of a step.
        bytes: Size → peak memory, as far as it was told.
        ended: Whether larger packs were seen, or known, not to pay.
        alone: Why runs cannot share a pack, or nothing.
    """

    seconds: Mapping[int, float] = field(default_factory=dict)
    bytes: Mapping[int, int] = field(default_factory=dict)
    ended: bool = False
    alone: str = ""

    def suffice(self, count: int) -> bool:
        """Whether this tells how to pack so many runs."""
        return self.ended or bool(self.alone) or max(self.seconds, default=0) >= count

    def best(self, limit: float | None = None) -> int:
        """The smallest size that is about as fast as any, within so many bytes; a run alone is always tried.

        Args:
            limit: Bytes; None: there is no limit.
        """
        if self.alone:
            return 1
        a_run = max((taken / size for size, taken in self.bytes.items()), default=0)
        within = {
            size: seconds for size, seconds in self.seconds.items() if limit is None or size * a_run <= limit
        } or {1: 0.0}
        fastest = min(within.values())
        return min(size for size, seconds in within.items() if seconds <= fastest * (1 + GAIN))


def read_rates(program: str, device: str) -> Rates | None:
    """What is known of a program (``bench.packing.program``) on a device, described in words."""
    known = _read().get(device, {}).get(program)
    if known is None:
        return None
    return Rates(
        seconds={int(size): value for size, value in known["seconds"].items()},
        bytes={int(size): value for size, value in known["bytes"].items()},
        ended=known["ended"],
        alone=known["alone"],
    )


def write_rates(program: str, device: str, rates: Rates) -> None:
    """Keeps what was measured."""
    everything = _read()
    everything.setdefault(device, {})[program] = asdict(rates)
    with suppress(OSError), written_whole(_file()) as partial:
        partial.write_text(json.dumps(everything, indent=1))


def devices_known(program: str) -> dict[str, Rates]:
    """What is known of a program, by device."""
    found = {device: read_rates(program, device) for device in _read()}
    return {device: rates for device, rates in found.items() if rates is not None}


def _file() -> Path:
    return data_folder() / "packs.json"


def _read() -> dict[str, Any]:
    try:
        known: dict[str, Any] = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}
    return known
