"""Records as plain tables, for tests that publish them again with something changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench.records.record import publish, read_metadata
from bench.records.schema import Metadata


def content_of(path: Path) -> dict[str, Any]:
    """The metadata of a record as JSON has it."""
    return read_metadata(path).model_dump(mode="json", by_alias=True, exclude_unset=True)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The trace of a record, samples included."""
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def publish_content(path: Path, content: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    """Publishes a record in place of one that is there."""
    publish(path, Metadata.model_validate(content), pa.Table.from_pylist(rows), replace=True)
