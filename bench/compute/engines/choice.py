"""Chooses the engine for some packs."""

from __future__ import annotations

from collections.abc import Sequence

from bench.compute.engines import Engine
from bench.compute.engines.in_process import in_process
from bench.compute.engines.local import local
from bench.compute.settings import Settings
from bench.plan.runs import Run
from bench.records.costs import estimate_seconds, shipped_speeds

SMALL = 20.0  # estimated seconds of a pack that trains in this process, because a worker takes seconds to start


def choose_engine(packs: Sequence[Sequence[Run]], workers: Sequence[Settings], requested: int | None) -> Engine:
    """Return the engine that executes packs.

    Args:
        packs: The packs.
        workers: The settings of the workers.
        requested: The number of workers that the user asked for; 0 for this process, None for the default.
    """
    here = requested == 0 or (requested is None and _is_one_small_pack(packs) and workers[0].device == "cpu")
    return in_process if here else local


def _is_one_small_pack(packs: Sequence[Sequence[Run]]) -> bool:
    seconds = estimate_seconds(packs[0], shipped_speeds()) if len(packs) == 1 else None
    return seconds is not None and seconds <= SMALL
