"""Records of runs that were trained with other code of a package than the one that is installed now."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.catalogue.package_code import code_of
from bench.records.schema import Metadata


def changed_packages(metadata: Metadata) -> tuple[str, ...]:
    """Return the packages of a record whose code has changed since; those that are not installed are left out."""
    recorded = metadata.environment.packages
    return tuple(name for name, code in recorded.items() if code_of(name) not in ("", code))


def describe_changes(folder: Path, changed: Iterable[tuple[str, ...]]) -> list[str]:
    """Return a notice if records of a results folder are from other code, which may give other numbers.

    Args:
        folder: The results folder.
        changed: ``changed_packages`` of each of its records.
    """
    runs = [packages for packages in changed if packages]
    if not runs:
        return []
    names = " and ".join(sorted({name for packages in runs for name in packages}))
    counted = "1 record" if len(runs) == 1 else f"{len(runs):,} records"
    was = "was" if len(runs) == 1 else "were"
    return [
        f"{counted} in {folder} {was} trained with other code of {names} than is installed now; "
        f"to train again, delete that folder"
    ]
