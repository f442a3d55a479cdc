"""Tables read from files: columns of numbers, names and flags. Errors name the row and the column."""

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
from bench.files import describe_error
from bench.records.external.possible_values import EXACT

MISSING = {"na", "n/a", "null", "none", "-", "–"}  # texts for a missing number, in lower case
FLAGS = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "failed", "diverged", "crashed"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "ok", "finished", "completed", "converged"), False),
}


@dataclass(frozen=True)
class Spreadsheet:
    """The cells of a table.

    Attributes:
        name: Name of the file.
        columns: Name → cells: text, or values of the types of the file format; None for an empty cell.
    """

    name: str
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def column(self, name: str) -> list[Any]:
        """Return the cells of a column.

        Raises:
            TableError: There is no such column; the message suggests the closest name.
        """
        if name not in self.columns:
            raise TableError(f"{self.name} has no column {name!r}{suggestion(name, self.columns)}")
        return self.columns[name]

    def _error(self, row: int, name: str, expected: str) -> TableError:
        """Return the error for a cell that is not as expected. Messages count rows from 1, below the header."""
        cell = self.columns[name][row]
        actual = "but the cell is empty" if cell is None else f"not {cell!r}"
        return TableError(f"{self.name}: row {row + 1}, column {name!r}: expected {expected}, {actual}")

    def numbers(self, name: str) -> list[float | None]:
        """Return a column of numbers, which may be infinite or NaN; None for an empty cell.

        Raises:
            TableError: A cell is not a number.
        """
        return [self._number(row, name) for row in range(len(self.column(name)))]

    def _number(self, row: int, name: str) -> float | None:
        cell = self.columns[name][row]
        if cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING):
            return None
        try:
            if isinstance(cell, bool):
                raise TypeError
            return float(cell)
        except (TypeError, ValueError, OverflowError):
            raise self._error(row, name, "a number") from None

    def counts(self, name: str, least: int = 0) -> list[int]:
        """Return a column of integers.

        Raises:
            TableError: A cell is empty, or is not an integer of at least ``least``.
        """
        counts = []
        for row, number in enumerate(self.numbers(name)):
            count = self._integer(row, name, number)
            if count is None or count < least:
                raise self._error(row, name, f"an integer ≥ {least}")
            counts.append(count)
        return counts

    def _integer(self, row: int, name: str, number: float | None) -> int | None:
        """Return a cell as an integer, exactly; None if it is not one."""
        cell = self.columns[name][row]
        try:
            return cell if isinstance(cell, int) else int(str(cell))
        except ValueError:
            is_integer = number is not None and number.is_integer() and abs(number) < EXACT
            return int(number) if number is not None and is_integer else None

    def words(self, name: str, expected: str = "a name") -> list[str]:
        """Return a column of names.

        Raises:
            TableError: A cell is empty; the message says that ``expected`` was expected.
        """
        for row, cell in enumerate(self.column(name)):
            if cell is None:
                raise self._error(row, name, expected)
        return [str(cell).strip() for cell in self.column(name)]

    def labels(self, name: str) -> list[Any]:
        """Return a column of an axis: numbers if all cells are finite numbers, else names.

        Raises:
            TableError: A cell is empty.
        """
        words = self.words(name, "a name or a number, because an axis needs a value in every row")
        if any(isinstance(cell, bool) for cell in self.columns[name]):
            return list(self.columns[name])
        for parse in (int, float):  # not pd.to_numeric: before pandas 3 it can be off by one unit in the last place
            try:
                numbers = [parse(word) for word in words]
            except ValueError:
                continue
            if all(map(math.isfinite, numbers)):
                return numbers
        return words

    def flags(self, name: str) -> list[bool | None]:
        """Return a column that says whether a run failed; None for an empty cell.

        Raises:
            TableError: A cell means neither.
        """
        flags = []
        for row, cell in enumerate(self.column(name)):
            flag = None if cell is None else FLAGS.get(str(cell).strip().lower())
            if cell is not None and flag is None:
                raise self._error(row, name, "true or false, failed or finished")
            flags.append(flag)
        return flags


def read_table(path: Path, separator: str | None = None) -> Spreadsheet:
    """Read a table from a file.

    Args:
        path: A .parquet or .jsonl file, or text with a separator.
        separator: The separator. [default: a tab for .tsv and .tab, else a comma]

    Raises:
        TableError: The file is missing, cannot be read, or has no rows.
    """
    try:
        columns = _read(path, separator)
    except OSError as error:
        raise TableError(f"{path} cannot be read: {describe_error(error)}") from None
    except (ValueError, TypeError, pa.ArrowException, pd.errors.ParserWarning) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TableError(f"{path} cannot be read as a table: {reason}") from None
    table = Spreadsheet(
        path.name, {str(name): [_empty_as_none(cell) for cell in cells] for name, cells in columns.items()}
    )
    if not len(table):
        raise TableError(f"{path} has no rows")
    return table


def _read(path: Path, separator: str | None) -> dict[str, list[Any]]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        frame = pd.read_parquet(path, dtype_backend="numpy_nullable")  # integers stay exact beside empty cells
        return {name: [None if pd.isna(cell) else cell for cell in frame[name].tolist()] for name in frame}
    if suffix in (".jsonl", ".ndjson"):
        rows = list(_objects(path.read_text(encoding="utf-8-sig")))
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    separator = separator or ("\t" if suffix in (".tsv", ".tab") else ",")
    if separator == r"\t":  # typed literally in a shell
        separator = "\t"
    if len(separator) != 1:
        raise ValueError(f"the separator must be one character, not {separator!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # raised for a row with too many cells
        frame = pd.read_csv(path, sep=separator, dtype=str, na_filter=False, encoding="utf-8-sig", index_col=False)
    return {name: [cell if isinstance(cell, str) else None for cell in frame[name].tolist()] for name in frame}


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not a JSON object")
            yield row


def _empty_as_none(cell: Any) -> Any:
    cell = cell.item() if isinstance(cell, np.generic) else cell
    return None if isinstance(cell, str) and not cell.strip() else cell
