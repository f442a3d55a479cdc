"""Seconds of a generator step of each cell, from the timings of cells that ``ganbench time`` has timed alone.

The seconds in a record depend on what else the machine did while the run trained, so no conclusion rests on them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from bench.evidence.results import Evidence
from bench.records.frames import axis_value
from bench.records.schema import Metadata
from bench.records.timing_results import Timings, changed_settings, describe_load, read_timings, timings_path


def ran_alone(runs: pd.DataFrame) -> bool:
    """Return whether, as far as is known, no run of a frame shared its process or its machine with another run."""
    return bool((runs[["workers", "pack"]].astype(float).fillna(1) <= 1).all(axis=None))


def step_times(evidence: Evidence, dataset: str) -> dict[str, float]:
    """Return the seconds per generator step, median over rounds, of the cell of each run of a dataset.

    Empty unless every cell was timed alone, with these settings, on a machine without other work.

    Raises:
        ResultsError: A file of timings is damaged.
    """
    found = {}
    for run in evidence.runs.loc[evidence.runs["dataset"] == dataset, "run"]:
        record = evidence.records[run]
        path = timings_path(record.path.parent.parent)
        timings = _read(path.parent, path.stat().st_mtime_ns) if path.is_file() else None
        if timings is None or not timings.alone or describe_load(timings):
            return {}
        place = _place(record.metadata, timings)
        training = record.metadata.training.model_dump(mode="json")
        if place not in timings.work or changed_settings(timings.work[place]["training"], training):
            return {}
        found[str(run)] = float(_of_cell(timings, place)["seconds_per_step"].median())
    return found


def _place(metadata: Metadata, timings: Timings) -> tuple[Any, ...]:
    """Return the labels of a run where timings have them; a report may have other names for those of its records."""
    shown = tuple(metadata.axes.get(axis) for axis in timings.axes)
    if shown in timings.work:
        return shown
    return tuple(axis_value(metadata.model_copy(update={"axes": {}}), axis) for axis in timings.axes)


@lru_cache(maxsize=8)
def _read(folder: Path, changed: int) -> Timings:
    return read_timings(folder)


def _of_cell(timings: Timings, place: tuple[Any, ...]) -> pd.DataFrame:
    frame = timings.frame
    for axis, label in zip(timings.axes, place, strict=True):
        frame = frame[frame[axis].isna() if label is None else frame[axis] == label]
    return frame
