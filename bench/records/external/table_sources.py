"""The tables of an import, opened: files, and folders with event files of TensorBoard."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.errors import TableError
from bench.files import describe_error
from bench.records.external.column_groups import Named
from bench.records.external.event_folders import RUN, EventTable
from bench.records.external.spreadsheet import Spreadsheet, open_table
from bench.records.external.table_files import EVENTS, TableFile


def open_tables(files: Iterable[TableFile], separator: str | None, mapped: Collection[tuple[str, str]]) -> list[Named]:
    """Open tables, each with the roles in its name.

    Args:
        files: The files.
        separator: Separator of text files. [default: a tab for .tsv and .tab, else a comma]
        mapped: Pairs of column and role.

    Raises:
        TableError: A file cannot be read, or several folders with event files are given without saying what their
            names mean.
    """
    files = list(files)
    runs = [file.run for file in files if file.run and not file.labels]
    if len(runs) > 1 and RUN not in {column for column, _ in mapped}:
        names = ", ".join(repr(run) for run in runs[:3]) + (", …" if len(runs) > 3 else "")
        raise TableError(
            f"there are {len(runs)} folders with event files ({names}): say what their names mean, for example "
            f"'FOLDER/{{loss}}-s{{seed}}', or --map {RUN}=loss"
        )
    tables: list[Named] = [
        (EventTable(file.path, file.run) if file.path.is_dir() else open_table(file.path, separator), file.labels)
        for file in files
    ]
    names_used = Counter(table.name for table, _ in tables)
    for table, _ in tables:
        if names_used[table.name] > 1:
            table.name = str(table.path)
    return tables


def describe_sources(tables: Iterable[Spreadsheet]) -> dict[str, dict[str, Any]]:
    """Return the name and the hash of each table, by its path, for the records of its runs.

    Raises:
        TableError: A file cannot be read.
    """
    return {str(table.path): {"table": table.name, "sha256": _sha256(table.path)} for table in tables}


def origin_of(tables: Iterable[Spreadsheet], sources: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what a record says about the tables that its run is read from."""
    found = [sources[str(table.path)] for table in tables]
    return {"kind": "import", **(found[0] if len(found) == 1 else {"tables": found})}


def _sha256(path: Path) -> str:
    files = sorted(path.glob(f"*{EVENTS}*")) if path.is_dir() else [path]
    digest = hashlib.sha256()
    try:
        for each in files:
            with each.open("rb") as file:
                while piece := file.read(1 << 20):
                    digest.update(piece)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {describe_error(error)}") from None
    return digest.hexdigest()
