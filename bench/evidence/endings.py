"""Where runs of other code ended, judged against the other runs of their cell.

Runs of one cell are meant to train equally long. Whether one of them stopped too early is seen only beside the others,
which may be recorded one by one and in any order. So it is judged whenever records are read, and not stored in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bench.catalogue.metrics.measures import describe
from bench.records.external.early_end import early_reason, ended_early
from bench.records.record import Record
from bench.records.schema import Ending, Metadata


def with_endings(records: Iterable[Record]) -> list[Record]:
    """Return the records, in which runs of other code that ended clearly too early have ended as "diverged".

    A run is compared with the steps that it was meant to take, or else with the most that are known of any run of its
    cell. A failure that was recorded stays as it is, and so does the end of a run that was said to have finished.

    Args:
        records: Records with at least the steps and the measures of their traces.
    """
    records = list(records)
    cells: dict[str, list[Record]] = {}
    for record in records:
        if record.metadata.of_other_code:
            cells.setdefault(record.metadata.cell, []).append(record)
    lengths = {
        cell: (
            max(each.metadata.training.steps for each in members),
            max(int(each.trace["step"][-1]) for each in members),
        )
        for cell, members in cells.items()
    }
    return [
        _judged(record, *lengths[record.metadata.cell]) if record.metadata.of_other_code else record
        for record in records
    ]


def _judged(record: Record, intended: int, reached: int) -> Record:
    metadata = record.metadata
    ending, derived = metadata.ending, _was_judged_on_import(metadata)
    if not (ending.finished or derived) or _was_said_to_finish(metadata):
        return record
    intended = _given_steps(metadata) or intended
    steps = [int(step) for step in record.trace["step"] if step <= ending.step] or [ending.step]
    if ended_early(steps, intended, reached):
        reason = early_reason(ending.step, intended)
        if lost := [name for name, value in metadata.final.items() if value is None and not derived]:
            reason += f", {describe(lost[0], metadata.higher_is_better).label} not finite"
        ending = Ending(status="diverged", step=ending.step, reason=reason)
        training = metadata.training.model_copy(update={"steps": intended})
        changes: dict[str, Any] = {"ending": ending, "training": training, "final": dict.fromkeys(metadata.final)}
    elif derived:
        changes = {"ending": Ending(status="finished", step=ending.step), "final": _final_values(record)}
    else:
        return record
    return record._replace(metadata=metadata.model_copy(update=changes))


def _was_judged_on_import(metadata: Metadata) -> bool:
    """Return whether the recorded end is the verdict of an older version, which judged each table by itself."""
    ending = metadata.ending
    return _origin(metadata).get("kind") == "import" and ending.reason == early_reason(
        ending.step, metadata.training.steps
    )


def _was_said_to_finish(metadata: Metadata) -> bool:
    """Return whether a column of the imported table said that the run finished."""
    origin, ending = _origin(metadata), metadata.ending
    if "outcome" in origin:
        return origin["outcome"] == "finished"
    # Older versions did not record this. They took no other run for finished that had ended before its last step.
    return origin.get("kind") == "import" and ending.finished and ending.step < metadata.training.steps


def _given_steps(metadata: Metadata) -> int | None:
    """Return the steps that the run itself was given; None if they are unknown."""
    origin = _origin(metadata)
    if "steps" in origin:
        return None if origin["steps"] is None else int(origin["steps"])
    # Older versions recorded more steps than the run had taken only if the Recorder was given them.
    is_given = origin.get("kind") == "recorder" and metadata.training.steps > metadata.ending.step
    return metadata.training.steps if is_given else None


def _origin(metadata: Metadata) -> dict[str, Any]:
    return metadata.origin or {}


def _final_values(record: Record) -> dict[str, float | None]:
    """Return the last value of each measure; None if it is not finite."""
    final: dict[str, float | None] = {}
    for name in record.metadata.final:
        rows = record.metadata.measured.get(name, range(len(record.trace["step"])))
        value = float(record.trace[name][rows[-1]]) if rows and name in record.trace else np.nan
        final[name] = value if np.isfinite(value) else None
    return final
