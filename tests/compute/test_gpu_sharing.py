"""Several workers share a GPU where runs finish sooner that way; the CPU stands in for the GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.compute import division, gpu_sharing
from bench.compute.process_apart import ProcessApart
from bench.compute.settings import Settings
from bench.plan.runs import Run

GPU = Settings(folder=Path("nowhere"), device="cuda:0")


def many(run: Run, count: int = 16, steps: int = 10**6) -> list[Run]:
    training = run.training.model_copy(update={"steps": steps})
    return [replace(run, seed=seed, training=training) for seed in range(count)]


def choose(runs: list[Run], workers: Sequence[Settings] = (GPU,), notices: list[str] | None = None) -> int:
    told: list[str] = [] if notices is None else notices
    return gpu_sharing.workers_per_gpu(runs, workers, lambda *_: 4, ProcessApart(), told.append)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """Seconds of a run by the number of processes; each number that is tried is removed."""
    seconds = {1: 60.0, 2: 40.0, 4: 30.0, 8: 29.0}
    monkeypatch.setattr(gpu_sharing, "time_together", lambda crew, runs, settings: seconds.pop(len(crew)))
    monkeypatch.setattr(gpu_sharing, "core_count", lambda: 16)
    return seconds


def test_the_smallest_number_of_workers_that_is_about_as_fast_is_chosen(
    tiny_runs: list[Run], timed: dict[int, float]
) -> None:
    assert choose(many(tiny_runs[0])) == 4
    assert timed == {}


def test_no_more_are_tried_once_there_is_no_gain(tiny_runs: list[Run], timed: dict[int, float]) -> None:
    timed[2] = 58.0
    assert choose(many(tiny_runs[0])) == 1
    assert set(timed) == {4, 8}


@pytest.mark.parametrize(
    ("runs", "gpus", "cores", "tried"), [(4, 1, 16, 3), (8, 2, 16, 3), (16, 1, 3, 2), (1, 1, 16, 0)]
)
def test_no_more_are_tried_than_runs_and_cores(
    tiny_runs: list[Run],
    timed: dict[int, float],
    monkeypatch: pytest.MonkeyPatch,
    runs: int,
    gpus: int,
    cores: int,
    tried: int,
) -> None:
    monkeypatch.setattr(gpu_sharing, "core_count", lambda: cores)
    choose(many(tiny_runs[0], runs), [GPU] * gpus)
    assert len(timed) == 4 - tried


def test_short_runs_are_not_timed(tiny_runs: list[Run], timed: dict[int, float]) -> None:
    assert choose(many(tiny_runs[0], steps=100)) == 1
    assert len(timed) == 4
    timed[1] = 1.0
    assert choose(many(tiny_runs[0])) == 1
    assert set(timed) == {2, 4, 8}


def test_if_more_workers_fail_those_before_are_kept(
    tiny_runs: list[Run], monkeypatch: pytest.MonkeyPatch, timed: dict[int, float]
) -> None:
    def fail_with_four(crew: Sequence[ProcessApart], runs: Sequence[Run], settings: Settings) -> float:
        if len(crew) == 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 1000 / len(crew)

    monkeypatch.setattr(gpu_sharing, "time_together", fail_with_four)
    notices: list[str] = []
    assert choose(many(tiny_runs[0]), notices=notices) == 2
    assert notices == ["mlp: more workers on a GPU could not be timed (OutOfMemoryError: CUDA out of memory)"]


def test_if_one_worker_fails_there_is_one(
    tiny_runs: list[Run], monkeypatch: pytest.MonkeyPatch, timed: dict[int, float]
) -> None:
    """The run itself then says what is wrong."""

    def fail(crew: Sequence[ProcessApart], runs: Sequence[Run], settings: Settings) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(gpu_sharing, "time_together", fail)
    notices: list[str] = []
    assert choose(many(tiny_runs[0]), notices=notices) == 1
    assert notices == ["mlp: more workers on a GPU could not be timed (OutOfMemoryError: CUDA out of memory)"]


def test_processes_train_and_evaluate_at_the_same_time(tiny_runs: list[Run]) -> None:
    settings = Settings(folder=Path("nowhere"))
    runs = tiny_runs[:2]
    with ProcessApart() as one, ProcessApart() as other:
        alone = gpu_sharing.time_together([one], runs, settings)
        together = gpu_sharing.time_together([one, other], runs, settings)
    assert 0 < alone < 60
    assert 0 < together < 60


@pytest.mark.parametrize(("workers", "expected"), [(None, 6), (2, 2)])
def test_the_number_asked_for_is_the_number_used(
    tiny_runs: list[Run], monkeypatch: pytest.MonkeyPatch, workers: int | None, expected: int
) -> None:
    monkeypatch.setattr(division, "workers_per_gpu", lambda *_: 3)
    notices: list[str] = []
    gpus = ["cuda:0", "cuda:1"]
    found = division.Division.of(many(tiny_runs[0]), GPU, gpus, workers, 2, None, notices.append)
    assert [worker.device for worker in found.workers] == gpus * (expected // 2)
    assert sum(map(len, found.packs)) == 16
    assert notices == (["3 workers share each GPU: together they train faster"] if workers is None else [])


@pytest.mark.gpu
def test_workers_share_a_gpu(tiny_runs: list[Run]) -> None:
    with ProcessApart() as one, ProcessApart() as other:
        alone = gpu_sharing.time_together([one], tiny_runs[:2], GPU)
        assert 0 < gpu_sharing.time_together([one, other], tiny_runs[:2], GPU) < 10 * alone
