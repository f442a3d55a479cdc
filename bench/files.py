"""The data folder, and files that are written completely or not at all."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import ResultsError

HOSTNAME = platform.node().replace(".", "-") or "unknown"


def data_folder() -> Path:
    """Return the folder of downloaded datasets and caches: ``GANBENCH_DATA``, or ``~/.cache/ganbench``."""
    return Path(os.environ.get("GANBENCH_DATA") or Path.home() / ".cache" / "ganbench")


@contextmanager
def atomic_write(path: Path, *, once: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to; rename it to ``path`` at the end, or delete it after an exception.

    Args:
        path: The final path. Missing folders are created.
        once: Whether to keep a file that exists at ``path`` by then, and to discard the new one.

    Raises:
        OSError: The disk is full, or the folder cannot be created or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{HOSTNAME}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        if once:
            _link(partial, path)
        else:
            partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink()


def _link(partial: Path, path: Path) -> None:
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not path.exists():
            partial.replace(path)


def describe_error(error: OSError) -> str:
    """Return the system's own message for an error, without what a library added to it."""
    return os.strerror(error.errno) if error.errno else str(error)


def check_writable(folder: Path) -> None:
    """Check that files can be written to a results folder, or to its nearest existing parent; creates nothing.

    Raises:
        ResultsError: The folder is not writable.
    """
    try:
        nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise ResultsError(f"results folder {folder} cannot be written: {describe_error(error)}") from None


def remove_partial_files(folder: Path) -> None:
    """Delete the partial files below ``folder`` that killed processes of this machine left behind."""
    for partial in folder.rglob(f".*.{HOSTNAME}.*.partial"):
        try:
            os.kill(int(partial.name.split(".")[-2]), 0)
        except (ProcessLookupError, ValueError):
            with suppress(OSError):  # a leftover that cannot be deleted does no harm
                partial.unlink(missing_ok=True)
        except PermissionError:
            continue  # the process is alive and belongs to another user
