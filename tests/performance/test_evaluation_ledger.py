"""An evaluation and torch-fidelity's give the same value; ``python -m counterparts.evaluation`` gives the figures."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

sys.path.insert(0, str(Path(__file__).parent))

from counterparts import evaluation

DATASET, FEW = "digits", 300


def test_all_pairs_give_one_value() -> None:
    found = evaluation.measure(rounds=1, dataset=DATASET, samples=FEW, dimension=40, cores=1)
    assert len(found) == 4
    assert all(min(each.ours, each.theirs) > 0 for each in found)
    assert max(each.agreement for each in found) < 1e-6


@pytest.mark.parametrize("whose", ["our", "torch_fidelity"])
def test_evaluation_of_images(
    benchmark: BenchmarkFixture, whose: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    enabled = request.config.getoption("benchmark_enable")
    dataset, count = ("fashion-mnist", evaluation.SAMPLES) if enabled else (DATASET, FEW)
    samples = evaluation.samples_of(dataset, count)
    prepared = {
        "our": lambda: evaluation.our_evaluation(samples, dataset),
        "torch_fidelity": lambda: evaluation.torch_fidelity_evaluation(samples, dataset, str(tmp_path)),
    }[whose]()
    assert benchmark.pedantic(prepared, rounds=5 if enabled else 1) > 0


@pytest.mark.parametrize("whose", ["our", "torch_fidelity"])
def test_trace_term(benchmark: BenchmarkFixture, whose: str, request: pytest.FixtureRequest) -> None:
    dimension = 2048 if request.config.getoption("benchmark_enable") else 40
    wide = [evaluation.features_like_inceptions(2 * dimension, dimension, seed) for seed in (0, 1)]
    prepared = getattr(evaluation, f"{whose}_trace")(*wide)
    assert benchmark.pedantic(prepared, rounds=3 if dimension > 40 else 1) > 0
