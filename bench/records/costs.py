"""What a plan will cost, estimated from runs that were measured: nothing is trained to find out.

One unit of work is one sample through one network, forward or backward. Seconds per unit are known for a dataset and
an architecture from records; ``suites/costs.csv`` holds those of the recorded results, as printed by
``python -m bench.records.costs RESULTS``.
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
from bench.records.record import read_metadata, record_paths

Speeds = Mapping[tuple[str, str], tuple[float, float]]


class Speed(NamedTuple):
    """Seconds per unit and per evaluation, medians over the runs of a dataset and an architecture on one device."""

    dataset: str
    architecture: str
    device: str
    unit: float
    evaluation: float


def measured_speeds(results: Path) -> Speeds:
    """Seconds per unit and seconds per evaluation, by dataset and architecture; empty where nothing is recorded."""
    try:
        table = speed_table(results)
    except ResultsError:  # nothing there, or nothing readable
        return {}
    return {(each.dataset, each.architecture): (each.unit, each.evaluation) for each in table}


def speed_table(results: Path) -> list[Speed]:
    """What the records below a folder were measured to cost, by the alphabet."""
    seconds: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for record in map(read_metadata, record_paths(results)):
        training, timing = record["training"], record["timing"]
        if timing["steps_per_second"] is None or record.get("origin"):  # other code's runs cost what they cost there
            continue
        evaluations = 1 + training["steps"] // record["evaluation"]["every"]
        device = f"{record['environment']['device_name']}, {record['environment']['threads']} thread"
        kind = training["dataset"]["name"], training["architecture"]["name"], device
        unit = 1 / timing["steps_per_second"] / units_per_step(training)
        seconds.setdefault(kind, []).append((unit, timing["evaluation_seconds"] / evaluations))
    return [Speed(*kind, *map(median, zip(*runs, strict=True))) for kind, runs in sorted(seconds.items())]


def shipped_speeds() -> Speeds:
    """The same of the results that are recorded with the project."""
    path = suite_folder() / "costs.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["dataset"], row["architecture"]): (float(row["unit"]), float(row["evaluation"])) for row in rows}


def estimate_seconds(runs: Iterable[Run], speeds: Speeds) -> float | None:
    """Seconds of all runs one after another, or None where one is of a kind that was never measured."""
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
