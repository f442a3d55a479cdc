"""Which runs of a results folder train right now, as far as its files say; the one place where this is decided."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from bench.compute.claim import NAME, is_claimed
from bench.errors import ResultsError
from bench.records.lease_owners import owner_file
from bench.records.mirror import Mirror

SLURM = "slurm"  # the folder of jobs
SILENT = (
    600.0  # seconds after which a job or an owner that has written nothing counts as lost; evaluations can take minutes
)


def runs_at_work(folder: Path, runs: Iterable[str], checkpoint_every: float) -> set[str]:
    """Return the identities of the runs that train now.

    A run is at work if a living process holds its lease, if a job of Slurm that carries it has written events lately,
    or if a command trains in the folder and has written a checkpoint of the run lately.

    Args:
        folder: The suite's results folder.
        runs: Identities of runs without a record.
        checkpoint_every: Seconds between checkpoints.
    """
    found = {*_leased(folder), *_carried_by_jobs(folder / SLURM)}
    if (folder / NAME).exists():  # it is left behind by a killed process, and locks are unknown to some file systems
        lately = time.time() - (2 * checkpoint_every + 60) if is_claimed(folder) else time.time() - checkpoint_every
        found |= {run for run in runs if _changed(folder / "checkpoints" / f"{run}.pt") > lately}
    return found & set(runs)


def _leased(folder: Path) -> Iterator[str]:
    """Yield the runs whose lease has an owner that lives, as far as this can be told from here."""
    with suppress(ResultsError):
        for lease in Mirror.at(folder).leases().held():
            beat = _changed(folder / owner_file(lease.token))  # 0 if leases are not in this folder
            if not beat or beat > time.time() - SILENT:
                yield lease.run


def interrupted_runs(folder: Path) -> set[str]:
    """Return the identities of the runs that have a checkpoint."""
    with suppress(OSError):
        return {path.stem for path in (folder / "checkpoints").iterdir() if path.suffix == ".pt"}
    return set()


def _carried_by_jobs(folder: Path) -> Iterator[str]:
    """Yield the runs of jobs that have begun and are not silent."""
    for path in folder.glob("*.json"):
        if _changed(path.with_suffix(".events")) > time.time() - SILENT:
            with suppress(OSError, ValueError, KeyError, TypeError):
                for pack in json.loads(path.read_text(encoding="utf-8"))["packs"]:
                    yield from pack


def _changed(path: Path) -> float:
    """Return when a file was written, in seconds since the epoch; 0 if there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
