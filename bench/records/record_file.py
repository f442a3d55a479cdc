"""The file of a record: opened, checked against its digests, the schema and its own trace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types
from pydantic import ValidationError
from pydantic_core import from_json

from bench.errors import DamagedRecordError, ResultsError
from bench.files import NotAFileError, describe_error, open_regular
from bench.plan.identity import MAIN_AXES
from bench.records.migration import migrated
from bench.records.record_bytes import KEY, SAMPLES, read_checked
from bench.records.schema import SCHEMA, SINCE_DIGESTS, Metadata

INTEGERS = (types.is_integer,)
NUMBERS = (types.is_floating, types.is_integer, types.is_boolean, types.is_null)
BYTES = (types.is_binary, types.is_null)
UNREADABLE = (pa.ArrowException, KeyError, TypeError, ValueError, IndexError, OverflowError, RecursionError)


class RecordFile:
    """An open record: its metadata and the names of its columns. Columns are read on request.

    Attributes:
        path: Its path.
        content: Its metadata as JSON has it.
        rows: The number of rows of its trace.
        types: The type of each column.
    """

    def __init__(self, path: Path, *, trace: bool = True, samples: bool = False) -> None:
        """Read the metadata of a record and what else is wanted, and check all that is read against the digests.

        Args:
            path: The path of the record.
            trace: Whether columns other than the samples will be read.
            samples: Whether the samples will be read.

        Raises:
            ResultsError: The file cannot be read.
            DamagedRecordError: It was read and is not a record, or not what was published.
        """
        self.path = path
        try:
            with open_regular(path) as file:
                data, self.has_digests = read_checked(file, trace, samples)
            self._file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
            self.content: dict[str, Any] = from_json(self._file.metadata.metadata[KEY])
            if not isinstance(self.content, dict):
                raise TypeError("its metadata is not a table")
            self.rows = self._file.metadata.num_rows
            schema = self._file.schema_arrow
            self.types = dict(zip(schema.names, schema.types, strict=True))
        except NotAFileError as error:
            raise DamagedRecordError(f"{path} is {error}, not a record") from None
        except (OSError, *UNREADABLE) as error:
            raise unreadable(path, error) from None

    def read(self, names: list[str]) -> pa.Table:
        """The columns with these names.

        Raises:
            DamagedRecordError: They are not what was published.
        """
        try:
            return self._file.read(names, use_threads=False)
        except (OSError, *UNREADABLE) as error:
            raise unreadable(self.path, error) from None

    def check(self, names: list[str]) -> None:
        """Read the columns with these names, some rows at a time.

        Raises:
            DamagedRecordError: They are not what was published.
        """
        try:
            for group in range(self._file.num_row_groups):
                self._file.read_row_group(group, names, use_threads=False)
        except (OSError, *UNREADABLE) as error:
            raise unreadable(self.path, error) from None


def open_record(path: Path, *, trace: bool = True, samples: bool = False) -> tuple[RecordFile, Metadata]:
    """Open a record and check that its metadata keeps to the schema and agrees with its trace.

    Takes the arguments of ``RecordFile``.

    Raises:
        ResultsError: the file cannot be read, or its schema is newer.
        DamagedRecordError: it is no record, or not what was published.
    """
    file = RecordFile(path, trace=trace, samples=samples)
    version = file.content.get("schema")
    if isinstance(version, int) and version > SCHEMA:
        raise ResultsError(f"{path} has schema {version}; this version of ganbench reads schemas 1 to {SCHEMA}")
    try:
        metadata = Metadata.model_validate(migrated(file.content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedRecordError(f"{path} is not a record of ganbench: {where}: {first['msg']}") from None
    except ValueError as error:
        raise DamagedRecordError(f"{path} is not a record of ganbench: {error}") from None
    for problem in _contradictions(file, metadata):
        raise DamagedRecordError(f"{path} is not a record of ganbench: {problem}")
    return file, metadata


def _contradictions(file: RecordFile, metadata: Metadata) -> Iterator[str]:
    """What in the metadata does not agree with the trace, or is missing."""
    if file.content["schema"] >= SINCE_DIGESTS and not file.has_digests:
        yield "its digests are missing"
    if not file.rows:
        yield "its trace has no rows"
    for name in ("step", "seconds", *metadata.final):
        if name not in file.types:
            yield f"its trace has no column {name!r}"
    for name, kind in file.types.items():
        expected = INTEGERS if name == "step" else BYTES if name == SAMPLES else NUMBERS
        if not any(belongs(kind) for belongs in expected):
            yield f"column {name!r} of its trace is of type {kind}"
    for name, rows in metadata.measured.items():
        if any(not 0 <= row < file.rows for row in rows):
            yield f"measured.{name} names a row that its trace does not have"
    for axis in MAIN_AXES:
        if axis not in metadata.axes:
            yield f"axes.{axis} is missing"


def is_named_after(path: Path, metadata: Metadata) -> bool:
    """Whether the name of a record ends with the identity of the run that it holds."""
    return f"-{path.stem}".endswith(f"-{metadata.run}")


def describe_other(metadata: Metadata) -> str:
    """What a record with the name of another run holds, as the end of a sentence."""
    labels = " · ".join(map(str, metadata.axes.values()))
    return f"holds another run than its name says ({labels} · seed {metadata.seed}, {metadata.run})"


def unreadable(path: Path, error: Exception) -> ResultsError:
    """The error that says why a record cannot be read: damage only where its bytes were read and are wrong."""
    if isinstance(error, OSError) and error.errno:  # raised by the operating system, not by the file format
        return ResultsError(f"{path} cannot be read: {describe_error(error)}")
    reason = str(error).partition("\n")[0] or type(error).__name__
    if isinstance(error, MemoryError) or type(error) is pa.ArrowException:  # no memory or thread: the file may be whole
        return ResultsError(f"{path} cannot be read: {reason}")
    return DamagedRecordError(f"{path} is cut short or not a record ({reason}); run its suite again to replace it")
