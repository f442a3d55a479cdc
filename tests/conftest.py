"""Fixtures and hooks that all tests share.

With GANBENCH_NO_SKIPS set, as in CI, a skipped test fails, unless it needs a GPU.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import s3_server
from hypothesis import settings

from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite

MOST_PROCESSES = 8

settings.register_profile("any machine", deadline=None)  # a slow day fails no test
settings.load_profile("any machine")

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


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of processes for ``-n auto``: one per core for folders, 0 (only this one) for files.

    Starting worker processes takes longer than running most files. Benchmarks need the machine to themselves, and GPU
    tests share a GPU.
    """
    option = config.option
    few = option.keyword or getattr(option, "lf", False) or not all(Path(argument).is_dir() for argument in config.args)
    if option.benchmark_enable or option.markexpr == "gpu" or (few and option.markexpr != "slow"):
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    import torch

    if not torch.cuda.is_available():
        for item in items:
            if "gpu" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="CUDA is not available"))


def pytest_collection_finish() -> None:
    """Exclude what has been imported from garbage collection: statsmodels and torch collect often."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and os.environ.get("GANBENCH_NO_SKIPS") and "gpu" not in item.keywords:
        report.outcome = "failed"
    return report


@pytest.fixture(autouse=True, scope="session")
def separate_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use an empty data folder, so that tests neither read nor change what the user has cached, such as pack sizes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANBENCH_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(autouse=True, scope="session")
def short_pack_timings() -> Iterator[None]:
    """Time packs for a tenth of the usual time; no test depends on which size is fastest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.compute.pack_tuning.MINIMUM_TIME", 0.01)
        yield


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """The address of an empty bucket of a local S3 server; processes that tests start reach it too."""
    with s3_server.running():
        yield "s3://bucket"


@pytest.fixture
def s3(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An address on the local S3 server that no other test uses; this process mirrors it in a data folder of its own."""
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    return f"{bucket}/{tmp_path.name}"


@pytest.fixture
def in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An address in the memory of this process that no other test uses, with a data folder of its own."""
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    return f"memory://{tmp_path.name}"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write reports without figures, which take most of the time, in tests that do not look at them."""
    monkeypatch.setattr("bench.report.figures.draw_figures", lambda *_: [])


def train_suite(text: str, folder: Path) -> Path:
    """Train every run of a suite alone, in this process and with one thread; return the suite's results folder."""
    import torch

    from bench.compute.engines.in_process import in_process
    from bench.compute.settings import Settings

    torch.set_num_threads(1)
    path = folder / "suite.toml"
    path.write_text(text)
    suite = load_suite(str(path))
    runs = plan_runs(suite)
    results = folder / "results" / suite.name
    events = list(in_process([[run] for run in runs], [Settings(folder=results)]))
    assert [event.state for event in events if event.state != "progress"] == ["recorded"] * len(runs)
    return results


@pytest.fixture
def write_suite(tmp_path: Path) -> Callable[[str], str]:
    """A function that writes the text of a suite to a file and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "suite.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def tiny(write_suite: Callable[[str], str]) -> str:
    """The path of a suite of 4 short runs."""
    return write_suite(TINY)


@pytest.fixture
def tiny_runs(tiny: str) -> list[Run]:
    return plan_runs(load_suite(tiny))


@pytest.fixture(scope="session")
def trained_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of the tiny suite, trained once; tests get a copy, ``tiny_results``."""
    return train_suite(TINY, tmp_path_factory.mktemp("trained"))


@pytest.fixture
def tiny_results(trained_tiny: Path, tmp_path: Path) -> Path:
    """A copy of the results folder of the tiny suite, which a test may change."""
    return Path(shutil.copytree(trained_tiny, tmp_path / "results" / "tiny"))


@pytest.fixture
def runs(write_suite: Callable[[str], str]) -> list[Run]:
    """Eight runs that can share a pack: two losses, two penalty weights, two seeds."""
    return plan_runs(load_suite(write_suite(TOGETHER)))
