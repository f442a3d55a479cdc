"""The files of an import: names, patterns with roles in braces, and folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from glob import glob, has_magic
from pathlib import Path
from typing import NamedTuple

from bench.errors import TableError
from bench.files import describe_error
from bench.records.addresses import is_address
from bench.records.external.role_patterns import has_roles, role_pattern

TABLES = re.compile(r".+\.(csv|tsv|tab|txt|json|jsonl|ndjson|parquet)(\.(gz|bz2|xz))?", flags=re.IGNORECASE)
EVENTS = "tfevents"  # part of the name of each event file of TensorBoard


class TableFile(NamedTuple):
    """A file, or a folder with event files of TensorBoard.

    Attributes:
        path: The path.
        labels: Role → text, from the pattern that the path matches.
        run: For event files: their folder below the folder that was given; "" if that is the same.
    """

    path: Path
    labels: Mapping[str, str]
    run: str = ""


def find_files(given: Iterable[str | Path]) -> list[TableFile]:
    """Return the files that names and patterns stand for, each once, in the order in which they are given.

    Args:
        given: Names of files or folders, or patterns: ``runs/{loss}-s{seed}.csv``, ``runs/*.csv``. A folder stands for
            all folders with event files in it, or else for all tables in it.

    Raises:
        TableError: No file matches, a file is given twice, or a name can be read in two ways.
    """
    files: dict[Path, TableFile] = {}
    for text in map(str, given):
        try:
            for found in _matches(text):
                if files.setdefault(found.path.resolve(), found) is not found:
                    raise TableError(f"{found.path} is given twice")
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            reason = describe_error(error) if isinstance(error, OSError) else str(error)
            raise TableError(f"{text[:200]} cannot be read: {reason}") from None
    return list(files.values())


def _matches(text: str) -> list[TableFile]:
    path = Path(text)
    if is_address(text) and not path.exists():
        raise TableError(f"{text[:200]} is an address; copy the tables to this machine first")
    if path.exists() or not (has_roles(text) or has_magic(text)):
        return _contents(path, {}) if path.is_dir() else [TableFile(path, {})]
    pattern = role_pattern(str(path), is_path=True)
    found = []
    for name in sorted(glob(re.sub(r"\{[^{}/]*\}", "*", str(path)), recursive=True)):  # noqa: PTH207  (also absolute)
        labels = pattern.match(name)
        if labels is not None:
            found += _contents(Path(name), labels) if Path(name).is_dir() else [TableFile(Path(name), labels)]
    if not found:
        raise TableError(f"no file matches {text}")
    return found


def _contents(folder: Path, labels: Mapping[str, str]) -> list[TableFile]:
    with_events = sorted({path.parent for path in folder.rglob(f"*{EVENTS}*") if path.is_file()})
    if with_events:
        runs = (path.relative_to(folder).as_posix() for path in with_events)
        return [TableFile(path, labels, "" if run == "." else run) for path, run in zip(with_events, runs, strict=True)]
    tables = sorted(path for path in folder.iterdir() if TABLES.fullmatch(path.name) and not path.name.startswith("."))
    if not tables:
        raise TableError(f"{folder} has neither tables (.csv, .jsonl, .parquet, …) nor event files of TensorBoard")
    return [TableFile(path, labels) for path in tables]
