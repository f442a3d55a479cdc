"""What is known of packs on this machine: seconds and memory by size, kept in ``packs.json`` in the cache folder.

It is knowledge that can be had again: a file that cannot be read is written anew, one that cannot be written is missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from bench.files import data_folder, written_whole

GAIN = 0.03  # a larger pack must save so much of a run's time


@dataclass(frozen=True)
class Rates:
    """Of packs of one program on one device.

    Attributes:
        seconds: Size → seconds of a run's share of a step.
        bytes: Size → peak memory, as far as it was told.
        ended: Whether larger packs were seen, or known, not to pay.
        alone: Why runs could not share a pack when it was last tried, or nothing.
    """

    seconds: Mapping[int, float] = field(default_factory=dict)
    bytes: Mapping[int, int] = field(default_factory=dict)
    ended: bool = False
    alone: str = ""

    def suffice(self, count: int) -> bool:
        """Whether this tells how to pack so many runs; code that no pack could run may have been mended since."""
        return not self.alone and (self.ended or max(self.seconds, default=0) >= count)

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


_FORM = TypeAdapter(dict[str, dict[str, Rates]])


def read_rates(program: str, device: str) -> Rates | None:
    """What is known of a program (``bench.plan.grouping.program``) on a device, described in words."""
    return _read().get(device, {}).get(program)


def write_rates(program: str, device: str, rates: Rates) -> None:
    """Keeps what was measured."""
    everything = _read()
    everything.setdefault(device, {})[program] = rates
    with suppress(OSError), written_whole(_file()) as partial:
        partial.write_bytes(_FORM.dump_json(everything, indent=1))


def devices_known(program: str) -> dict[str, Rates]:
    """What is known of a program, by device."""
    return {device: programs[program] for device, programs in _read().items() if program in programs}


def _file() -> Path:
    return data_folder() / "packs.json"


def _read() -> dict[str, dict[str, Rates]]:
    """Device → program → what is known."""
    try:
        return _FORM.validate_json(_file().read_bytes())
    except (OSError, ValueError):
        return {}
