"""A search from its suite to its results: tuned, confirmed, resumed and extended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from bench.command import main
from bench.evidence.confirmation import confirmation_of
from bench.evidence.outcomes import load
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite
from bench.running import run_suite, train_runs
from bench.summary import RunOptions, Summary

SUITE = """
name = "x"
[matrix]
loss = ["hinge"]
dataset = [{ name = "ring", points = 100 }]
[training]
architecture = { name = "mlp", width = 8, depth = 1 }
steps = 4
batch_size = 4
latent = 2
[search]
draws = 2
confirm = 2
[search.space]
"optimizer.lr" = { log_uniform = [1e-4, 1e-2] }
[evaluation]
every = 2
samples = 20
metrics = ["modes", "frechet"]
"""

Write = Callable[[str], str]


def trained(suite: str, folder: Path, **options: Any) -> Summary:
    return run_suite(suite, results=folder, workers=0, pack="off", device="cpu", report="none", **options)


def test_tuning_then_confirmation_then_nothing(write_suite: Write, tmp_path: Path) -> None:
    begun: list[int] = []
    suite = write_suite(SUITE)
    summary = trained(suite, tmp_path, begin=lambda each: begun.append(len(each.runs)))
    assert begun == [2, 2]
    assert (len(summary.runs), len(summary.recorded), summary.missing) == (4, 4, 0)
    frame = load(tmp_path / "x", suite)
    assert sorted(zip(frame["phase"], frame["seed"], strict=True)) == [
        ("confirmation", 0),
        ("confirmation", 1),
        ("tuning", 1000),
        ("tuning", 1000),
    ]
    (best,) = frame.loc[frame["phase"] == "confirmation", "draw"].unique()
    assert len(trained(suite, tmp_path).recorded) == 0

    lost = next(record for phase, record in zip(frame["phase"], frame["record"], strict=True) if phase == "tuning")
    Path(lost).unlink()  # the choice comes out again
    again = trained(suite, tmp_path)
    assert len(again.recorded) == 1
    assert {run.search.draw for run in again.runs if run.search and run.search.phase == "confirmation"} == {best}


def test_more_draws_and_more_seeds_train_only_what_is_new(write_suite: Write, tmp_path: Path) -> None:
    trained(write_suite(SUITE), tmp_path)
    more = trained(write_suite(SUITE.replace("draws = 2", "draws = 4")), tmp_path, seeds=3)
    phases = [run.search.phase for run in more.recorded if run.search]
    assert phases.count("tuning") == 2
    assert 1 <= phases.count("confirmation") <= 3


def test_nothing_is_confirmed_before_the_tuning_is_complete(write_suite: Write, tmp_path: Path) -> None:
    suite = load_suite(write_suite(SUITE))
    runs = plan_runs(suite)
    train_runs(runs[:1], tmp_path / "x", RunOptions(device="cpu", workers=0, pack="off"))
    confirmation = confirmation_of(runs, tmp_path / "x", suite, suite.seeds)
    assert confirmation.runs == []
    assert len(confirmation.waiting) == 1


def test_plan_shows_the_space_and_the_choice(write_suite: Write, tmp_path: Path) -> None:
    suite = write_suite(SUITE)
    before = CliRunner().invoke(main, ["plan", suite, "--results", str(tmp_path)]).output
    text = " ".join(before.split())
    assert "1 technique, 2 runs, 0 recorded" in text
    assert "optimizer.lr: number from 0.0001 to 0.01, uniform in its logarithm" in text
    assert "1 × 2 = 2 runs on fresh seeds" in text
    trained(suite, tmp_path)
    after = " ".join(CliRunner().invoke(main, ["plan", suite, "--results", str(tmp_path)]).output.split())
    assert "2 runs on fresh seeds, 2 recorded." in after
    assert "draw" in after
