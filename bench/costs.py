"""What a plan will cost, estimated from runs that were measured: nothing is trained to find out.

One unit of work is one sample through one network, forward or backward. Seconds per unit are known for a dataset and an
architecture from records; ``suites/costs.csv`` holds those of the recorded results. ``python -m bench.costs RESULTS``
prints that file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import ResultsError
from bench.planning import Run
from bench.records import read_metadata, record_paths
from bench.suite import suite_folder

Speeds = Mapping[tuple[str, str], tuple[float, float]]


def units_per_step(training: Mapping[str, Any]) -> float:
    """Samples through networks in one generator step: 3 for a pass with gradient, 1 without; a penalty doubles it."""
    critic_step = 1 + 2 * 3 + len(training["penalty"]) * 6  # generate; real and fake; points, twice differentiated
    return float(training["batch_size"] * (training["critic_steps"] * critic_step + 2 * 3))


def measured_speeds(results: Path) -> Speeds:
    """Seconds per unit and seconds per evaluation, by dataset and architecture; empty where nothing is recorded."""
    try:
        table = speed_table(results)
    except ResultsError:  # nothing there, or nothing readable
        return {}
    return {(row.dataset, row.architecture): (row.unit, row.evaluation) for row in table.itertuples()}


def speed_table(results: Path) -> pd.DataFrame:
    """Columns dataset, architecture (names), unit, evaluation (seconds, medians over runs), device."""
    rows: list[dict[str, Any]] = []
    for record in map(read_metadata, record_paths(results)):
        training, timing = record["training"], record["timing"]
        if timing["steps_per_second"] is None or record.get("origin"):  # other code's runs cost what they cost there
            continue
        evaluations = 1 + training["steps"] // record["evaluation"]["every"]
        rows.append(
            {
                "dataset": training["dataset"]["name"],
                "architecture": training["architecture"]["name"],
                "unit": 1 / timing["steps_per_second"] / units_per_step(training),
                "evaluation": timing["evaluation_seconds"] / evaluations,
                "device": f"{record['environment']['device_name']}, {record['environment']['threads']} thread",
            }
        )
    columns = ["dataset", "architecture", "unit", "evaluation", "device"]
    return pd.DataFrame(rows, columns=columns).groupby(["dataset", "architecture", "device"], as_index=False).median()


def shipped_speeds() -> Speeds:
    """The same of the results that are recorded with the project."""
    path = suite_folder() / "costs.csv"
    if not path.is_file():
        return {}
    table = pd.read_csv(path)
    return {(row.dataset, row.architecture): (row.unit, row.evaluation) for row in table.itertuples()}


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
    speed_table(Path(sys.argv[1])).to_csv(sys.stdout, index=False, float_format="%.4g")
