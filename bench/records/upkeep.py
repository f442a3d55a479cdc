"""Upkeep of a results folder before training: damaged records are put aside, useless checkpoints are deleted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from bench.errors import DamagedRecordError, ResultsError
from bench.files import check_writable, put_aside
from bench.records.listing import paths_in
from bench.records.other_code import changed_packages, describe_changes
from bench.records.record import check_record
from bench.records.record_file import describe_other, is_named_after


def check_usable(folder: Path, names: Iterable[str]) -> None:
    """Check, before anything is trained, that records and checkpoints can be written.

    Args:
        folder: The suite's results folder; nothing is created.
        names: The names of the records.

    Raises:
        ResultsError: they cannot.
    """
    check_writable(folder)
    check_writable(folder / "checkpoints")
    check_writable(folder / "records", max(names, key=len, default=""))


def check_still_there(folder: Path, names: Collection[str]) -> None:
    """Check, after training, that nobody has removed the results folder or its records meanwhile.

    Args:
        folder: The suite's results folder.
        names: The names of the records that were written.

    Raises:
        ResultsError: Some are not there any more.
    """
    gone = sum(not os.path.lexists(folder / "records" / name) for name in names)
    if gone:
        raise ResultsError(
            f"{gone} of {len(names)} records in {folder} were removed while others were trained; run the same command "
            f"to train them again"
        )


def find_intact(folder: Path, notices: list[str]) -> dict[str, Path]:
    """Run identity → path, for the records of a suite's results folder that are whole and hold the run of their name.

    The others are renamed, each with a notice. Nothing is renamed because the system could not read it. Records of
    other code of a package are found too, with one notice.

    Args:
        folder: The suite's results folder.
        notices: Notices for the user are added here.

    Raises:
        ResultsError: a record cannot be read or renamed, or two records hold the same run.
    """
    found: dict[str, Path] = {}
    changed: list[tuple[str, ...]] = []
    for path in paths_in(folder):
        try:
            metadata = check_record(path)
        except DamagedRecordError:
            renamed = put_aside(path)
            notices.append(
                f"{path} was truncated or damaged and has been renamed to {renamed.name}; its run is trained again"
            )
            continue
        if not is_named_after(path, metadata):
            renamed = put_aside(path, "misplaced")
            notices.append(f"{path} {describe_other(metadata)}, so it does not count; renamed to {renamed.name}")
            continue
        first = found.setdefault(metadata.run, path)
        if first is not path:
            raise ResultsError(f"{first} and {path} hold the same run; keep one of them")
        changed.append(changed_packages(metadata))
    notices += describe_changes(folder, changed)
    return found


def remove_checkpoints(folder: Path, recorded: Collection[str]) -> None:
    """Delete the checkpoints of recorded runs; a run that is killed while its record is published leaves one.

    Args:
        folder: The suite's results folder.
        recorded: Identities of runs.
    """
    with suppress(OSError):  # a leftover that cannot be deleted does no harm
        for path in list((folder / "checkpoints").iterdir()):
            if path.stem in recorded and (path.suffix == ".pt" or path.suffix.startswith(".damaged")):
                path.unlink()
