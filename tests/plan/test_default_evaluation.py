"""A suite may leave out how runs are evaluated: each dataset has metrics, a number of samples, and ten evaluations."""

from __future__ import annotations

import tomllib

import pytest

from bench.plan.runs import Run, plan_runs
from bench.plan.suite import parse_suite

SMALLEST = """
name = "x"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = [DATASET]
architecture = ["ARCHITECTURE"]
"""


def run_of(dataset: str, architecture: str = "mlp", more: str = "") -> Run:
    text = SMALLEST.replace("DATASET", dataset).replace("ARCHITECTURE", architecture) + more
    (run,) = plan_runs(parse_suite(tomllib.loads(text), "x.toml"))
    return run


def metrics_of(run: Run) -> list[str]:
    return [metric.name for metric in run.evaluation.metrics]


@pytest.mark.parametrize(
    ("dataset", "metrics"),
    [
        ('"ring"', ["modes", "frechet"]),
        ('"digits"', ["modes", "frechet"]),
    ],
)
def test_each_dataset_has_its_metrics(dataset: str, metrics: list[str]) -> None:
    run = run_of(dataset)
    assert metrics_of(run) == metrics
    assert (run.evaluation.every, run.evaluation.samples) == (300, 2500)


def test_points_without_known_modes_get_precision_and_recall(tmp_path) -> None:  # type: ignore[no-untyped-def]
    import numpy as np

    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.savez(tmp_path / "points.npz", train=points, test=points[:20])
    run = run_of(f'{{ name = "point-arrays", path = "{tmp_path}/points.npz" }}')
    assert metrics_of(run) == ["frechet", "neighbours"]


def test_the_dirac_gan_is_measured_against_its_equilibrium() -> None:
    run = run_of('"point"', "dirac", "[training]\nsteps = 5\nlatent = 1\n")
    assert metrics_of(run) == ["equilibrium"]
    assert (run.evaluation.every, run.evaluation.samples) == (1, 2)


def test_what_a_suite_says_is_kept() -> None:
    run = run_of('"ring"', more="[evaluation]\nsamples = 100\nevery = 7\n")
    assert (run.evaluation.every, run.evaluation.samples) == (7, 100)
    assert metrics_of(run) == ["modes", "frechet"]


def test_runs_are_those_of_a_suite_that_says_the_same() -> None:
    said = '[evaluation]\nevery = 300\nsamples = 2500\nmetrics = ["modes", "frechet"]\n'
    assert run_of('"ring"').id == run_of('"ring"', more=said).id
