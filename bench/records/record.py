"""Records: one self-sufficient Parquet file per run, published atomically and once.

The rows of the table are the trace, one per evaluation: step, seconds, losses, measures, and a few samples. The
metadata of its schema hold everything else as JSON (``bench.records.schema``). Anyone with the file needs nothing else
to use it.

In a trace of other code a value may be None: it was not measured there, which is not the same as NaN. For each column
with such gaps, ``measured`` in the metadata lists the rows that have a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import from_json

from bench.catalogue.metrics.measures import plain_name
from bench.errors import DamagedRecordError, ResultsError
from bench.files import atomic_write, describe_error
from bench.records.schema import SCHEMA, Metadata, migrated

if TYPE_CHECKING:  # a plan needs no frame
    import pandas as pd

KEY = b"ganbench"
Row = dict[str, Any]
Trace: TypeAlias = "Mapping[str, NDArray[Any]] | pd.DataFrame"  # columns by name, one value per evaluation


class Record(NamedTuple):
    """A record: its path, its metadata, and the columns of its trace that were asked for."""

    path: Path
    metadata: Metadata
    trace: dict[str, NDArray[Any]]


def publish(path: Path, metadata: Metadata, trace: Sequence[Row], *, replace: bool = False) -> None:
    """Publish a record: readers see either all of it or nothing.

    Args:
        path: Where to write it; a record that exists already is kept.
        metadata: Everything but ``final``, ``best`` and ``measured``, which are derived from the trace.
        trace: Rows with equal keys; ``samples`` are bytes.
        replace: Whether to replace an existing record.

    Raises:
        ResultsError: the disk is full, or the folder cannot be written; no partial file is left.
    """
    final, best = summarise(trace, metadata)
    complete = metadata.model_copy(
        update={"schema_version": SCHEMA, "final": final, "best": best, "measured": _measured(trace)}
    )
    content = complete.model_dump(mode="json", by_alias=True, exclude_unset=True)
    table = pa.Table.from_pylist(trace)
    table = table.replace_schema_metadata({KEY: json.dumps(only_finite(content), allow_nan=False)})
    try:
        with atomic_write(path, once=not replace) as partial:
            pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
    except OSError as error:
        raise ResultsError(f"record {path} cannot be written: {describe_error(error)}") from None


def only_finite(value: Any) -> Any:
    """Return ``value`` with None in place of every number that is not finite, at any depth: JSON has none of these."""
    if isinstance(value, Mapping):
        return {key: only_finite(nested) for key, nested in value.items()}
    if isinstance(value, list | tuple):
        return [only_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summarise(trace: Sequence[Row], metadata: Metadata) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """The last and the best value of every measure.

    A diverged run has no last value. The best leaves the untrained generator out, and a measure whose direction is
    None has no best.
    """
    higher, ending = metadata.higher_is_better, metadata.ending
    end = math.inf if ending.finished else ending.step  # other code may have gone on after a failure
    final: dict[str, float | None] = {}
    best: dict[str, float | None] = {}
    for name in (name for name in trace[0] if plain_name(name) in higher):
        known = [(row["step"], row[name]) for row in trace if row[name] is not None]
        values = [value for step, value in known if 0 < step <= end and math.isfinite(value)]
        better = higher[plain_name(name)]
        if better is not None:
            best[name] = (max if better else min)(values, default=None)
        final[name] = known[-1][1] if ending.finished and known and math.isfinite(known[-1][1]) else None
    return final, best


def _measured(trace: Sequence[Row]) -> dict[str, tuple[int, ...]]:
    rows = {name: tuple(number for number, row in enumerate(trace) if row[name] is not None) for name in trace[0]}
    return {name: known for name, known in rows.items() if len(known) < len(trace) and name != "samples"}


def read_metadata(path: Path) -> Metadata:
    """The metadata of a record.

    Raises:
        ResultsError: the file is cut short, or is not a record.
    """
    return _open(path)[1]


def read_judged(path: Path) -> Record:
    """A record with the columns of its trace that outcomes are derived from: steps, seconds, losses, measures.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    file, metadata = _open(path)
    judged = {"step", "seconds", "critic_loss"}
    return Record(
        path,
        metadata,
        _columns(path, file, lambda name: name in judged or plain_name(name) in metadata.higher_is_better),
    )


def read_record(path: Path) -> Record:
    """A record with its whole trace, except the samples.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    file, metadata = _open(path)
    return Record(path, metadata, _columns(path, file, lambda name: name != "samples"))


def read_samples(path: Path, evaluation: int = -1) -> NDArray[Any]:
    """The samples kept of one evaluation, [n, ...]: points as float32, images as uint8.

    Args:
        path: A record that keeps samples.
        evaluation: Index among the evaluations that have samples; below 0 counts from the last.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    file, metadata = _open(path)
    kept = [each for each in _columns(path, file, lambda name: name == "samples")["samples"] if each is not None]
    return np.frombuffer(kept[evaluation], dtype=metadata.samples.dtype).reshape(metadata.samples.shape or ())


def check_record(path: Path) -> None:
    """Read all of a record, its samples too, to find any damage.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    _columns(path, _open(path)[0], lambda name: True)


def _open(path: Path) -> tuple[pq.ParquetFile, Metadata]:
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        content = from_json(file.metadata.metadata[KEY])
        if not isinstance(content, dict):
            raise TypeError("its metadata is not a table")
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from None
    try:
        return file, Metadata.model_validate(migrated(content))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DamagedRecordError(f"{path} is not a record of ganbench: {where}: {first['msg']}") from None
    except ValueError as error:
        raise ResultsError(f"{path} has {error}") from None


def _columns(path: Path, file: pq.ParquetFile, wanted: Callable[[str], bool]) -> dict[str, NDArray[Any]]:
    try:
        table = file.read([name for name in file.schema_arrow.names if wanted(name)], use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None
    return {name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)}


def _unreadable(path: Path, error: Exception) -> ResultsError:
    if isinstance(error, OSError) and error.errno:  # raised by the operating system, not by the file format
        return ResultsError(f"{path} cannot be read: {describe_error(error)}")
    reason = str(error).partition("\n")[0] or type(error).__name__
    if isinstance(error, MemoryError) or type(error) is pa.ArrowException:  # no memory or thread: the file may be whole
        return ResultsError(f"{path} cannot be read: {reason}")
    return DamagedRecordError(f"{path} is cut short or not a record ({reason}); run its suite again to replace it")


def record_paths(results: str | Path) -> list[Path]:
    """All records below a folder, sorted by name.

    Raises:
        ResultsError: no such folder, or no record in it.
    """
    folder = Path(results)
    if not folder.is_dir():
        raise ResultsError(f"there is no results folder {folder}")
    paths = sorted(folder.rglob("records/*.parquet"))
    if not paths:
        raise ResultsError(f"{folder} holds no records (*/records/*.parquet)")
    return paths


def paths_by_run(folder: Path) -> dict[str, Path]:
    """Run identity → path, for the records in a suite's results folder; read from the names alone."""
    return {path.stem.rpartition("-")[2]: path for path in sorted(folder.glob("records/*.parquet"))}
