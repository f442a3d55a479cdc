"""A store at an address that fsspec knows, such as S3: whole files only, created exclusively by a conditional put."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from bench.errors import ResultsError

CONFLICTS = 5  # how often a put is tried again that the server refused because of another one at the same moment
TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")  # what file systems call it
EXTRAS = {"s3": "s3", "s3a": "s3"}  # protocol → extra of ganbench that installs its driver
OPTIONS = {name: {"config_kwargs": {"max_pool_connections": 64}} for name in EXTRAS}  # only ten by default


class Entry(NamedTuple):
    """A file in a store: its size in bytes, and when it was written by the store's clock (NaN if unknown)."""

    size: int
    modified: float


class Remote:
    """A store at an address.

    Attributes:
        address: The address of a suite's results folder, without a slash at the end.
    """

    def __init__(self, address: str):
        """Prepare the access; nothing is asked of the server.

        Raises:
            ResultsError: No driver is installed for this kind of address.
        """
        import fsspec

        self.address = address.rstrip("/")
        protocol = self.address.partition("://")[0]
        options = OPTIONS.get(protocol, {})
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.address, use_listings_cache=False, **options)
        except (ImportError, ValueError) as error:
            extra = EXTRAS.get(protocol)
            how = f"pip install 'ganbench[{extra}]'" if extra else _first_line(error)
            raise ResultsError(f"{self.address}: no driver for {protocol}:// is installed: {how}") from None

    def names(self, folder: str) -> list[str]:
        """Return the names of the files in a folder; see ``bench.records.store.Store``."""
        with self._reporting(folder, "listed"):
            try:
                found = self._files.ls(self._path(folder), detail=True)
            except FileNotFoundError:
                return []
        return sorted(self._name(each) for each in found if each["type"] == "file")

    def entries(self) -> dict[str, Entry]:
        """Return all files below the address by name."""
        with self._reporting("", "listed"):
            try:
                found = self._files.find(self._root, detail=True)
            except FileNotFoundError:
                return {}
        return {self._name(each): _entry(each) for each in found.values()}

    def entry(self, name: str) -> Entry | None:
        """Return a file's size and time; None if there is none."""
        with self._reporting(name, "read"):
            try:
                return _entry(self._files.info(self._path(name)))
            except FileNotFoundError:
                return None

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; see ``bench.records.store.Store``."""
        with self._reporting(name, "read"):
            try:
                content: bytes = self._files.cat_file(self._path(name))
            except FileNotFoundError:
                return None
        return content

    def read_many(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the contents of files, read in parallel; files that are gone are left out."""
        paths = {self._path(name): name for name in names}
        with self._reporting(names[0] if names else "", "read"):
            found: Mapping[str, Any] = self._files.cat(list(paths), on_error="return") if paths else {}
            failed = (each for each in found.values() if isinstance(each, Exception))
            for error in failed:
                if not isinstance(error, FileNotFoundError):
                    raise error
        return {paths[path]: content for path, content in found.items() if isinstance(content, bytes)}

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless there is one already; see ``bench.records.store.Store``."""
        with self._reporting(name, "written"):
            for attempt in range(CONFLICTS + 1):
                try:
                    self._files.pipe_file(self._path(name), content, mode="create")
                    return True
                except Exception as error:  # what a driver raises depends on the driver
                    if isinstance(error, FileExistsError) or _code(error) == "PreconditionFailed":
                        return False
                    if _code(error) != "ConditionalRequestConflict" or attempt == CONFLICTS:
                        raise
                    time.sleep(0.1 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def write(self, name: str, content: bytes) -> None:
        """Write or replace a file; see ``bench.records.store.Store``."""
        with self._reporting(name, "written"):
            self._files.pipe_file(self._path(name), content)

    def remove(self, name: str) -> None:
        """Remove a file; see ``bench.records.store.Store``."""
        with self._reporting(name, "removed"), suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))

    def move(self, name: str, new: str) -> None:
        """Rename a file."""
        with self._reporting(name, "renamed"):
            self._files.mv(self._path(name), self._path(new))

    def check_exclusive(self) -> None:
        """Check that files can be written, and that one that exists is not replaced when it should be created.

        Raises:
            ResultsError: They cannot, or the server ignores conditions, so that records could be replaced.
        """
        name = f".leases/{secrets.token_hex(8)}.probe"
        created = [self.create(name, content) for content in (b"1", b"2")]
        self.remove(name)
        if created != [True, False]:
            raise ResultsError(
                f"{self.address} cannot be used: its server replaces files although it was asked not to "
                f"(If-None-Match: *), so records could be lost"
            )

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _name(self, info: Mapping[str, Any]) -> str:
        return str(info["name"]).removeprefix(self._root).lstrip("/")

    @contextmanager
    def _reporting(self, name: str, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # what a driver raises depends on the driver
            place = f"{self.address}/{name}".rstrip("/")
            raise ResultsError(f"{place} cannot be {what}: {_first_line(error)}") from None


@lru_cache(maxsize=64)
def remote(address: str) -> Remote:
    """Return the store at an address, the same one for the same address.

    Raises:
        ResultsError: No driver is installed for this kind of address.
    """
    return Remote(address)


def _entry(info: Mapping[str, Any]) -> Entry:
    time = next((info[key] for key in TIMES if info.get(key) is not None), None)
    modified = (
        time.timestamp() if isinstance(time, datetime) else float(time) if isinstance(time, int | float) else None
    )
    return Entry(int(info.get("size") or 0), float("nan") if modified is None else modified)


def _code(error: BaseException) -> str:
    """Return the code of the server's answer, for example "PreconditionFailed"; "" if there is none."""
    for each in (error, error.__cause__):
        answer = getattr(each, "response", None)
        if isinstance(answer, Mapping):
            return str(answer.get("Error", {}).get("Code", ""))
    return ""


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
