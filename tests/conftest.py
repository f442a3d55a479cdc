"""What all tests share. With GANBENCH_NO_SKIPS set, as in CI, a skipped test is a failed one, but for GPUs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from bench.compute.engines.in_process import in_process
from bench.compute.execution import Settings
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite

SHORT = """
[training]
steps = 120
batch_size = 16
latent = 4
ema = 0.9
[evaluation]
every = 40
samples = 200
metrics = ["modes", "frechet"]
"""

TINY = (
    """
name = "tiny"
title = "Tiny"
seeds = 2
[matrix]
loss = ["non-saturating", "wgan-gp"]
dataset = [{ name = "ring", points = 1000 }]
architecture = [{ name = "mlp", width = 16, depth = 1, label = "mlp" }]
"""
    + SHORT
)

TOGETHER = (
    """
name = "together"
seeds = 2
[matrix]
loss = ["non-saturating", "hinge"]
dataset = [{ name = "ring", points = 1000 }]
architecture = [{ name = "mlp", width = 16, depth = 1 }]
penalty = [{ name = "r1", weight = 0.1, label = "light" }, { name = "r1", weight = 1.0, label = "heavy" }]
"""
    + SHORT
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="no CUDA here"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and os.environ.get("GANBENCH_NO_SKIPS") and "gpu" not in item.keywords:
        report.outcome = "failed"
    return report


@pytest.fixture(autouse=True, scope="session")
def data_of_the_tests_alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept in the cache folder, as the rates of packs, is neither taken from the user's nor written there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANBENCH_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def write_suite(tmp_path: Path) -> Callable[[str], str]:
    """Text of a suite file → its path."""

    def write(text: str) -> str:
        path = tmp_path / "suite.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def tiny(write_suite: Callable[[str], str]) -> str:
    """Path of a suite of 4 short runs."""
    return write_suite(TINY)


@pytest.fixture
def tiny_runs(tiny: str) -> list[Run]:
    return plan_runs(load_suite(tiny))


@pytest.fixture
def tiny_results(tiny_runs: list[Run], tmp_path: Path) -> Path:
    """The results folder of the tiny suite."""
    folder = tmp_path / "results" / "tiny"
    events = list(in_process([[run] for run in tiny_runs], [Settings(folder=folder)]))
    assert [event.state for event in events if event.state != "progress"] == ["recorded"] * 4
    return folder


@pytest.fixture
def runs(write_suite: Callable[[str], str]) -> list[Run]:
    """Eight runs of one kind: two losses, two weights of a penalty, two seeds."""
    return plan_runs(load_suite(write_suite(TOGETHER)))
