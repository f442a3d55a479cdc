"""Records: one self-sufficient Parquet file per run, published atomically and once.

The rows of the table are the trace, one per evaluation: step, seconds, losses, measures, and a few samples. The
metadata of its schema hold everything else as JSON (``bench.records.schema``). Anyone with the file needs nothing else
to use it.

In a trace of other code a value may be None: it was not measured there, which is not the same as NaN. For each column
with such gaps, ``measured`` in the metadata lists the rows that have a value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import plain_name
from bench.errors import DamagedRecordError, ResultsError
from bench.files import atomic_write, describe_error, put_aside
from bench.records.listing import paths_in, record_paths
from bench.records.record_bytes import SAMPLES, encode
from bench.records.record_file import RecordFile, describe_other, is_named_after, open_record
from bench.records.samples import KEPT_EVALUATIONS, thinned
from bench.records.schema import SCHEMA, Metadata
from bench.records.summaries import measured_rows, only_finite, summarise

if TYPE_CHECKING:  # a plan needs no frame
    import pandas as pd

Trace: TypeAlias = "Mapping[str, NDArray[Any]] | pd.DataFrame"  # columns by name, one value per evaluation


class Record(NamedTuple):
    """A record: its path, its metadata, and the columns of its trace that were asked for."""

    path: Path
    metadata: Metadata
    trace: dict[str, NDArray[Any]]


Holder = TypeVar("Holder", Metadata, Record)


def publish(path: Path, metadata: Metadata, trace: pa.Table, *, replace: bool = False) -> None:
    """Publish a record: readers see either all of it or nothing.

    Args:
        path: Where to write it; a record that exists already is kept.
        metadata: Everything but ``final``, ``best`` and ``measured``, which are derived from the trace.
        trace: One row per evaluation; null where a value was not measured. ``samples`` are bytes; the record keeps
            those of four evaluations, or of the last one if the run is one of tuning.
        replace: Whether to replace an existing record.

    Raises:
        ResultsError: the disk is full, the folder cannot be written, or what was written cannot be read again; no
            partial file is left.
    """
    if SAMPLES in trace.column_names:
        is_tuning = metadata.search is not None and metadata.search.phase == "tuning"
        few = thinned(trace[SAMPLES], 1 if is_tuning else KEPT_EVALUATIONS)
        trace = trace.set_column(trace.column_names.index(SAMPLES), SAMPLES, few)
    final, best = summarise(trace, metadata)
    complete = metadata.model_copy(update={"schema_version": SCHEMA, "final": final, "best": best, "measured": {}})
    content = only_finite(complete.model_dump(by_alias=True, exclude_unset=True))  # JSON mode refuses some text
    content["measured"] = measured_rows(trace)  # only now, because each copy of millions of numbers takes memory
    data = encode(trace, content)
    del content
    if not replace:
        _clear(path)
    try:
        with atomic_write(path, once=not replace) as partial:
            partial.write_bytes(data)
            del data  # a long run has many
            check_record(partial)
    except OSError as error:
        raise ResultsError(f"record {path} cannot be written: {describe_error(error)}") from None
    except ResultsError as error:
        raise ResultsError(f"record {path} cannot be written: it was read back and is not whole: {error}") from None


def _clear(path: Path) -> None:
    """Put aside what is damaged and would stand in the way of a record."""
    if os.path.lexists(path):
        try:
            check_record(path)
        except DamagedRecordError:
            put_aside(path)


def read_metadata(path: Path) -> Metadata:
    """The metadata of a record.

    Raises:
        ResultsError: the file is cut short or damaged, or is not a record.
    """
    return open_record(path, trace=False)[1]


def read_judged(path: Path) -> Record:
    """A record with the columns of its trace that outcomes are derived from: steps, seconds, losses, measures.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    file, metadata = open_record(path)
    loss = "critic_loss" if "critic_loss" in file.types else "generator_loss"
    judged = {"step", "seconds", loss, *metadata.higher_is_better}
    wanted = [name for name in file.types if name in judged or plain_name(name) in judged]
    return Record(path, metadata, _columns(file, wanted))


def read_record(path: Path) -> Record:
    """A record with its whole trace, except the samples.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    file, metadata = open_record(path)
    return Record(path, metadata, _columns(file, [name for name in file.types if name != SAMPLES]))


def read_samples(path: Path, evaluation: int = -1) -> NDArray[Any]:
    """The samples kept of one evaluation, [n, ...]: points as float32, images as uint8.

    Args:
        path: A record that keeps samples.
        evaluation: Index among the evaluations that have samples; below 0 counts from the last.

    Raises:
        ResultsError: the file is cut short or damaged, or has no samples of this evaluation.
    """
    _, frames = read_all_samples(path)
    if not -len(frames) <= evaluation < len(frames):
        raise ResultsError(f"{path} has samples of {len(frames)} evaluations, so none with index {evaluation}")
    return frames[evaluation]


def read_all_samples(path: Path) -> tuple[list[int], NDArray[Any]]:
    """The steps at which a record keeps samples, and these samples, [steps, n, ...].

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    return _samples(*open_record(path, samples=True))


def check_record(path: Path) -> Metadata:
    """Read all of a record, its samples too, to find any damage; return its metadata.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    file, metadata = open_record(path, samples=True)
    file.check([name for name in file.types if name != SAMPLES])
    _samples(file, metadata)
    return metadata


def _columns(file: RecordFile, names: list[str]) -> dict[str, NDArray[Any]]:
    table = file.read(names)
    return {name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)}


def _samples(file: RecordFile, metadata: Metadata) -> tuple[list[int], NDArray[Any]]:
    layout = metadata.samples
    kept: list[tuple[int, bytes]] = []
    if SAMPLES in file.types:
        steps, contents = file.read(["step", SAMPLES]).columns
        pairs = zip(steps.to_numpy(), contents.to_pylist(), strict=True)
        kept = [(int(step), content) for step, content in pairs if content]
    try:
        frames = np.frombuffer(b"".join(content for _, content in kept), dtype=layout.dtype)
        return [step for step, _ in kept], frames.reshape(len(kept), *(layout.shape or ()))
    except (TypeError, ValueError) as error:
        raise DamagedRecordError(f"{file.path} is not a record of ganbench: its samples: {error}") from None


def read_all(results: str | Path, read: Callable[[Path], Holder]) -> list[Holder]:
    """Read all records below a folder.

    Args:
        results: The folder.
        read: ``read_metadata``, ``read_judged`` or ``read_record``.

    Raises:
        ResultsError: there is none, one cannot be read or has the name of another run, or two hold the same run.
    """
    paths, everything = record_paths(results), []
    seen: dict[tuple[str, str], Path] = {}
    for path in paths:
        holder = read(path)
        metadata = holder if isinstance(holder, Metadata) else holder.metadata
        if not is_named_after(path, metadata):
            raise ResultsError(f"{path} {describe_other(metadata)}; move it elsewhere or give it back its name")
        first = seen.setdefault((metadata.suite, metadata.run), path)
        if first is not path:
            raise ResultsError(f"{first} and {path} hold the same run; keep one of them")
        everything.append(holder)
    return everything


def paths_by_run(folder: Path) -> dict[str, Path]:
    """Run identity → path, for the records in a suite's results folder that hold the run that their name says.

    Raises:
        ResultsError: a record could not be read, which says nothing about what it holds.
    """
    found = {}
    for path in paths_in(folder):
        with suppress(DamagedRecordError):
            metadata = read_metadata(path)
            if is_named_after(path, metadata):
                found[metadata.run] = path
    return found
