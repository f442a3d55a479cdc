"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.errors import ResultsError

HERE = platform.node().replace(".", "-") or "here"


def data_folder() -> Path:
    """Where downloaded datasets and caches live: ``GANBENCH_DATA``, or ``~/.cache/ganbench``."""
    return Path(os.environ.get("GANBENCH_DATA") or Path.home() / ".cache" / "ganbench")


@contextmanager
def written_whole(path: Path, *, once: bool = False) -> Iterator[Path]:
    """A name beside ``path`` to write to; flushed and moved there at the end, removed where an exception comes first.

    Args:
        path: Its place.
        once: Whether a file that is there by then stays, and this one is dropped.

    Raises:
        OSError: the disk is full, or the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{HERE}.{os.getpid()}.partial")
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


def told(error: OSError) -> str:
    """What the system says of an error, whatever a library has written around it."""
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
        raise ResultsError(f"results folder {folder} cannot be written: {told(error)}") from None


def sweep(folder: Path) -> None:
    """Removes what processes of this machine that were killed had half written below ``folder``."""
    for partial in folder.rglob(f".*.{HERE}.*.partial"):
        try:
            os.kill(int(partial.name.split(".")[-2]), 0)
        except (ProcessLookupError, ValueError):
            with suppress(OSError):  # a leftover that cannot be deleted does no harm
                partial.unlink(missing_ok=True)
        except PermissionError:
            continue  # alive, and another user's
