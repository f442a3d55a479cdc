"""How soon the command answers: its help, a plan, and a suite that is complete; torch is imported for none of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

RECORDED = Path(__file__).parent.parent.parent / "results" / "quick"
FEW = ("--only", "loss=hinge", "--only", "dataset=ring")  # where speed is not asked for


def answer(*words: str) -> str:
    command = [sys.executable, "-m", "bench", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("words", ["--help", "plan quick", "plan techniques", "plan stacked-digits"])
def test_start(benchmark: BenchmarkFixture, words: str) -> None:
    assert benchmark.pedantic(lambda: answer(*words.split()), rounds=7, warmup_rounds=1)


@pytest.fixture(scope="module")
def complete(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command whose suite has all records, tables and figures."""
    asked = request.config.getoption("benchmark_enable")
    results = tmp_path_factory.mktemp("results")
    (results / "quick" / "records").mkdir(parents=True)
    for path in (RECORDED / "records").glob("*" if asked else "*hinge*ring*"):
        shutil.copy(path, results / "quick" / "records")
    words = ["run", "quick", "--results", str(results), *(() if asked else FEW)]
    assert "wrote " in answer(*words)
    return words


def test_nothing_to_do(benchmark: BenchmarkFixture, complete: list[str]) -> None:
    told = benchmark.pedantic(lambda: answer(*complete), rounds=7, warmup_rounds=1)
    assert "already up to date" in told
