"""Tables in files, read in pieces: text with a separator, JSON and Parquet. Errors name the line of the file."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from bench.errors import TableError
from bench.files import describe_error

PIECE = 262_144  # cells read at a time
SEPARATORS = (",", ";", "\t", "|")
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
UNREADABLE = (OSError, ValueError, TypeError, EOFError, RecursionError, lzma.LZMAError, pa.ArrowException)


class Spreadsheet(Protocol):
    """A table whose cells are read in pieces, because all of them at once could fill the memory.

    Attributes:
        path: The file.
        name: Name of the file, for messages.
        columns: Names of its columns.
    """

    path: Path
    name: str
    columns: Sequence[str]

    def pieces(self, names: Sequence[str]) -> Iterator[list[Sequence[Any]]]:
        """Yield the cells of the columns ``names``, a few rows at a time; None for an empty cell."""

    def place(self, row: int) -> str:
        """Return where a row is in the file: "line 7". Rows count from 0, below the header."""

    def hint(self) -> str:
        """Return what may be wrong if a column is not found, as the end of a message."""


def open_table(path: Path, separator: str | None = None) -> Spreadsheet:
    """Open a table.

    Args:
        path: A .parquet, .json or .jsonl file, or text with a separator, which may be compressed (.gz, .bz2, .xz).
        separator: The separator. [default: a tab for .tsv and .tab, else a comma]

    Raises:
        TableError: The file is missing, or cannot be read as a table.
    """
    suffix = path.with_suffix("").suffix.lower() if path.suffix.lower() in COMPRESSED else path.suffix.lower()
    with reading(path):
        if path.exists() and not path.is_file():
            raise ValueError("it is not a file; tables are read twice, so a pipe will not do")
        if suffix == ".parquet":
            return ParquetTable(path)
        if suffix in JSON_SUFFIXES:
            from bench.records.external.json_tables import JsonTable

            return JsonTable(path, is_lines=suffix != ".json")
        return TextTable(path, separator or ("\t" if suffix in (".tsv", ".tab") else ","))


class reading:  # noqa: N801  (a context manager)
    """Turns errors of reading a file into one line that names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: Any, error: BaseException | None, where: Any) -> None:
        """Raise a TableError in place of an error of reading."""
        if isinstance(error, OSError) and error.errno:  # from the system, not from a file format
            raise TableError(f"{self._path} cannot be read: {describe_error(error)}") from None
        if isinstance(error, UNREADABLE):
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise TableError(f"{self._path} cannot be read as a table: {reason}") from None


def open_text(path: Path) -> IO[str]:
    """Open a text file in UTF-8, with or without a byte order mark, compressed or not."""
    opened: Callable[..., IO[str]] = COMPRESSED.get(path.suffix.lower(), open)
    return opened(path, "rt", encoding="utf-8-sig", newline="")


class TextTable:
    """A table in a text file with a separator: a header, then one line per row; empty lines are skipped."""

    def __init__(self, path: Path, separator: str) -> None:
        """Read the header."""
        self.path, self.name = path, path.name
        self._separator = "\t" if separator == r"\t" else separator  # typed literally in a shell
        if len(self._separator) != 1 or self._separator in '"\r\n':
            raise ValueError(f"the separator must be one character, not {separator!r}")
        with open_text(path) as file:
            header = next(self._rows(file), None)
        if header is None:
            raise ValueError("it is empty")
        self.columns: Sequence[str] = [name.strip() for name in header[1]]
        doubled = [name for name, count in Counter(self.columns).items() if name and count > 1]
        if doubled:
            first, second = [number for number, name in enumerate(self.columns, 1) if name == doubled[0]][:2]
            raise ValueError(f"columns {first} and {second} both have the header {doubled[0]!r}")

    def _rows(self, file: IO[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield the line in which each row begins and the cells of the row, beginning with the header."""
        reader = csv.reader(file, delimiter=self._separator, strict=True)
        begin = 1
        try:
            for cells in reader:
                if cells:
                    yield begin, cells
                begin = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f"line {begin}: {_explained(error)}") from None
        except UnicodeDecodeError as error:
            raise ValueError(_not_utf8(self.path, error)) from None

    def pieces(self, names: Sequence[str]) -> Iterator[list[Sequence[Any]]]:
        """Yield the cells of some columns, a few rows at a time."""
        places = [self.columns.index(name) for name in names]
        width = len(self.columns)
        with reading(self.path), open_text(self.path) as file:
            reader = csv.reader(file, delimiter=self._separator, strict=True)
            next(cells for cells in reader if cells)
            while True:
                try:
                    lines = list(islice(reader, PIECE // width + 1))
                except (csv.Error, UnicodeDecodeError):
                    with open_text(self.path) as again:
                        deque(self._rows(again), maxlen=0)  # raises the same error, with the line
                    raise
                piece = lines if all(lines) else [cells for cells in lines if cells]
                if any(count != width for count in map(len, piece)):
                    raise ValueError(self._ragged())
                if not lines:
                    return
                if piece:
                    yield [[cells[place] for cells in piece] for place in places]

    def _ragged(self) -> str:
        width, last = len(self.columns), 0
        with open_text(self.path) as file:
            for line, cells in self._rows(file):
                if len(cells) != width and not last:
                    last, found = line, len(cells)
                elif last:
                    return f"line {last} has {_cells(found)}, but the header has {width}{self.hint()}"
        cut = "; it is the last line: is the file cut short?" if found < width else ""
        return f"line {last} has {_cells(found)}, but the header has {width}{self.hint() or cut}"

    def place(self, row: int) -> str:
        """Return the line in which a row begins."""
        with open_text(self.path) as file:
            return f"line {next(islice(self._rows(file), row + 1, None))[0]}"

    def hint(self) -> str:
        """Return the likely separator, if it is another one."""
        with open_text(self.path) as file:
            lines = [line for line in islice(file, 20) if line.strip()]
        widths = {}
        for separator in SEPARATORS:
            counts = {len(cells) for cells in csv.reader(lines, delimiter=separator)}
            widths[separator] = counts.pop() if len(counts) == 1 else 1
        likely = max(SEPARATORS, key=lambda separator: widths[separator])
        if likely == self._separator or widths[likely] < 2 or widths[likely] <= widths.get(self._separator, 1):
            return ""
        return f"; the separator looks like {likely!r}: use --separator {likely!r}"


class ParquetTable:
    """A table in a Parquet file."""

    def __init__(self, path: Path) -> None:
        """Read the names of the columns."""
        self.path, self.name = path, path.name
        self.columns: Sequence[str] = list(pq.ParquetFile(path).schema_arrow.names)
        doubled = [name for name, count in Counter(self.columns).items() if count > 1]
        if doubled:
            raise ValueError(f"two columns have the name {doubled[0]!r}")

    def pieces(self, names: Sequence[str]) -> Iterator[list[Sequence[Any]]]:
        """Yield the cells of some columns, a few rows at a time."""
        with reading(self.path):
            size = PIECE // len(names) + 1
            for batch in pq.ParquetFile(self.path).iter_batches(size, columns=list(dict.fromkeys(names))):
                yield [batch.column(batch.schema.get_field_index(name)).to_pylist() for name in names]

    def place(self, row: int) -> str:
        """Return the number of a row, from 1."""
        return f"row {row + 1}"

    def hint(self) -> str:
        """Return nothing: the format leaves no doubt."""
        return ""


def _cells(count: int) -> str:
    return f"{count} cell{'s' * (count != 1)}"


def _explained(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return f"a cell has more than {csv.field_size_limit():,} characters; is a quotation mark not closed?"
    return "a quotation mark is not closed" if "unexpected end" in text else text


def _not_utf8(path: Path, error: UnicodeDecodeError) -> str:
    start = error.object[:2]
    if start in (b"\xff\xfe", b"\xfe\xff"):
        return "it is UTF-16; save it as UTF-8"
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f"line {number} is not UTF-8 text; save it as UTF-8"
    return "it is not UTF-8 text"
