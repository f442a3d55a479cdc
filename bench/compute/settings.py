"""How workers execute runs, and where they keep records and checkpoints."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.compute.kept_files import weights_of
from bench.errors import DamagedRecordError
from bench.plan.runs import Run
from bench.records.costs import estimate_seconds, shipped_speeds
from bench.records.leases import Leases
from bench.records.mirror import Mirror
from bench.records.record import read_metadata

SMALL = 20.0  # estimated seconds of training; a worker takes seconds to start


@dataclass(frozen=True)
class Settings:
    """How a worker executes runs. On the CPU, none of this changes results, except for the number of threads.

    Attributes:
        folder: The suite's results folder, or its mirror on this machine.
        device: "cpu", "cuda:0", "mps".
        threads: The number of torch threads.
        workers: The number of workers that run in parallel, for the record.
        checkpoint_every: Seconds between checkpoints.
        inception_weights: The file with Inception's weights.
        keep: What a run that has ended leaves besides its record (``bench.plan.kept.KEPT``).
        timeout: Seconds without progress after which a worker process is ended. [default: it may take forever]
        address: The address of the suite's results if the folder mirrors it, else "".
    """

    folder: Path
    device: str = "cpu"
    threads: int = 1
    workers: int = 1
    checkpoint_every: float = 60.0
    inception_weights: Path | None = None
    keep: tuple[str, ...] = ()
    timeout: float | None = None
    address: str = ""

    @property
    def mirror(self) -> Mirror:
        """The results folder, with the store that it mirrors if there is one."""
        return Mirror(self.folder, self.address)

    def record(self, run: Run) -> Path:
        """Return the path of a run's record."""
        return self.folder / "records" / run.file_name

    def weights(self, run: Run) -> Path:
        """Return the path of the weights of a run's generator."""
        return weights_of(self.record(run))

    def is_recorded(self, run: Run) -> bool:
        """Return whether a run has a record by now.

        Raises:
            ResultsError: It has one that the system cannot read.
        """
        path = self.record(run)
        try:
            return (os.path.lexists(path) or self.mirror.bring(path)) and read_metadata(path).run == run.id
        except DamagedRecordError:
            return False

    def leases(self) -> Leases:
        """Return the leases of the runs."""
        return self.mirror.leases()

    def checkpoint(self, run: Run) -> Path:
        """Return the path of a run's checkpoint."""
        return self.folder / "checkpoints" / f"{run.id}.pt"


def core_count() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_small(runs: Iterable[Run]) -> bool:
    """Return whether runs train so quickly that starting a worker for them would take a good part of the time."""
    seconds = estimate_seconds(runs, shipped_speeds())
    return seconds is not None and seconds <= SMALL


def worker_settings(common: Settings, devices: Sequence[str], workers: int | None, runs: int) -> list[Settings]:
    """Return the settings of each worker: distributed over the devices, and no more workers than runs.

    Args:
        common: What all workers share.
        devices: The devices to use.
        workers: The number of workers. [default: one per CPU core, or one per GPU]
        runs: The number of runs to train.
    """
    default = max(1, core_count() // common.threads) if devices == ["cpu"] else len(devices)
    count = max(1, min(runs, default if workers is None else max(1, workers)))
    weights = common.inception_weights.resolve() if common.inception_weights else None
    common = replace(common, workers=count, inception_weights=weights)
    return [replace(common, device=devices[index % len(devices)]) for index in range(count)]
