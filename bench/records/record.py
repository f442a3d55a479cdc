"""Records: one self-sufficient Parquet file a run, published atomically and once.

The rows of the table are the trace, one per evaluation: step, seconds, losses, measures, and a few samples. The
metadata of its schema hold, as JSON under ``ganbench``, everything else: specification, data, protocol, ending,
timing, environment. Anyone with the file needs nothing else to use it.

In the rows of other code's runs a value may be None, which is "not measured here" and no NaN. For each column with
such gaps ``measured`` in the metadata numbers the rows that have it, so that readers of plain arrays know which.
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic_core import from_json

from bench.errors import DamagedRecordError, ResultsError
from bench.files import atomic_write, describe_error

if TYPE_CHECKING:  # a plan needs no frame
    import pandas as pd

SCHEMA = 1
KEY = b"ganbench"
Metadata = dict[str, Any]
Trace: TypeAlias = "Mapping[str, NDArray[Any]] | pd.DataFrame"  # columns by name, one value per evaluation


class Record(NamedTuple):
    """A record: its place, everything of it but the trace, and of the trace what was asked for."""

    path: Path
    metadata: Metadata
    trace: dict[str, NDArray[Any]]


def publish(path: Path, metadata: Mapping[str, Any], trace: list[dict[str, Any]], *, replace: bool = False) -> None:
    """Publishes a record: a reader sees all of it or nothing.

    Args:
        path: Its place; a record that is there already stays.
        metadata: What the module's docstring says.
        trace: Rows with equal keys; ``samples`` are bytes.
        replace: Whether it takes the place of a record that is there.

    Raises:
        ResultsError: the disk is full, or the folder cannot be written; nothing half-written stays.
    """
    content = {"schema": SCHEMA, **metadata, **summarise(trace, metadata), "judged": _judged(trace, metadata)}
    if gaps := _measured(trace):
        content["measured"] = gaps
    table = pa.Table.from_pylist(trace)
    table = table.replace_schema_metadata({KEY: json.dumps(content, allow_nan=False)})
    try:
        with atomic_write(path, once=not replace) as partial:
            pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
    except OSError as error:
        raise ResultsError(f"record {path} cannot be written: {describe_error(error)}") from None


def summarise(trace: list[dict[str, Any]], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The last value of every measure, none where the run diverged; and the best, the untrained generator aside.

    A measure of which neither more nor less is better has no best.
    """
    higher = metadata["higher_is_better"]
    measures = [name for name in trace[0] if name.removesuffix("_ema") in higher]
    finished = metadata["ending"]["status"] == "finished"
    end = math.inf if finished else metadata["ending"].get("step", math.inf)  # other code may have gone on
    final, best = {}, {}
    for name in measures:
        known = [(row["step"], row[name]) for row in trace if row[name] is not None]
        values = [value for step, value in known if 0 < step <= end and math.isfinite(value)]
        better = higher[name.removesuffix("_ema")]
        if better is not None:
            best[name] = (max if better else min)(values, default=None)
        final[name] = known[-1][1] if finished and known and math.isfinite(known[-1][1]) else None
    return {"final": final, "best": best}


def _measured(trace: list[dict[str, Any]]) -> dict[str, list[int]]:
    rows = {name: [number for number, row in enumerate(trace) if row[name] is not None] for name in trace[0]}
    return {name: there for name, there in rows.items() if len(there) < len(trace) and name != "samples"}


def _judged(trace: list[dict[str, Any]], metadata: Mapping[str, Any]) -> dict[str, list[float | None]] | None:
    """What outcomes are derived from, once more: thousands of records are judged without reading their tables.

    None where a value is infinite, which JSON does not have.
    """
    columns = {name: [row[name] for row in trace] for name in trace[0] if _is_judged(name, metadata)}
    if any(isinstance(value, float) and math.isinf(value) for values in columns.values() for value in values):
        return None
    return {name: [None if value != value else value for value in values] for name, values in columns.items()}


def _is_judged(name: str, metadata: Mapping[str, Any]) -> bool:
    return name in ("step", "seconds", "critic_loss") or name.removesuffix("_ema") in metadata["higher_is_better"]


def read_metadata(path: Path) -> Metadata:
    """Everything of a record but its trace.

    Raises:
        ResultsError: the file is cut short, or is no record.
    """
    metadata = _open(path)[1]
    metadata.pop("judged", None)  # of the trace
    return metadata


def read_judged(path: Path) -> Record:
    """A record with those columns of its trace that outcomes are derived from: steps, seconds, losses, measures.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    file, metadata = _open(path)
    judged = metadata.pop("judged", None)
    if judged is not None:
        return Record(path, metadata, {name: np.array(values, dtype=float) for name, values in judged.items()})
    return Record(path, metadata, _columns(path, file, lambda name: _is_judged(name, metadata)))


def read_record(path: Path) -> Record:
    """A record with all of its trace but the samples.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    file, metadata = _open(path)
    metadata.pop("judged", None)
    return Record(path, metadata, _columns(path, file, lambda name: name != "samples"))


def check_record(path: Path) -> None:
    """Reads all of a record, its samples too, so that no damage goes unseen.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    _columns(path, _open(path)[0], lambda name: True)


@contextmanager
def reading_many() -> Iterator[None]:
    """Meanwhile Python looks for no cycles: thousands of records are millions of objects without one.

    To walk through them again and again takes as long as to read them.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _open(path: Path) -> tuple[pq.ParquetFile, Metadata]:
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        metadata: Metadata = from_json(file.metadata.metadata[KEY])
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from None
    if metadata["schema"] != SCHEMA:
        raise ResultsError(f"{path} has schema {metadata['schema']}; this version of ganbench reads schema {SCHEMA}")
    return file, metadata


def _columns(path: Path, file: pq.ParquetFile, wanted: Callable[[str], bool]) -> dict[str, NDArray[Any]]:
    try:
        table = file.read([name for name in file.schema_arrow.names if wanted(name)], use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None
    return {name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)}


def read_trace(path: Path) -> pd.DataFrame:
    """The trace of a record without its samples: one row per evaluation.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    return _read(path).drop(columns="samples", errors="ignore")


def has_samples(metadata: Metadata) -> bool:
    """Whether a record keeps samples; that of another code's run need not."""
    return bool((metadata.get("samples") or {}).get("dtype"))


def read_samples(path: Path, row: int = -1) -> NDArray[Any]:
    """The samples kept at one evaluation, [n, ...]: points float32, or images uint8.

    Args:
        path: Of a record that keeps some.
        row: Which of the evaluations that have samples, from the first or, below 0, from the last.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    kept = read_metadata(path)["samples"]
    raw = _read(path)["samples"].dropna().iloc[row]
    return np.frombuffer(raw, dtype=kept["dtype"]).reshape(kept["shape"])


def _read(path: Path) -> pd.DataFrame:
    try:
        return pq.read_table(path, page_checksum_verification=True).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> ResultsError:
    if isinstance(error, OSError) and error.errno:  # the system's, not the format's
        return ResultsError(f"{path} cannot be read: {describe_error(error)}")
    reason = str(error).partition("\n")[0] or type(error).__name__
    if isinstance(error, MemoryError) or type(error) is pa.ArrowException:  # no memory or thread: the file may be whole
        return ResultsError(f"{path} cannot be read: {reason}")
    return DamagedRecordError(f"{path} is cut short or no record ({reason}); the run that made it can make it again")


def record_paths(results: str | Path) -> list[Path]:
    """All records below a folder, in the order of their names.

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
    """Run identity → path, of the records of a suite's results folder, unread: the identity ends the name."""
    return {path.stem.rpartition("-")[2]: path for path in sorted(folder.glob("records/*.parquet"))}
