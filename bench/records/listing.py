"""Finds the records in results folders, without opening them."""

from __future__ import annotations

import os
from pathlib import Path

from bench.errors import ResultsError
from bench.files import describe_error
from bench.records.addresses import is_address, place_of, readable_folder


def record_paths(results: str | Path) -> list[Path]:
    """All records below a folder, or below an address (in its mirror), sorted by name.

    Raises:
        ResultsError: no such folder, no record in it, or a folder that cannot be read.
    """
    folder = readable_folder(results)
    if is_address(results) and not folder.is_dir():
        raise ResultsError(f"{results} holds no records (*/records/*.parquet)")
    try:
        if not folder.is_dir():
            raise ResultsError(f"there is no results folder {folder}")
        parents = [Path(parent) for parent, _, _ in os.walk(folder, onerror=_raise)]
    except OSError as error:
        raise _unlisted(folder, error) from None
    paths = sorted(path for parent in parents for path in paths_in(parent))
    if not paths:
        raise ResultsError(f"{place_of(folder)} holds no records (*/records/*.parquet)")
    return paths


def paths_in(folder: Path) -> list[Path]:
    """The files that should be records in a suite's results folder, sorted by name; hidden ones are the system's.

    Raises:
        ResultsError: the folder cannot be read.
    """
    records = folder / "records"
    try:
        entries = records.iterdir() if records.is_dir() else ()
        return sorted(path for path in entries if path.suffix == ".parquet" and path.name[0] != ".")
    except OSError as error:
        raise _unlisted(records, error) from None


def _raise(error: OSError) -> None:
    raise error


def _unlisted(folder: Path, error: OSError) -> ResultsError:
    return ResultsError(f"{error.filename or folder} cannot be read: {describe_error(error)}")
