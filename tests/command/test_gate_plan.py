"""``ganbench plan --for-gate``: what the cells of a suite can show, and how many seeds to run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from changed_records import content_of
from click.testing import CliRunner
from made_runs import record

from bench.command import main
from bench.evidence.gate.planning import fewest_seeds, plan_gate
from bench.evidence.results import read_evidence
from bench.plan.rules import GateOptions
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.record import publish
from bench.records.schema import Metadata

FINAL = {"minimax": (0.9, 1.2, 1.0, 1.1, 0.8, 1.0), "hinge": (0.01, 0.025, 0.015, 0.01, 0.02, 0.015)}
SUITE = """
name = "made"
title = "Made"
seeds = 10
[matrix]
loss = ["minimax", "hinge"]
dataset = [{ name = "ring", points = 1000, label = "ring" }]
architecture = [{ name = "mlp", width = 16, depth = 1, label = "mlp" }]
[training]
steps = 120
[evaluation]
every = 40
samples = 200
metrics = ["frechet"]
[outcome]
relapsed = 9.0
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "made.toml"
    path.write_text(SUITE)
    return path


@pytest.fixture
def results(tmp_path: Path, suite: Path) -> Path:
    """Six runs of each cell of the suite: those of minimax never learn."""
    cells = {run.axes["loss"]: run for run in plan_runs(load_suite(str(suite)))}
    for loss, values in FINAL.items():
        for seed, last in enumerate(values):
            record(tmp_path / "results", loss, seed, (1.0, 1.0, 1.0, last), higher_is_better={"fd": False})
    for path in record_paths(tmp_path / "results" / "made"):
        content = content_of(path)
        content["cell"] = cells[content["axes"]["loss"]].cell
        rows = [{"step": step, "seconds": step / 10, "fd": 1.0} for step in (0, 40, 80)]
        last = {"step": 120, "seconds": 12.0, "fd": FINAL[content["axes"]["loss"]][content["seed"]]}
        content["samples"] = {}
        publish(path, Metadata.model_validate(content), pa.Table.from_pylist([*rows, last]), replace=True)
    return tmp_path / "results"


def plan(suite: Path, results: Path, *words: str) -> str:
    result = CliRunner().invoke(main, ["plan", str(suite), "--for-gate", "--results", str(results), *words])
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_cells_that_fail_cannot_gate_and_the_others_get_a_number_of_seeds(suite: Path, results: Path) -> None:
    text = plan(suite, results)
    assert "minimax · ring · mlp 6/6 cannot gate –" in text
    assert "Most runs fail in 1 of 2 cells." in text
    runs = plan_runs(load_suite(str(suite)))
    plans = plan_gate(read_evidence(results / "made"), [(run.cell, "") for run in runs[::10]], GateOptions(), 10)
    assert [each.weak for each in plans] == [True, False]
    deviation = np.log(FINAL["hinge"]).std(ddof=1)
    approximate = 2 * (2.49 * deviation / np.log(1.25)) ** 2  # normal quantiles of 5% and of 80% power
    assert plans[1].seeds == pytest.approx(approximate, rel=0.1)
    assert f"Proposed: ganbench run {suite} --seeds {plans[1].seeds}, for the baseline and for every candidate." in text


def test_the_regression_that_is_found_shrinks_with_the_seeds(suite: Path, results: Path) -> None:
    few, many = (plan(suite, results, "--only", "loss=hinge", "--seeds", count) for count in ("5", "40"))
    factors = [float(text.partition("×,")[0].split()[-1]) for text in (few, many)]
    assert factors[0] > factors[1] > 1.25


def test_without_records_the_fewest_seeds_are_proposed(suite: Path, tmp_path: Path) -> None:
    text = plan(suite, tmp_path / "empty")
    assert "Too few runs are recorded to tell in every cell: run the suite with 9 seeds first." in text


def test_no_seeds_are_proposed_if_every_cell_fails(suite: Path, results: Path) -> None:
    text = plan(suite, results, "--only", "loss=minimax")
    assert "No number of seeds makes this suite a gate." in text
    assert "Proposed" not in text


def test_the_fewest_seeds_can_be_significant_and_can_show_that_nothing_fails() -> None:
    """With 12 cells (24 tests), 1 / (2n choose n) ≤ 0.05 / 24 takes n = 6; 9 of 9 without failure just show 25 points."""
    assert fewest_seeds(12, GateOptions()) == 9
    assert fewest_seeds(12, GateOptions(failure_tolerance=0.6)) == 6


def test_runs_of_another_specification_are_no_evidence(suite: Path, results: Path) -> None:
    text = plan(suite, results, "--set", "steps=80")
    assert "Too few runs are recorded to tell in every cell" in text


def test_a_suite_with_a_search_is_no_gate(suite: Path, tmp_path: Path) -> None:
    search = '[search]\ndraws = 2\n[search.space]\n"optimizer.lr" = { log_uniform = [1e-4, 1e-2] }\n'
    suite.write_text(SUITE + search)
    result = CliRunner().invoke(main, ["plan", str(suite), "--for-gate", "--results", str(tmp_path)])
    assert result.exit_code == 2
    assert "a suite with [search] is no gate" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_proposed_command_names_a_suite_as_it_can_be_found(suite: Path, results: Path, tmp_path: Path) -> None:
    spaced = suite.rename(tmp_path / "my suite.toml")
    assert f"Proposed: ganbench run '{spaced}' --seeds" in plan(spaced, results)
    assert "Proposed: ganbench run quick --seeds" in plan(Path("quick"), tmp_path)
