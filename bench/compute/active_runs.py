"""Which runs of a results folder are being trained, and which were interrupted, as far as its files say."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from bench.errors import ResultsError
from bench.records.lease_owners import owner_file
from bench.records.mirror import Mirror

SILENT = 600.0  # seconds after which an owner on another machine that has written nothing counts as dead


def active_runs(folder: Path) -> set[str]:
    """Return the identities of the runs whose lease has an owner that lives, as far as this can be told from here.

    Every engine takes the leases of a pack when its training begins, and releases them at the end.

    Args:
        folder: The suite's results folder.
    """
    with suppress(ResultsError):
        return {
            lease.run for lease in Mirror.at(folder).leases().held() if not _is_silent(folder / owner_file(lease.token))
        }
    return set()


def interrupted_runs(folder: Path) -> set[str]:
    """Return the identities of the runs that have a checkpoint."""
    with suppress(OSError):
        return {path.stem for path in (folder / "checkpoints").iterdir() if path.suffix == ".pt"}
    return set()


def _is_silent(path: Path) -> bool:
    """Return whether the file of an owner has not been written for long; not known if leases are at an address."""
    try:
        return path.stat().st_mtime < time.time() - SILENT
    except OSError:
        return False
