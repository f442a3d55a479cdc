"""The Dirac-GAN from a suite file to its table of theory and its trajectories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.compute.engines.in_process import in_process
from bench.compute.settings import Settings
from bench.errors import SuiteError
from bench.evidence.outcomes import load
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite
from bench.report import write_report

SUITE = """
name = "little-dirac"
seeds = 1
[matrix]
loss = ["minimax"]
dataset = ["point"]
architecture = ["dirac"]
penalty = ["none", { name = "r1", weight = 1.0, label = "r1" }]
[training]
steps = 150
batch_size = 2
latent = 1
precision = "float64"
optimizer = { name = "sgd", lr = 0.2 }
[evaluation]
every = 10
samples = 2
metrics = ["equilibrium"]
[outcome]
primary = "distance"
tau = 0.1
"""


def test_theory_is_compared_with_measurement(write_suite: Callable[[str], str], tmp_path: Path) -> None:
    suite, folder = load_suite(write_suite(SUITE)), tmp_path / "results" / "little-dirac"
    list(in_process([[run] for run in plan_runs(suite)], [Settings(folder=folder)]))
    report = write_report(folder, suite=suite)
    runs = load(folder).set_index("penalty")
    assert runs.loc["none", "outcome"] == "never-learned"
    assert runs.loc["r1", "outcome"] == "stable"
    assert runs.loc["r1", "distance_final"] < 1e-4
    table = (folder / "theory.md").read_text()
    (plain,) = [line for line in table.splitlines() if "| none " in line]
    (damped,) = [line for line in table.splitlines() if "| r1 " in line]
    assert plain.count("0.0000 ± 0.5000 i") == 2  # ±½i, in theory and as measured
    assert "never-learned" in plain
    assert damped.count("-0.5000 ") == 2  # −½, twice the same root
    names = {path.name for path in (*report.figures, *report.tables)}
    assert {"trajectories-point-alternating-1-critic-step.png", "theory.md"} <= names


def test_the_metric_is_for_this_architecture_alone(write_suite: Callable[[str], str]) -> None:
    text = SUITE.replace('["point"]', '["ring"]').replace('["dirac"]', '["mlp"]')
    with pytest.raises(SuiteError, match="metric 'equilibrium' requires architecture 'dirac'"):
        plan_runs(load_suite(write_suite(text)))
