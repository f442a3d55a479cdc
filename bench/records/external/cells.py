"""Cells of tables as numbers, counts, labels and flags: one reader per column, which takes the column in pieces."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.records.external.number_format import (
    NumberFormat,
    as_count,
    as_number,
    hint,
    is_huge,
    is_missing,
    shown,
)

FLAGS = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "failed", "diverged", "crashed"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "ok", "finished", "completed", "converged"), False),
}


class CellError(ValueError):
    """A cell is not as expected.

    Attributes:
        row: Number of its row, from 0.
        problem: What was expected, and what is there.
    """

    def __init__(self, row: int, problem: str) -> None:
        super().__init__(problem)
        self.row, self.problem = row, problem


class Values(NamedTuple):
    """The cells of a column that are not empty.

    Attributes:
        rows: Numbers of their rows, from 0, ascending, [n].
        values: Their values, [n].
    """

    rows: NDArray[np.int32]
    values: NDArray[Any]


class _Cells:
    """Rows and values that grow in place: pieces joined at the end would need the memory twice."""

    def __init__(self, kind: str) -> None:
        self._rows, self._values = array("i"), array(kind)

    def add(self, rows: Sequence[int] | NDArray[Any], values: NDArray[Any]) -> None:
        self._rows.frombytes(np.asarray(rows, dtype=np.int32).tobytes())
        self._values.frombytes(values.tobytes())

    def finish(self) -> Values:
        return Values(np.asarray(self._rows), np.asarray(self._values))


class Numbers:
    """A column of numbers. Empty cells are left out."""

    def __init__(self, written: NumberFormat, *, is_percent: bool = False) -> None:
        """Create the reader of a column; ``is_percent`` says whether its numbers are percentages."""
        self._written, self._is_percent = written, is_percent
        self._cells = _Cells("d")

    def add(self, first: int, cells: Sequence[Any]) -> None:
        """Read the next cells, which begin at row ``first``.

        Raises:
            CellError: A cell is not a number.
        """
        if self._written.is_plain and not self._is_percent:
            try:
                if set(map(type, cells)) == {str}:
                    values = np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
                    self._cells.add(range(first, first + len(cells)), values)
                    return
            except ValueError:
                pass
        rows, numbers = [], []
        for row, cell in enumerate(cells, first):
            if not is_missing(cell):
                rows.append(row)
                numbers.append(self._number(row, cell))
        self._cells.add(rows, np.array(numbers, dtype=np.float64))

    def _number(self, row: int, cell: Any) -> float:
        try:
            if self._is_percent:
                text = cell.strip().removesuffix("%") if isinstance(cell, str) else cell
                return as_number(text, self._written) / 100
            return as_number(cell, self._written)
        except (TypeError, ValueError, OverflowError):
            raise CellError(row, f"expected a number, not {shown(cell)}{hint(cell, self._written)}") from None

    def finish(self) -> Values:
        """Return the column; the reader takes no more cells afterwards."""
        return self._cells.finish()


class Counts:
    """A column of integers, which has no empty cell."""

    def __init__(self, written: NumberFormat, *, least: int = 0, most: int = 2**63 - 1) -> None:
        """Create the reader of a column of integers from ``least`` to ``most``."""
        self._written, self._least, self._most = written, least, most
        self._type = np.int64 if most < 2**63 else np.uint64
        self._counts = array("q" if most < 2**63 else "Q")

    def add(self, first: int, cells: Sequence[Any]) -> None:
        """Read the next cells, which begin at row ``first``.

        Raises:
            CellError: A cell is empty, or is not an integer within the limits.
        """
        counts = None
        try:
            if self._written.is_plain and set(map(type, cells)) == {str}:
                counts = np.fromiter(map(int, cells), dtype=self._type, count=len(cells))
        except (ValueError, OverflowError):
            pass
        if counts is None or (counts < self._least).any() or (counts > self._most).any():
            numbers = [self._count(row, cell) for row, cell in enumerate(cells, first)]
            counts = np.array(numbers, dtype=self._type)
        self._counts.frombytes(counts.tobytes())

    def _count(self, row: int, cell: Any) -> int:
        expected = f"expected an integer ≥ {self._least}"
        if is_missing(cell):
            raise CellError(row, f"{expected}, but the cell is empty")
        try:
            count = as_count(cell, self._written)
        except (TypeError, ValueError, ArithmeticError):
            count = -1
            if is_huge(cell, self._written):
                count = self._most + 1
        if count > self._most:
            raise CellError(row, f"expected an integer of at most {self._most:,}, not {shown(cell)}")
        if count < self._least:
            raise CellError(row, f"{expected}, not {shown(cell)}{hint(cell, self._written)}")
        return count

    def finish(self) -> NDArray[Any]:
        """Return the column, [rows]; the reader takes no more cells afterwards."""
        return np.asarray(self._counts)


class Labels:
    """A column of names or numbers, stored as indices into the list of its different cells.

    Attributes:
        words: The different cells, in the order of their first rows: text without blanks at its ends, or booleans.
    """

    def __init__(self, expected: str = "a name", *, may_be_empty: bool = False) -> None:
        """Create the reader of a column; ``expected`` is what messages say of an empty cell."""
        self.words: list[str | bool] = []
        self._expected, self._may_be_empty = expected, may_be_empty
        self._known: dict[Any, int] = {}  # cell as it stands in the table → index; -1: empty
        self._indices: dict[tuple[type, Any], int] = {}  # type and word → index, because True equals 1
        self._codes = _Cells("i")

    def add(self, first: int, cells: Sequence[Any]) -> None:
        """Read the next cells, which begin at row ``first``.

        Raises:
            CellError: A cell is empty, or is neither text nor a number.
        """
        known = self._known
        try:  # nearly always, all cells are known text
            codes = np.fromiter(map(known.__getitem__, cells), dtype=np.int32, count=len(cells))
        except (KeyError, TypeError):
            codes = np.empty(len(cells), dtype=np.int32)
            for place, cell in enumerate(cells):
                key = cell if type(cell) is str else (type(cell), str(cell))
                if key not in known:
                    known[key] = self._code(first + place, cell)
                codes[place] = known[key]
        if not self._may_be_empty and (codes < 0).any():
            raise CellError(first + int(np.argmax(codes < 0)), f"expected {self._expected}, but the cell is empty")
        kept = np.flatnonzero(codes >= 0)
        self._codes.add(kept + first, codes[kept])

    def _code(self, row: int, cell: Any) -> int:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return -1
        if not isinstance(cell, str | bool | int | float | Decimal | date):
            raise CellError(row, f"expected {self._expected}, not {_kind(cell)}")
        word = cell if isinstance(cell, bool) else str(cell).strip()
        if word == "":
            return -1
        if isinstance(word, str) and not word.isascii():
            try:
                word.encode()
            except UnicodeEncodeError:
                problem = f"expected {self._expected}, not {shown(cell)}, which is not valid Unicode"
                raise CellError(row, problem) from None
        code = self._indices.setdefault((type(word), word), len(self.words))
        if code == len(self.words):
            self.words.append(word)
        return code

    def finish(self) -> Values:
        """Return the indices; the reader takes no more cells afterwards."""
        return self._codes.finish()


def as_flags(words: list[str | bool], column: Values) -> Values:
    """Return a column of words as flags: whether the run failed.

    Raises:
        CellError: A word means neither.
    """
    flags = [FLAGS.get(str(word).lower()) for word in words]
    for code, flag in enumerate(flags):
        if flag is None:
            row = int(column.rows[np.argmax(column.values == code)])
            raise CellError(row, f"expected true or false, failed or finished, not {shown(words[code])}")
    return Values(column.rows, np.array(flags, dtype=bool)[column.values])


def _kind(cell: Any) -> str:
    kinds: dict[type, str] = {dict: "an object", list: "a list", bytes: "bytes"}
    return kinds.get(type(cell), f"a value of type {type(cell).__name__}")
