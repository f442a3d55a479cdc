"""How soon the command answers: its help, and a plan, for which no torch is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture


@pytest.mark.parametrize("words", [["--help"], ["plan", "quick"]], ids=" ".join)
def test_start(benchmark: BenchmarkFixture, words: list[str]) -> None:
    command = [sys.executable, "-m", "bench", *words]
    done = benchmark.pedantic(
        lambda: subprocess.run(command, capture_output=True, text=True, check=True), rounds=7, warmup_rounds=1
    )
    assert done.stdout
