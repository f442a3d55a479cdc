"""The command as a user waits for it, from start to exit: one short run, and many runs compared with the plain loop."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from counterparts.many_runs import CORES, SHAPE, reals_of, ring_runs
from counterparts.training import Apart, plain_loop

SHORT = """
name = "short"
version = 1
title = "One run"
seeds = 1
[matrix]
loss = ["non-saturating"]
dataset = ["ring"]
architecture = ["mlp"]
[training]
steps = 50
[evaluation]
every = 50
metrics = ["modes", "frechet"]
"""


class WholeProcess(NamedTuple):
    """Seconds for all runs of a suite."""

    runs: int
    ours: float  # the command with evaluations and report, pack sizes not known before
    plain: dict[int, float]  # threads → seconds of the loops alone, one run after another


def seconds_of_command(*words: str) -> float:
    """Return the seconds of one command in an empty folder, with an empty data folder."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GANBENCH_DATA": str(Path(folder) / "data")}
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "bench", *words], check=True, capture_output=True, cwd=folder, env=environment
        )
        return time.perf_counter() - began


def short_run(rounds: int = 5) -> list[float]:
    """Return the seconds of a command that trains one run of 50 steps and reports it, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "short.toml"
        suite.write_text(SHORT)
        return sorted(seconds_of_command("run", str(suite), "--device", "cpu") for _ in range(rounds))


def measure(seeds: int = 8, steps: int = 1500, losses: Sequence[str] | None = None, rounds: int = 2) -> WholeProcess:
    """Time ``ganbench run`` with many_losses.toml and the loops alternately, and return medians (of two: means).

    The plain loop is timed with one seed per loss, because all seeds cost the same. Its processes are started, and its
    first steps taken, before the clock starts.
    """
    runs = ring_runs(seeds, losses)
    only = [word for loss in losses or () for word in ("--only", f"loss={loss}")]
    words = [
        "run",
        str(Path(__file__).with_name("many_losses.toml")),
        "--device",
        "cpu",
        "--seeds",
        str(seeds),
        "--set",
        f"steps={steps}",
        *only,
    ]
    reals = reals_of(runs[0])
    first = {run.training.loss.name: run for run in runs}
    ours: list[float] = []
    plain: dict[int, list[float]] = {1: [], CORES: []}
    for _ in range(rounds):
        ours.append(seconds_of_command(*words))
        for count, times in plain.items():
            total = 0.0
            for run in first.values():
                with Apart(plain_loop, (run.training, SHAPE, reals), count, False) as loop:
                    total += steps * loop.seconds(steps)  # it returns the seconds of one step
            times.append(total * seeds)
    return WholeProcess(len(runs), median(ours), {count: median(times) for count, times in plain.items()})
