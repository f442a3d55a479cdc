"""Records: one self-sufficient Parquet file a run, published atomically and once.

The rows of the table are the trace, one per evaluation: step, seconds, losses, measures, and a few samples. The
metadata of its schema hold, as JSON under ``ganbench``, everything else: specification, data, protocol, ending,
timing, environment. Anyone with the file needs nothing else to use it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.errors import DamagedRecordError, ResultsError
from bench.files import told, written_whole

SCHEMA = 1
KEY = b"ganbench"
Metadata = dict[str, Any]


def publish(path: Path, metadata: Mapping[str, Any], trace: list[dict[str, Any]]) -> None:
    """Publishes a record: a reader sees all of it or nothing.

    Args:
        path: Its place; a record that is there already stays.
        metadata: What the module's docstring says.
        trace: Rows with equal keys; ``samples`` are bytes.

    Raises:
        ResultsError: the disk is full, or the folder cannot be written; nothing half-written stays.
    """
    content = {"schema": SCHEMA, **metadata, **summarise(trace, metadata)}
    table = pa.Table.from_pylist(trace)
    table = table.replace_schema_metadata({KEY: json.dumps(content, allow_nan=False)})
    try:
        with written_whole(path, once=True) as partial:
            pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
    except OSError as error:
        raise ResultsError(f"record {path} cannot be written: {told(error)}") from None


def summarise(trace: list[dict[str, Any]], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The last value of every measure, none where the run diverged; and the best, the untrained generator aside.

    A measure of which neither more nor less is better has no best.
    """
    higher = metadata["higher_is_better"]
    measures = [name for name in trace[0] if name.removesuffix("_ema") in higher]
    finished = metadata["ending"]["status"] == "finished"
    final, best = {}, {}
    for name in measures:
        values = [row[name] for row in trace[1:] if math.isfinite(row[name])]
        better = higher[name.removesuffix("_ema")]
        if better is not None:
            best[name] = (max if better else min)(values, default=None)
        final[name] = trace[-1][name] if finished and math.isfinite(trace[-1][name]) else None
    return {"final": final, "best": best}


def read_metadata(path: Path) -> Metadata:
    """Everything of a record but its trace.

    Raises:
        ResultsError: the file is cut short, or is no record.
    """
    try:
        content: Metadata = json.loads(pq.read_schema(path).metadata[KEY])
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, error) from None
    if content["schema"] != SCHEMA:
        raise ResultsError(f"{path} has schema {content['schema']}; this version of ganbench reads schema {SCHEMA}")
    return content


def read_trace(path: Path) -> pd.DataFrame:
    """The trace of a record without its samples: one row per evaluation.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    return _read(path).drop(columns="samples")


def read_samples(path: Path, row: int = -1) -> NDArray[Any]:
    """The samples kept at one evaluation, [n, ...]: points float32, or images uint8.

    Raises:
        ResultsError: the file is cut short or damaged.
    """
    kept = read_metadata(path)["samples"]
    raw = _read(path)["samples"].iloc[row]
    return np.frombuffer(raw, dtype=kept["dtype"]).reshape(kept["shape"])


def _read(path: Path) -> pd.DataFrame:
    try:
        return pq.read_table(path, page_checksum_verification=True).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> ResultsError:
    if isinstance(error, OSError) and error.errno:  # the system's, not the format's
        return ResultsError(f"{path} cannot be read: {told(error)}")
    reason = str(error).partition("\n")[0] or type(error).__name__
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


def axes_of(metadata: list[Metadata]) -> list[str]:
    """The axes of a set of records: those of every suite and setting that they come from, in their order."""
    first = {"dataset": None, "architecture": None, "loss": None}
    return list(first | {axis: None for each in metadata for axis in each["axes"]})


def place(metadata: Metadata, axis: str) -> Any:
    """Where a record stands on an axis, also where the axis was not one of its own suite."""
    if axis in metadata["axes"]:
        return metadata["axes"][axis]
    value: Any = metadata["training"]
    for part in axis.split("."):
        if isinstance(value, list) and len(value) == 1:  # the one penalty
            value = value[0]
        value = value.get("options", value).get(part) if isinstance(value, Mapping) else None
    if axis == "penalty":
        return " + ".join(each["label"] for each in value) or "none"
    if isinstance(value, list):
        return str(value)
    value = value["label"] if isinstance(value, Mapping) else value
    return "–" if value is None else value  # an option that its choice does not have


def load(results: str | Path) -> pd.DataFrame:
    """One row a run.

    Columns: suite, version, dataset, architecture, loss, any other axis, seed, run (identity), ending ("finished" or
    "diverged"), reason, steps_done, ``<measure>_final``, ``<measure>_best``, ``<measure>_real`` (the same measure of
    real data), steps_per_second, images_per_second, training_seconds, evaluation_seconds, wall_seconds,
    peak_memory_bytes, device, threads, workers, pack, record (path). A diverged run has no final values.

    Raises:
        ResultsError: nothing there, or a record that cannot be read.
    """
    paths = record_paths(results)
    metadata = [read_metadata(path) for path in paths]
    axes = axes_of(metadata)
    rows = []
    for path, each in zip(paths, metadata, strict=True):
        ending, environment = each["ending"], each["environment"]
        rows.append(
            {
                "suite": each["suite"],
                "version": each["version"],
                **{axis: place(each, axis) for axis in axes},
                "seed": each["seed"],
                "run": each["run"],
                "ending": ending["status"],
                "reason": ending["reason"],
                "steps_done": ending["step"],
                **{f"{name}_{which}": value for which in ("final", "best") for name, value in each[which].items()},
                **{f"{name}_real": value for name, value in (each.get("real") or {}).items()},
                **each["timing"],
                **{key: environment[key] for key in ("device", "threads", "workers", "pack")},
                "record": str(path),
            }
        )
    frame = pd.DataFrame(rows)
    values = [name for name in frame if name.endswith(("_final", "_best", "_real"))]
    return frame.astype(dict.fromkeys(values, float))


def traces(results: str | Path) -> pd.DataFrame:
    """Long form: one row per run, step and measure, with the columns of the matrix.

    Columns: suite, dataset, architecture, loss, any other axis, seed, run, step, critic_step, images (seen by the
    critic), seconds, measure, value. Losses are measures too.

    Raises:
        ResultsError: nothing there, or a record that cannot be read.
    """
    paths = record_paths(results)
    metadata = [read_metadata(path) for path in paths]
    axes = axes_of(metadata)
    frames = []
    for path, each in zip(paths, metadata, strict=True):
        long = read_trace(path).melt(id_vars=["step", "seconds"], var_name="measure", value_name="value")
        critic_step = long["step"] * each["training"]["critic_steps"]
        long.insert(1, "critic_step", critic_step)
        long.insert(2, "images", critic_step * each["training"]["batch_size"])
        for position, (name, value) in enumerate(
            {
                "suite": each["suite"],
                **{axis: place(each, axis) for axis in axes},
                "seed": each["seed"],
                "run": each["run"],
            }.items()
        ):
            long.insert(position, name, value)
        frames.append(long)
    return pd.concat(frames, ignore_index=True)
