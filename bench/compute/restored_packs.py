"""Packs of runs that continue from their checkpoints; runs whose checkpoints do not fit restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.compute.checkpoints import OTHER_VERSION, IncompatibleCheckpointError, Restored, load_states, restart
from bench.compute.training.pack import Pack
from bench.compute.training.real_data import RealData
from bench.plan.runs import Run

RestoredRuns = Sequence[tuple[Run, Restored]]


def start_pack(restored: RestoredRuns, real: RealData) -> Pack:
    """Return the pack of runs that are at the same step.

    Args:
        restored: The runs, and where each continues.
        real: The dataset.

    Raises:
        IncompatibleCheckpointError: The checkpoint of a run does not fit.
    """
    pack = real.start_pack([run.training for run, _ in restored], [run.seed for run, _ in restored])
    states = [each.state for _, each in restored if each.state is not None]
    if states:
        load_states(pack, states)
    return pack


def without_incompatible(
    restored: RestoredRuns, real: RealData, checkpoint: Callable[[Run], Path]
) -> list[tuple[Run, Restored]]:
    """Return the runs of a pack that could not be started, with those restarted whose checkpoints do not fit.

    Args:
        restored: The runs, and where each should continue.
        real: The dataset.
        checkpoint: Returns the path of a run's checkpoint.

    Raises:
        RuntimeError: Every checkpoint fits, but only alone.
    """
    usable = []
    for run, restoration in restored:
        try:
            start_pack([(run, restoration)], real)
            usable.append((run, restoration))
        except IncompatibleCheckpointError:
            usable.append((run, restart(restoration.path or checkpoint(run), OTHER_VERSION)))
    if usable == list(restored):
        raise RuntimeError("checkpoints that can be loaded one by one cannot be loaded as a pack")
    return usable
