"""The bytes of a record: encoded with SHA-256 digests of all of them, and read only if they are right.

The bytes before the samples, the samples and the footer have a digest each, so that no reader has to read more than it
uses. The footer holds the digests, including its own, which is computed with zeros in its place. Records of schema 1
and 2 have no digests; their pages have checksums.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

KEY, DIGESTS = b"ganbench", b"ganbench.sha256"
SAMPLES = "samples"
LEVEL = 19  # of compression; records are small and written once
DIGEST = re.compile(rb"([0-9a-f]{64}) ([0-9a-f]{64}) ([0-9a-f]{64}) ([0-9a-f]{16})")
UNKNOWN = b" ".join([b"0" * 64] * 3 + [b"0" * 16])
MAGIC, ENDING = b"PAR1", 8  # the last bytes of a Parquet file: the length of the footer, and the magic
TAIL = 1 << 16  # bytes read first, in which most footers lie


class _Digests(NamedTuple):
    """SHA-256 digests in hexadecimal of the parts of a record, and where its samples begin."""

    footer: str
    trace: str
    samples: str
    samples_start: int

    def __bytes__(self) -> bytes:
        return f"{self.footer} {self.trace} {self.samples} {self.samples_start:016x}".encode()


def encode(table: pa.Table, content: Mapping[str, Any]) -> memoryview:
    r"""The bytes of a record.

    Args:
        table: The trace. A column ``samples`` is written last.
        content: The metadata. Half of a surrogate pair, which is no text, is written as its number: ``\udce9``.
    """
    if SAMPLES in table.column_names:
        table = table.select([*(name for name in table.column_names if name != SAMPLES), SAMPLES])
    table = table.replace_schema_metadata()  # that of a table read from a record holds another's content
    text = json.dumps(_as_text(content), allow_nan=False)
    sink = BytesIO()
    options: dict[str, Any] = {"compression": "zstd", "compression_level": LEVEL, "write_page_checksum": True}
    options |= {"write_statistics": False, "use_dictionary": False}  # of samples they are longer than the trace
    # the like bytes of numbers stand together, which compresses better
    options["use_byte_stream_split"] = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    with pq.ParquetWriter(sink, table.schema, store_schema=False, **options) as writer:
        # The samples of a single group of rows stand at the end of the file, where readers can leave them out.
        writer.write_table(table, row_group_size=len(table) if SAMPLES in table.column_names else None)
        writer.add_key_value_metadata({KEY: text, DIGESTS: UNKNOWN})
    data = sink.getbuffer()
    footer_start = _footer_start(bytes(data[-ENDING:]), len(data))
    samples_start = _samples_start(pq.ParquetFile(pa.BufferReader(data)), footer_start)
    place = (
        footer_start + bytes(data[footer_start:]).rindex(DIGESTS + b"\x18") + len(DIGESTS) + 3
    )  # after the type and the two bytes of the length
    where = slice(place, place + len(UNKNOWN))
    unsigned = _Digests(
        "0" * 64, _sha256(data[:samples_start]), _sha256(data[samples_start:footer_start]), samples_start
    )
    data[where] = bytes(unsigned)
    data[where] = bytes(unsigned._replace(footer=_sha256(data[footer_start:])))
    return data


def _as_text(value: Any) -> Any:
    """``value`` with nothing in its strings that UTF-8 cannot express."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_as_text(key): _as_text(nested) for key, nested in value.items()}
    return [_as_text(item) for item in value] if isinstance(value, list | tuple) else value


def _samples_start(file: pq.ParquetFile, footer_start: int) -> int:
    """Where the last column begins if it is that of the samples."""
    names = file.schema_arrow.names
    if names[-1] != SAMPLES or not file.metadata.num_row_groups:
        return footer_start
    column = file.metadata.row_group(0).column(len(names) - 1)
    return min(each for each in (column.dictionary_page_offset, column.data_page_offset) if each is not None)


def read_checked(file: IO[bytes], trace: bool, samples: bool) -> tuple[bytearray, bool]:
    """The bytes of a record, with zeros in place of those that are not wanted; and whether it has digests.

    Args:
        file: The record, open for reading.
        trace: Whether the bytes of the trace are wanted.
        samples: Whether those of the samples are.

    Raises:
        OSError: they cannot be read.
        ValueError: they were read and are not those that were published.
    """
    size = os.fstat(file.fileno()).st_size
    if size < 2 * ENDING:
        raise ValueError(f"it has {size} bytes")
    tail = _read(file, max(0, size - TAIL), size)
    footer_start = _footer_start(tail[-ENDING:], size)
    if footer_start < size - len(tail):
        tail = _read(file, footer_start, size)
    footer = tail[footer_start - size :]
    digests = _digests_in(footer)
    if digests is None:
        return _read(file, 0, size), False
    if not 0 < digests.samples_start <= footer_start:
        raise ValueError("its footer is damaged")
    data = bytearray(size)  # memory is used only where it is written to
    data[footer_start:] = footer
    parts = {"trace": (trace, 0, digests.samples_start), "samples": (samples, digests.samples_start, footer_start)}
    for name, (wanted, start, end) in parts.items():
        if wanted:
            part = memoryview(data)[start:end]
            _fill(file, start, part)
            _check(part, getattr(digests, name), name)
    return data, True


def _footer_start(ending: bytes | bytearray, size: int) -> int:
    start = size - ENDING - int.from_bytes(ending[:4], "little")
    if ending[4:] != MAGIC or start < len(MAGIC):
        raise ValueError("it has no Parquet footer")
    return start


def _digests_in(footer: bytearray) -> _Digests | None:
    """The digests in a footer that agrees with its own; None if there are none."""
    found = footer.rfind(DIGESTS + b"\x18")
    if found < 0:
        return None
    match = DIGEST.fullmatch(footer, found + len(DIGESTS) + 3, found + len(DIGESTS) + 3 + len(UNKNOWN))
    if match is None:
        raise ValueError("its footer is damaged")
    own, trace, samples, start = (part.decode() for part in match.groups())
    _check(footer[: match.start(1)] + b"0" * 64 + footer[match.end(1) :], own, "footer")
    return _Digests(own, trace, samples, int(start, 16))


def _check(data: bytearray | memoryview, digest: str, part: str) -> None:
    if _sha256(data) != digest:
        raise ValueError(f"the digest of its {part} does not agree")


def _sha256(data: bytearray | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(file: IO[bytes], start: int, end: int) -> bytearray:
    data = bytearray(end - start)
    _fill(file, start, memoryview(data))
    return data


def _fill(file: IO[bytes], start: int, data: memoryview) -> None:
    file.seek(start)
    if file.readinto(data) != len(data):  # type: ignore[attr-defined]
        raise ValueError("it became shorter while it was read")
