"""Chooses the engine for some packs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.compute.engines import Engine
from bench.compute.engines.in_process import in_process
from bench.compute.engines.local import local
from bench.compute.engines.worker_processes import Reserve
from bench.compute.settings import Settings, is_small
from bench.plan.runs import Run


def choose_engine(
    packs: Sequence[Sequence[Run]], workers: Sequence[Settings], requested: int | None, reserve: Reserve
) -> Engine:
    """Return the engine that executes packs.

    Args:
        packs: The packs.
        workers: The settings of the workers.
        requested: The number of workers that the user asked for; 0 for this process, None for the default.
        reserve: Processes for workers, if they have started already.
    """
    is_one_small = len(packs) == 1 and workers[0].device == "cpu" and is_small(packs[0])
    here = requested == 0 or (requested is None and is_one_small)
    return in_process if here else partial(local, reserve=reserve)
