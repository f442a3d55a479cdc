"""The data folder, and files that are written completely or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

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
    partial = _partial(path)
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


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{HOSTNAME}.{os.getpid()}.partial")


def _link(partial: Path, path: Path) -> None:
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not path.exists():
            partial.replace(path)


class NotAFileError(OSError):
    """What should be a file is a folder, a pipe, a socket or a device; the message says which."""


KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read its bytes; never wait for a pipe that has a file's name.

    Raises:
        NotAFileError: It is a folder, a pipe, a socket or a device.
        OSError: It cannot be opened, also because its name cannot be expressed in the encoding of file names.
    """
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind == stat.S_IFREG:  # checked again below, because it may be replaced meanwhile
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
            file = os.fdopen(os.open(path, flags), "rb")
            kind = stat.S_IFMT(os.fstat(file.fileno()).st_mode)
            if kind == stat.S_IFREG:
                return file
            file.close()
    except ValueError:
        raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ)) from None
    raise NotAFileError(KINDS.get(kind, "no file"))


def read_regular(path: Path) -> bytes:
    """Return the bytes of a file; see ``open_regular`` for the errors."""
    with open_regular(path) as file:
        return file.read()


def with_digest(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``content`` with the SHA-256 digest of its JSON under the key ``sha256``."""
    return {**content, "sha256": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}


def without_digest(content: Any) -> dict[str, Any]:
    """Return what ``with_digest`` was given; also content that never had a digest.

    Raises:
        ValueError: ``content`` does not agree with its digest.
        TypeError: It is no mapping.
    """
    plain = {key: value for key, value in {**content}.items() if key != "sha256"}
    if plain != content and with_digest(plain) != content:
        raise ValueError("the digest does not agree")
    return plain


def put_aside(path: Path, suffix: str = "damaged") -> Path:
    """Rename a file that is not to be used, so that it is not lost either; return its new path.

    Args:
        path: The file.
        suffix: What replaces its suffix.

    Raises:
        ResultsError: It cannot be renamed.
    """
    names = (path.with_suffix(f".{suffix}{f'-{number}' if number > 1 else ''}") for number in count(1))
    try:
        renamed = next(name for name in names if not os.path.lexists(name))
        path.rename(renamed)
    except FileNotFoundError:  # another process was faster
        return renamed
    except OSError as error:
        raise ResultsError(f"{path} cannot be used, nor renamed: {describe_error(error)}") from None
    return renamed


def describe_error(error: OSError) -> str:
    """Return the system's own message for an error, without what a library added to it."""
    return os.strerror(error.errno) if error.errno else str(error)


def check_writable(folder: Path, name: str = "") -> None:
    """Check that files can be written to a results folder, or to its nearest existing parent; creates nothing.

    Args:
        folder: The folder.
        name: The longest name of a file to be written to it.

    Raises:
        ResultsError: The folder is not writable, or its name cannot be used.
    """
    try:
        nearest = next(path for path in (folder, *folder.absolute().parents) if _exists(path))
        _exists(_partial(folder / name) if name else folder)  # the system refuses a path that is too long
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise ResultsError(f"results folder {folder} cannot be written: {describe_error(error)}") from None
    except ValueError:
        encoding = sys.getfilesystemencoding()
        raise ResultsError(
            f"results folder {ascii(str(folder))[1:-1]} cannot be used: its name cannot be expressed in the encoding "
            f"of file names, {encoding}; choose another name or a UTF-8 locale"
        ) from None


def _exists(path: Path) -> bool:
    """Return whether there is something at a path; unlike ``Path.exists``, raise an error if this is unknown."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def remove_partial_files(folder: Path) -> None:
    """Delete the partial files below ``folder`` that killed processes of this machine left behind."""
    for partial in folder.rglob(f".*.{HOSTNAME}.*.partial"):
        if has_ended(partial.name.split(".")[-2]):
            with suppress(OSError):  # a leftover that cannot be deleted does no harm
                partial.unlink(missing_ok=True)


def has_ended(process: str) -> bool:
    """Return whether a process of this machine has ended, even if its parent has not asked how it ended (a zombie).

    Args:
        process: Its number, from the name of a file. What is no number was never a process.
    """
    try:
        os.kill(int(process), 0)
    except PermissionError:  # alive, of another user
        return False
    except (ProcessLookupError, OverflowError, ValueError):
        return True
    with suppress(OSError):  # no Linux, or it has ended in this moment
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    return False
