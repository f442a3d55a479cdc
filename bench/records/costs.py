"""The estimated cost of a plan, from the cost of recorded runs; nothing is trained to estimate it.

One unit of work is one sample through one network, forward or backward. Records give the seconds per unit for each
dataset and architecture; ``suites/costs.csv`` holds those of the recorded results. To write it again, run
``python -m bench.records.costs results > suites/costs.csv``.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.errors import ResultsError
from bench.plan.grouping import units_per_step
from bench.plan.runs import Run
from bench.plan.suite import suite_folder
from bench.records.record import read_all, read_metadata

Speeds = Mapping[tuple[str, str], tuple[float, float]]


class Speed(NamedTuple):
    """Seconds per unit and per evaluation: medians over the runs of one dataset, architecture and device."""

    dataset: str
    architecture: str
    device: str
    unit: float
    evaluation: float


def measured_speeds(results: Path) -> Speeds:
    """Seconds per unit and per evaluation, by dataset and architecture; empty if nothing is recorded."""
    try:
        table = speed_table(results)
    except ResultsError:  # nothing there, or nothing readable
        return {}
    return {(each.dataset, each.architecture): (each.unit, each.evaluation) for each in table}


def speed_table(results: Path) -> list[Speed]:
    """The measured cost of the records below a folder, sorted by dataset and architecture."""
    seconds: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for record in read_all(results, read_metadata):
        training, timing, environment = record.training, record.timing, record.environment
        if timing.steps_per_second is None or record.of_other_code:  # the cost of other code says nothing about ours
            continue
        evaluations = 1 + training.steps // (record.evaluation.every or training.steps)
        device = f"{environment.device_name}, {environment.threads} thread"
        unit = 1 / timing.steps_per_second / units_per_step(training.settings)
        kind = training.dataset.name, training.architecture.name, device
        seconds.setdefault(kind, []).append((unit, (timing.evaluation_seconds or 0.0) / evaluations))
    return [Speed(*kind, *map(median, zip(*runs, strict=True))) for kind, runs in sorted(seconds.items())]


def shipped_speeds() -> Speeds:
    """The speeds in ``suites/costs.csv``, which comes with ganbench."""
    path = suite_folder() / "costs.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["dataset"], row["architecture"]): (float(row["unit"]), float(row["evaluation"])) for row in rows}


def estimate_seconds(runs: Iterable[Run], speeds: Speeds) -> float | None:
    """Seconds for all runs one after another; None if the cost of any of them is unknown."""
    total = 0.0
    for run in runs:
        known = speeds.get((run.training.dataset.name, run.training.architecture.name))
        if known is None:
            return None
        unit, evaluation = known
        evaluations = 1 + -(-run.training.steps // run.evaluation.every)
        total += unit * units_per_step(run.training.model_dump()) * run.training.steps + evaluation * evaluations
    return total


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(Speed._fields)
    for *kind, unit, evaluation in speed_table(Path(sys.argv[1])):
        writer.writerow([*kind, f"{unit:.4g}", f"{evaluation:.4g}"])
