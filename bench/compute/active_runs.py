"""Which runs of a results folder are being trained, and which were interrupted, according to its files."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from bench.errors import ResultsError
from bench.records.lease_owners import owner_file
from bench.records.mirror import Mirror

SILENT = 600.0  # seconds without a write after which the owner of a lease counts as dead, also on another machine


def active_runs(folder: Path) -> set[str]:
    """Return the identities of the runs that a live process holds a lease on.

    Every engine takes the leases of a pack when its training begins, and releases them at the end.

    Args:
        folder: The suite's results folder.
    """
    with suppress(ResultsError):
        mirror = Mirror.at(folder)
        return {lease.run for lease in mirror.leases().held() if not _is_silent(mirror, owner_file(lease.token))}
    return set()


def interrupted_runs(folder: Path) -> set[str]:
    """Return the identities of the runs that have a checkpoint, here or at the address that the folder mirrors."""
    found: list[Path] = []
    with suppress(OSError):
        found += (folder / "checkpoints").iterdir()
    with suppress(ResultsError):
        found += Mirror.at(folder).paths(folder / "checkpoints")
    return {path.stem for path in found if path.suffix == ".pt"}


def _is_silent(mirror: Mirror, name: str) -> bool:
    """Return whether an owner's file was last written more than ``SILENT`` seconds ago; False if that is unknown."""
    with suppress(OSError, ResultsError):
        if mirror.store is None:
            return (mirror.folder / name).stat().st_mtime < time.time() - SILENT
        entry = mirror.store.entry(name)
        return entry is not None and entry.modified < time.time() - SILENT
    return False
