"""The sizes of packs are measured once for all learning rates, not at all for short runs, and the user is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import torch
from conftest import TOGETHER

import bench
from bench.command.progress import Display
from bench.command.terminal import Terminal
from bench.compute import pack_tuning
from bench.compute.settings import Settings
from bench.plan.runs import Run
from bench.summary import Summary


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()


def with_steps(run: Run, steps: int) -> Run:
    return replace(run, training=run.training.model_copy(update={"steps": steps}))


def with_optimizer(run: Run, **options: object) -> Run:
    optimizer = run.training.optimizer
    changed = optimizer.model_copy(update={"options": optimizer.options.model_copy(update=options)})
    return replace(run, training=run.training.model_copy(update={"optimizer": changed}))


def size_of(runs: list[Run]) -> int:
    return pack_tuning.pack_sizer("auto", [Settings(folder=Path("nowhere"))], None, print)(runs, 1)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes that are timed; a step takes a millisecond per pack, and timing it a second of the fake clock."""
    sizes: list[int] = []
    clock = iter(range(10**6))

    def time_step(run: Run, size: int, device: torch.device) -> tuple[float, int]:
        sizes.append(size)
        next(clock)
        return 1e-3, 1

    monkeypatch.setattr(pack_tuning, "_time_step", time_step)
    monkeypatch.setattr(pack_tuning, "_start_pack", lambda *_: None)
    monkeypatch.setattr(pack_tuning.time, "perf_counter", lambda: float(len(sizes)))
    return sizes


def test_learning_rates_and_betas_share_one_measurement(runs: list[Run], timed: list[int]) -> None:
    long = [with_steps(run, 100_000) for run in runs]
    size_of(long)
    assert timed == [1, 2, 4, 8]
    size_of([with_optimizer(run, lr=1e-5, betas=(0.1, 0.2)) for run in long])
    assert timed == [1, 2, 4, 8]


def test_runs_of_a_few_steps_are_not_timed(runs: list[Run], timed: list[int]) -> None:
    assert size_of([with_steps(run, 2) for run in runs]) == 1
    assert timed == []


@pytest.mark.parametrize(("steps", "sizes"), [(150, [1]), (300, [1, 2]), (10_000, [1, 2, 4, 8])])
def test_measuring_stops_where_training_is_quicker(
    runs: list[Run], timed: list[int], steps: int, sizes: list[int]
) -> None:
    """Eight runs of n steps of 1 ms take 0.008 n s alone, and half as long in pairs; timing a size takes 1 s."""
    size_of([with_steps(run, steps) for run in runs])
    assert timed == sizes


def test_what_is_too_short_is_not_measured_again_but_longer_runs_are(runs: list[Run], timed: list[int]) -> None:
    short = [with_steps(run, 10) for run in runs]
    size_of(short)
    assert timed == [1]
    size_of(short)
    assert timed == [1]
    size_of([with_steps(run, 10_000) for run in runs])
    assert timed == [1, 1, 2, 4, 8]


def test_known_rates_decide_for_short_runs(runs: list[Run], timed: list[int]) -> None:
    size_of([with_steps(run, 10_000) for run in runs])
    assert size_of([with_steps(run, 2) for run in runs]) == 8
    assert timed == [1, 2, 4, 8]


def test_the_user_is_told(write_suite: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While sizes are measured the first bar says so; a notice says how long it took."""
    seen: list[str] = []
    summaries: list[Summary] = []
    now = iter(range(0, 10**6, 12))

    def divide(runs: list[Run], size: object, workers: int) -> list[list[Run]]:
        seen.append(summaries[0].activity)
        return []

    monkeypatch.setattr("bench.compute.division.divide", divide)
    monkeypatch.setattr("bench.running.time.perf_counter", lambda: float(next(now)))
    summary = bench.run(
        write_suite(TOGETHER), results=tmp_path, workers=0, device="cpu", report="none", begin=summaries.append
    )
    assert seen == ["measuring pack sizes"]
    assert summary.activity == ""
    assert summary.notices == ["measured pack sizes in 12 s; they are kept for later runs"]


def test_a_terminal_shows_what_is_done_before_training(tiny_runs: list[Run], tmp_path: Path) -> None:
    screen = StringIO()
    summary = Summary(tmp_path, tiny_runs, activity="measuring pack sizes")
    with Display(Terminal(file=screen, force_terminal=True, width=200)) as display:
        display.begin(summary)
    assert re.search("measuring pack sizes", screen.getvalue())
