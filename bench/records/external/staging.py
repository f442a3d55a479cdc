"""Records that are published together: written to a hidden folder first, and moved to their places one by one.

Each record takes the place of an earlier one in a single step, so readers see the old or the new one at every moment,
even if the process is killed. After an error all records are as they were before.

At an address they are sent one by one as well, but an error in the middle leaves those that were sent.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from bench.errors import ResultsError
from bench.files import HOSTNAME, describe_error, has_ended, remove_partial_files
from bench.records.addresses import place_of
from bench.records.mirror import Mirror
from bench.records.record import publish
from bench.records.schema import Metadata

PREFIX = ".import-"
BEFORE = ".before"  # the end of the name of an earlier record, kept in case of an error
STALE = 3600.0  # seconds after which a folder without the name of its process is taken for left behind


Content = Callable[[], tuple[Metadata, pa.Table]]  # makes the metadata and the trace of a record


def publish_all(folder: Path, contents: Mapping[Path, Content], *, replace: bool) -> None:
    """Publish all records, or none; at an address, those that could be sent.

    Args:
        folder: The results folder of their suite.
        contents: Path → what makes the record; called one after the other, so that only one is in memory.
        replace: Whether to replace existing records.

    Raises:
        ResultsError: The folder cannot be written, or a record exists that must not be replaced.
    """
    mirror = Mirror.at(folder)
    mirror.check_usable()
    remove_partial_files(folder)
    sweep_staging(folder)
    try:
        (folder / "records").mkdir(parents=True, exist_ok=True)
        prefix = f"{PREFIX}{HOSTNAME}.{os.getpid()}."
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder, ignore_cleanup_errors=True) as staging:
            for target, content in contents.items():
                publish(Path(staging, target.name), *content())
            place = _send_all if mirror.address else _move_all
            place(contents, Path(staging), replace=replace)
    except OSError as error:
        raise ResultsError(f"results folder {folder} cannot be written: {describe_error(error)}") from None


def _send_all(targets: Collection[Path], staging: Path, *, replace: bool) -> None:
    for number, target in enumerate(targets):
        mirror = Mirror.at(target.parents[1])
        try:
            if not mirror.send(staging / target.name, target, replace=replace):
                raise ResultsError(f"{place_of(target)} was meanwhile recorded by another process")
        except ResultsError as error:
            if number == 0:
                raise
            rest = f"{number} of {len(targets)} runs are recorded; run the same command with --replace to record all"
            raise ResultsError(f"{error}; {rest}") from None


def _move_all(targets: Iterable[Path], staging: Path, *, replace: bool) -> None:
    previous: dict[Path, Path | None] = {}
    try:
        for target in targets:
            staged = staging / target.name
            if replace and target.exists():
                kept = staging / f"{target.name}{BEFORE}"
                _keep(target, kept)
                previous[target] = kept
                staged.replace(target)
            else:
                _place(staged, target)
                previous[target] = None
    except BaseException:
        for target, before in previous.items():
            if before is None:
                target.unlink(missing_ok=True)
            else:
                before.replace(target)
        raise


def _keep(record: Path, before: Path) -> None:
    try:
        before.hardlink_to(record)
    except OSError:  # a file system without hard links
        shutil.copy2(record, before)


def _place(staged: Path, target: Path) -> None:
    try:
        target.hardlink_to(staged)
    except OSError:
        if target.exists():
            raise ResultsError(f"{target} was meanwhile recorded by another process") from None
        staged.replace(target)  # a file system without hard links


def sweep_staging(folder: Path) -> None:
    """Delete what killed imports of this machine left behind in a suite's results folder.

    Older versions moved a record away before its successor was in place; such a record is put back.
    """
    for staging in folder.glob(f"{PREFIX}*/"):
        host, _, process = staging.name.removeprefix(PREFIX).rpartition(".")[0].rpartition(".")
        if not process:  # of an older version
            with suppress(OSError):
                _put_back(staging, folder / "records")
                if time.time() - staging.stat().st_mtime > STALE:
                    shutil.rmtree(staging)
        elif host == HOSTNAME and process.isdecimal() and has_ended(process):
            shutil.rmtree(staging, ignore_errors=True)


def _put_back(staging: Path, records: Path) -> None:
    for before in staging.glob(f"*{BEFORE}"):
        target = records / before.name.removesuffix(BEFORE)
        if not target.exists():
            before.replace(target)
