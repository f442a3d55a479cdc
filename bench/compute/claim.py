"""A claim on a results folder: a second process that trains into it learns of the first one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from bench.errors import ResultsError
from bench.files import HOSTNAME, describe_error

try:
    import fcntl
except ImportError:  # Windows, which has no such locks
    fcntl = None  # type: ignore[assignment]

NAME = ".running"
SHARED = "{other} trains runs in {folder} too; this one begins with the last runs, and no run is trained twice"


@contextmanager
def claimed(folder: Path) -> Iterator[str]:
    """Claim a results folder, which is created if it is missing; the system ends the claim if the process is killed.

    Yields:
        The process that has claimed it before, in words; "" if there is none, or if the file system has no locks.

    Raises:
        ResultsError: The folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"results folder {folder} cannot be created: {describe_error(error)}") from None
    path, file, other = folder / NAME, None, ""
    try:
        file = _lock(path)
    except BlockingIOError:
        other = _describe_holder(path)
    except OSError:
        pass  # records stay whole without claims too
    try:
        yield other
    finally:
        if file is not None:
            with suppress(OSError):
                path.unlink()  # while it is locked, so that nobody else can have claimed it
            file.close()


def is_claimed(folder: Path) -> bool:
    """Return whether a process has claimed a results folder; False if the file system has no locks."""
    try:
        with (folder / NAME).open("rb") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # nobody trains there
        return False
    return False


def _lock(path: Path) -> IO[str] | None:
    while fcntl is not None:
        file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_open_file(path, file):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {HOSTNAME}")
                file.flush()
                return file
        except OSError:
            file.close()
            raise
        file.close()  # its previous owner has deleted it
    return None


def _is_open_file(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _describe_holder(path: Path) -> str:
    with suppress(OSError, ValueError):
        return path.read_text(encoding="utf-8")[:100] or "another process"
    return "another process"
