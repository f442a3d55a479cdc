"""Stores: where small files of a results folder lie, on this machine or at an address, with the same five verbs."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from bench.errors import ResultsError
from bench.files import HOSTNAME, describe_error, read_regular


class Store(Protocol):
    """Files by name; a name is a path relative to a suite's results folder, with forward slashes.

    Every verb raises a ``ResultsError`` if the store cannot be reached, read or written.
    """

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder, sorted; none if there is no such folder."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None if there is none."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one of this name already; return whether it was written.

        Of several processes that try at the same time, exactly one succeeds, and readers see the whole file or none.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write a file, or replace it; readers see the old content or the new one."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file; do nothing if there is none."""
        ...


class Folder:
    """A store in a folder of this machine, or of a file system that several machines share.

    Attributes:
        path: The suite's results folder.
    """

    def __init__(self, path: Path):
        self.path = path

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder; see ``Store``."""
        try:
            found = sorted(each.name for each in (self.path / folder).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._failure(folder, "read", error) from None
        return [f"{folder}/{name}" for name in found if not name.endswith(".partial")]

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; see ``Store``."""
        try:
            return read_regular(self.path / name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._failure(name, "read", error) from None

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one already; see ``Store``."""
        path = self.path / name
        try:
            partial = self._partial(path, content)
            try:
                return _link(partial, path)
            finally:
                with suppress(OSError):
                    partial.unlink()
        except OSError as error:
            raise self._failure(name, "written", error) from None

    def write(self, name: str, content: bytes) -> None:
        """Write or replace a file; see ``Store``."""
        path = self.path / name
        try:
            self._partial(path, content).replace(path)
        except OSError as error:
            raise self._failure(name, "written", error) from None

    def remove(self, name: str) -> None:
        """Remove a file; see ``Store``."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._failure(name, "removed", error) from None

    def _partial(self, path: Path, content: bytes) -> Path:
        """Return a temporary file with the content, beside the file that it will become."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{threading.get_ident()}.{HOSTNAME}.{os.getpid()}.partial")
        try:
            partial.write_bytes(content)
        except OSError:
            with suppress(OSError):
                partial.unlink()
            raise
        return partial

    def _failure(self, name: str, what: str, error: OSError) -> ResultsError:
        return ResultsError(f"{self.path / name} cannot be {what}: {describe_error(error)}")


def _link(partial: Path, path: Path) -> bool:
    """Give a temporary file its name unless that is taken; return whether it has it."""
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        return partial.stat().st_nlink > 1  # an NFS server may have done it, but its answer was lost
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        partial.replace(path)
    return True
