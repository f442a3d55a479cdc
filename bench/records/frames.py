"""Records as pandas frames: one row per run, or one row per run, step and measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.plan.updates import critic_batches
from bench.records.circumstances import Timing
from bench.records.record import Record, read_all, read_record
from bench.records.schema import Metadata, Parameters

SHOWN = ("device", "threads", "workers", "pack")  # columns about the environment


def axes_of(metadata: list[Metadata]) -> list[str]:
    """The axes of a set of records: dataset, architecture and loss, then all others in the order they first occur."""
    first = {"dataset": None, "architecture": None, "loss": None}
    return list(first | {axis: None for each in metadata for axis in each.axes})


def axis_value(metadata: Metadata, axis: str) -> Any:
    """The value of a record on an axis, even if its own suite did not have that axis."""
    if (label := metadata.axes.get(axis)) is not None:
        return label
    value: Any = metadata.training.settings
    for part in axis.split("."):
        if isinstance(value, list) and len(value) == 1:  # the one penalty
            value = value[0]
        value = value.get("options", value).get(part) if isinstance(value, Mapping) else None
    if axis == "penalty" and value is not None:
        return " + ".join(each["label"] for each in value) or "none"
    if isinstance(value, list):
        return str(value)
    if isinstance(value, Mapping):  # a table of options, as of lookahead, has no label
        return value.get("label") or f"({', '.join(f'{key}={option}' for key, option in value.items())})"
    return "–" if value is None else value  # the record has no such option


def frame_of_runs(records: Iterable[tuple[Path, Metadata]]) -> pd.DataFrame:
    """One row per run.

    Columns: suite, version, dataset, architecture, loss, any other axis, phase ("tuning" or "confirmation") and
    draw if the suite has a search, seed, run (identity), ending ("finished" or "diverged"), reason, steps_done,
    ``<measure>_final``, ``<measure>_best``, ``<measure>_real`` (the same measure of real data),
    generator_parameters, critic_parameters (their numbers), steps_per_second, images_per_second, training_seconds,
    evaluation_seconds, wall_seconds, peak_memory_bytes, device, threads, workers, pack, record (path). A diverged
    run has no final values. Values that other code did not record are missing.
    """
    records = list(records)
    axes = axes_of([metadata for _, metadata in records])
    frame = _frame([_row(metadata, axes) for _, metadata in records], axes)
    frame["record"] = pd.Series([str(path) for path, _ in records], dtype=object)  # a path need not be valid text
    values = [name for name in frame if name.endswith(("_final", "_best", "_real", "_parameters"))]
    values += [name for name in Timing.model_fields if frame[name].dtype == object]
    return frame.astype(dict.fromkeys(values, float))


def _frame(rows: list[dict[str, Any]], axes: list[str]) -> pd.DataFrame:
    """Return rows as a frame; integers that a float cannot hold stay exact, also on an axis that has fractions too."""
    frame = pd.DataFrame(rows)
    for axis in axes:
        if frame[axis].dtype.kind == "f" and any(type(row[axis]) is int and abs(row[axis]) > 2**53 for row in rows):
            frame[axis] = pd.Series([row[axis] for row in rows], dtype=object)
    return frame


def _row(metadata: Metadata, axes: list[str]) -> dict[str, Any]:
    ending, timing, environment = metadata.ending, metadata.timing, metadata.environment
    return {
        "suite": metadata.suite,
        "version": metadata.version,
        **{axis: axis_value(metadata, axis) for axis in axes},
        **({"phase": metadata.search.phase, "draw": metadata.search.draw} if metadata.search else {}),
        "seed": metadata.seed,
        "run": metadata.run,
        "ending": ending.status,
        "reason": ending.reason,
        "steps_done": ending.step,
        **{f"{name}_final": value for name, value in metadata.final.items()},
        **{f"{name}_best": value for name, value in metadata.best.items()},
        **{f"{name}_real": value for name, value in metadata.real.items()},
        **{f"{player}_parameters": getattr(metadata.parameters, player) for player in Parameters.model_fields},
        **{name: getattr(timing, name) for name in Timing.model_fields},
        **{name: getattr(environment, name) for name in SHOWN},
    }


def traces(results: str | Path) -> pd.DataFrame:
    """Long form: one row per run, step and measure, with the columns of the matrix.

    Columns: suite, dataset, architecture, loss, any other axis, seed, run, step, critic_step, images (seen by the
    critic), seconds, measure, value. Losses and probes are measures too. A measure that was not taken at a step has no
    row there.

    Raises:
        ResultsError: nothing there, or a record that cannot be read.
    """
    return frame_of_traces(read_all(results, read_record))


def frame_of_traces(records: list[Record]) -> pd.DataFrame:
    """Traces in long form, as ``traces`` gives them, of records that were read already."""
    axes = axes_of([each.metadata for each in records])
    places = _frame([_place(each.metadata, axes) for each in records], axes)
    curves = [_curves(each) for each in records]
    columns = {name: np.concatenate([each[name] for each in curves]) for name in curves[0]}
    rows = np.repeat(np.arange(len(records)), [len(each["value"]) for each in curves])
    return pd.concat([places.take(rows).reset_index(drop=True), pd.DataFrame(columns)], axis=1)


def _place(metadata: Metadata, axes: list[str]) -> dict[str, Any]:
    return {
        "suite": metadata.suite,
        **{axis: axis_value(metadata, axis) for axis in axes},
        "seed": metadata.seed,
        "run": metadata.run,
    }


def _curves(record: Record) -> dict[str, NDArray[Any]]:
    """The columns step, critic_step, images, seconds, measure and value of one run, measure by measure."""
    training, trace = record.metadata.training, record.trace
    measures = [name for name in trace if name not in ("step", "seconds")]
    step, gaps = trace["step"], record.metadata.measured
    rows = [np.array(gaps[name], dtype=int) if name in gaps else np.arange(len(step)) for name in measures]
    taken = np.concatenate(rows)
    critic_step = step * training.critic_steps
    columns = {
        "step": step,
        "critic_step": critic_step,
        "images": step
        * critic_batches(training)
        * (training.batch_size or np.nan),  # unknown for some runs of other code
        "seconds": trace["seconds"],
    }
    return {
        **{name: values[taken] for name, values in columns.items()},
        "measure": np.repeat(np.array(measures, dtype=object), [len(there) for there in rows]),
        "value": np.concatenate([trace[name][there].astype(float) for name, there in zip(measures, rows, strict=True)]),
    }
