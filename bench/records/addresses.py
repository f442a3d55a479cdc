"""Results at an address such as s3://bucket/results: a folder of this machine mirrors their records and is read.

The mirror of ``s3://bucket/path`` is ``stores/s3/bucket/path`` in the data folder. A record is copied into it when
results are read, unless a copy of the same size and time is there already; copies of records that the store no longer
has are deleted.
"""

from __future__ import annotations

import math
import os
import re
import threading
from contextlib import suppress
from pathlib import Path, PurePosixPath

from bench.errors import ResultsError
from bench.files import HOSTNAME, data_folder, describe_error
from bench.records.remote import Entry, Remote, remote

ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.+)")  # one slash is left of two where it went through a Path
LOCAL = "file"
BATCH = 256  # records that are read at the same time
TIMINGS = "timings.json"


def suite_folder_in(results: str | Path, suite: str) -> Path:
    """Return a suite's results folder in a folder for all results, or its mirror if that is an address.

    Raises:
        ResultsError: The address cannot be used.
    """
    folder = _without_scheme(results)
    return folder / suite if isinstance(folder, Path) else mirror_of(f"{folder}/{suite}")


def readable_folder(results: str | Path) -> Path:
    """Return a folder to read results from. If they are at an address, their records are copied to their mirror first.

    Raises:
        ResultsError: The address cannot be used or read, or the mirror cannot be written.
    """
    folder = _without_scheme(results)
    if isinstance(folder, Path):
        return folder
    mirror = mirror_of(folder)
    copy_records(remote(folder), mirror)
    return mirror


def is_address(results: str | Path) -> bool:
    """Return whether results are at an address, and not in a folder of this machine."""
    return isinstance(_without_scheme(results), str)


def path_here(file: str | Path) -> Path:
    """Return the path of a file, or of its copy on this machine if it is at an address. Nothing is copied.

    Raises:
        ResultsError: The address cannot be used.
    """
    path = _without_scheme(file)
    return path if isinstance(path, Path) else mirror_of(path)


def mirror_of(address: str) -> Path:
    """Return the folder of this machine that mirrors an address.

    Raises:
        ResultsError: The address has no bucket or host, or a part that no folder can be named after.
    """
    scheme, _, rest = address.partition("://")
    parts = rest.strip("/").split("/")
    if not all(parts) or {".", ".."} & {*parts}:
        raise ResultsError(f"{address}: expected an address like s3://bucket/folder")
    return data_folder() / "stores" / scheme / Path(*parts)


def address_of(folder: Path) -> str:
    """Return the address that a folder mirrors; "" if it is a results folder itself."""
    try:
        scheme, *parts = folder.relative_to(data_folder() / "stores").parts
    except ValueError:  # it lies elsewhere, or is the folder of all mirrors
        return ""
    return f"{scheme}://{'/'.join(parts)}"


def place_of(folder: Path) -> str:
    """Return what messages call a folder: the address that it mirrors, or its path."""
    return address_of(folder) or str(folder)


def copy_records(store: Remote, mirror: Path) -> None:
    """Copy the records and timings below an address to its mirror, in parallel, and delete those that are not there.

    Raises:
        ResultsError: The store cannot be read, or the mirror not written.
    """
    there_before = {path.relative_to(mirror).as_posix(): path for path in mirror.rglob("*") if _is_result(path)}
    entries = {name: entry for name, entry in store.entries().items() if _is_result(PurePosixPath(name))}
    missing = [name for name, entry in entries.items() if not _is_copy(mirror / name, entry)]
    for start in range(0, len(missing), BATCH):
        for name, content in store.read_many(missing[start : start + BATCH]).items():
            write_copy(mirror / name, content, entries[name])
    for name, path in there_before.items():  # not those that other processes have published and copied meanwhile
        if name not in entries:
            with suppress(OSError):
                path.unlink()


def write_copy(path: Path, content: bytes, entry: Entry) -> None:
    """Write a copy of a file in a store, which has the same time, and is not replaced by anything but a whole file.

    Raises:
        ResultsError: It cannot be written, or is not as long as in the store.
    """
    if len(content) != entry.size:
        raise ResultsError(f"{path.name} has {entry.size:,} bytes in its store, but {len(content):,} were read")
    partial = path.with_name(f".{path.name}.{threading.get_ident()}.{HOSTNAME}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        if not math.isnan(entry.modified):
            os.utime(partial, ns=(_nanoseconds(entry), _nanoseconds(entry)))
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise ResultsError(f"{path} cannot be written: {describe_error(error)}") from None


def _is_copy(path: Path, entry: Entry) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    if math.isnan(entry.modified):
        return False
    return status.st_size == entry.size and status.st_mtime_ns // 1000 == _nanoseconds(entry) // 1000


def _nanoseconds(entry: Entry) -> int:
    return round(entry.modified * 1e6) * 1000


def _is_result(path: Path | PurePosixPath) -> bool:
    if path.name == TIMINGS:
        return True
    return path.parent.name == "records" and path.suffix == ".parquet" and path.name[0] != "."


def _without_scheme(results: str | Path) -> Path | str:
    """Return a folder of this machine, or an address with two slashes and none at its end."""
    match = ADDRESS.fullmatch(str(results))
    if match is None:
        return Path(results)
    scheme, rest = match.groups()
    return Path("/" + rest) if scheme == LOCAL else f"{scheme}://{rest.rstrip('/')}"
