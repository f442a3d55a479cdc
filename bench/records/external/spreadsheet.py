"""A table in a file: its columns, and its cells as numbers, names and flags; what is wrong is told with its row."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bench.catalogue import suggestion
from bench.errors import TableError
from bench.files import told

NO_NUMBER = {"na", "n/a", "null", "none", "-", "–"}  # how tables say that there is none
FLAGS = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "failed", "diverged", "crashed"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "ok", "finished", "completed", "converged"), False),
}


@dataclass(frozen=True)
class Table:
    """Rows of a file. Cells are text, or what the format knows; None is an empty one."""

    name: str
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def column(self, name: str) -> list[Any]:
        """The cells of a column.

        Raises:
            TableError: there is none of this name; the text gives the nearest one.
        """
        if name not in self.columns:
            raise TableError(f"{self.name} has no column {name!r}{suggestion(name, self.columns)}")
        return self.columns[name]

    def wrong(self, row: int, name: str, expected: str) -> TableError:
        """What to raise of a cell: its row, counted from 1 below the header, its column, and what was expected."""
        cell = self.columns[name][row]
        found = "it is empty" if cell is None else f"not {cell!r}"
        return TableError(f"{self.name}: row {row + 1}, column {name!r}: expected {expected}, {found}")

    def numbers(self, name: str) -> list[float | None]:
        """A column of numbers, which need not be finite; None is an empty cell.

        Raises:
            TableError: a cell that is no number.
        """
        return [self._number(row, name) for row in range(len(self.column(name)))]

    def _number(self, row: int, name: str) -> float | None:
        cell = self.columns[name][row]
        if cell is None or (isinstance(cell, str) and cell.strip().lower() in NO_NUMBER):
            return None
        try:
            if isinstance(cell, bool):
                raise TypeError
            return float(cell)
        except (TypeError, ValueError):
            raise self.wrong(row, name, "a number") from None

    def counts(self, name: str, least: int = 0) -> list[int]:
        """A column of whole numbers.

        Raises:
            TableError: a cell that is empty, or no whole number from ``least`` on.
        """
        found = []
        for row, number in enumerate(self.numbers(name)):
            if number is None or not math.isfinite(number) or number != int(number) or number < least:
                raise self.wrong(row, name, f"a whole number from {least} on")
            found.append(int(number))
        return found

    def words(self, name: str, expected: str = "a name") -> list[str]:
        """A column of names.

        Raises:
            TableError: a cell that is empty; the text says what is expected.
        """
        for row, cell in enumerate(self.column(name)):
            if cell is None:
                raise self.wrong(row, name, expected)
        return [str(cell).strip() for cell in self.column(name)]

    def labels(self, name: str) -> list[Any]:
        """A column of an axis: numbers where all cells are, else names.

        Raises:
            TableError: a cell that is empty.
        """
        words = self.words(name, "a name or a number, which an axis has in every row")
        if any(isinstance(cell, bool) for cell in self.columns[name]):
            return list(self.columns[name])
        for kind in (int, float):
            try:
                numbers = [kind(word) for word in words]
            except ValueError:
                continue
            if all(map(math.isfinite, numbers)):
                return numbers
        return words

    def flags(self, name: str) -> list[bool | None]:
        """A column that says whether a run failed; None is an empty cell.

        Raises:
            TableError: a cell that says neither.
        """
        found = []
        for row, cell in enumerate(self.column(name)):
            flag = None if cell is None else FLAGS.get(str(cell).strip().lower())
            if cell is not None and flag is None:
                raise self.wrong(row, name, "true or false, failed or finished")
            found.append(flag)
        return found


def read_table(path: Path, separator: str | None = None) -> Table:
    """The table of a file: .parquet, .jsonl, or text with separators, tabs in a .tsv and else commas.

    Raises:
        TableError: it is not there, cannot be read, or has no rows.
    """
    try:
        columns = _read(path, separator)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {told(error)}") from None
    except (ValueError, TypeError, pa.ArrowException, pd.errors.ParserWarning) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TableError(f"{path} is not a table that can be read: {reason}") from None
    table = Table(path.name, {str(name): [_cell(each) for each in cells] for name, cells in columns.items()})
    if not len(table):
        raise TableError(f"{path} has no rows")
    return table


def _read(path: Path, separator: str | None) -> dict[str, list[Any]]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        frame = pd.read_parquet(path)
        return {name: [None if pd.isna(each) else each for each in frame[name].tolist()] for name in frame}
    if suffix in (".jsonl", ".ndjson"):
        rows = list(_objects(path.read_text(encoding="utf-8-sig")))
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    separator = separator or ("\t" if suffix in (".tsv", ".tab") else ",")
    if separator == r"\t":  # as a shell hands it over
        separator = "\t"
    if len(separator) != 1:
        raise ValueError(f"a separator is one character, not {separator!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more cells than there are columns
        frame = pd.read_csv(path, sep=separator, dtype=str, na_filter=False, encoding="utf-8-sig", index_col=False)
    return {name: [cell if isinstance(cell, str) else None for cell in frame[name].tolist()] for name in frame}


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is no object")
            yield row


def _cell(given: Any) -> Any:
    given = given.item() if isinstance(given, np.generic) else given
    return None if isinstance(given, str) and not given.strip() else given
