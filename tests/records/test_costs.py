"""What runs cost, by what was measured."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest

import bench
from bench.plan.grouping import units_per_step
from bench.plan.runs import Run
from bench.plan.suite import suite_folder
from bench.records.costs import estimate_seconds, measured_speeds, shipped_speeds

RESULTS = Path(__file__).parents[2] / "results"


def test_units_are_samples_through_networks() -> None:
    training = {"batch_size": 10, "critic_steps": 5, "penalty": []}
    assert units_per_step(training) == 10 * (5 * 7 + 6)  # five times: 1 without gradient, 2 with; then 1 through both
    assert units_per_step({**training, "penalty": ["r1"]}) == 10 * (5 * 13 + 6)
    assert units_per_step({**training, "unroll": 2}) == 10 * (5 * 7 + 6 + 2 * 16)


def test_costs_are_medians_over_the_runs_of_an_architecture() -> None:
    frame = bench.load(RESULTS / "quick")
    runs = frame[(frame["dataset"] == "digits") & (frame["architecture"] == "mlp")]
    unit, evaluation = measured_speeds(RESULTS / "quick")["digits", "mlp"]
    assert evaluation == pytest.approx((runs["evaluation_seconds"] / (1 + runs["steps_done"] // 250)).median())
    penalised = ("wgan-gp", "non-saturating + r1")
    of_units = [1 / row.steps_per_second / (64 * (13 + 6 * (row.loss in penalised))) for row in runs.itertuples()]
    assert unit == pytest.approx(median(of_units))


def test_nothing_recorded_costs_nothing_known(tmp_path: Path, tiny_runs: list[Run]) -> None:
    assert measured_speeds(tmp_path) == {}
    assert estimate_seconds(tiny_runs, {}) is None
    known = {("ring", "mlp"): (1e-6, 0.5)}
    expected = sum(1e-6 * units_per_step(run.training.model_dump()) * 120 + 0.5 * 4 for run in tiny_runs)
    assert estimate_seconds(tiny_runs, known) == pytest.approx(expected)


def test_the_file_of_costs_is_what_the_command_prints() -> None:
    command = [sys.executable, "-m", "bench.records.costs", str(RESULTS / "quick")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    shipped = (suite_folder() / "costs.csv").read_text().splitlines()
    assert printed[0] == shipped[0]
    measured = measured_speeds(RESULTS / "quick")
    assert len(printed) == 1 + len(measured)
    for row in csv.DictReader(printed):
        kind = row["dataset"], row["architecture"]
        assert (float(row["unit"]), float(row["evaluation"])) == pytest.approx(measured[kind], rel=1e-3)
        assert kind in shipped_speeds()
