"""Memory limits bind while packs are measured, and memory that another process held is tried again."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench.compute import device_kinds, pack_tuning
from bench.compute.process_apart import ProcessApart
from bench.compute.settings import Settings
from bench.plan.grouping import timing_key
from bench.plan.runs import Run
from bench.plan.throughput import rates_by_device

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
GIGABYTE = 10**9


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes that are timed; a run takes a gigabyte, and larger packs are always faster."""
    sizes: list[int] = []

    def time_step(run: Run, size: int, device: torch.device) -> tuple[float, int]:
        sizes.append(size)
        return 1e-3, size * GIGABYTE

    monkeypatch.setattr(pack_tuning, "_time_step", time_step)
    monkeypatch.setattr(pack_tuning, "_start_pack", lambda *_: None)
    return sizes


def test_packs_that_would_not_fit_are_not_tried(tiny_runs: list[Run], tried: list[int]) -> None:
    rates = pack_tuning.measure_rates(tiny_runs[0], CPU, 64, limit=4.5 * GIGABYTE)
    assert tried == [1, 2, 4]
    assert not rates.ended
    assert rates.suffice(64, limit=5 * GIGABYTE)
    assert not rates.suffice(64, limit=9 * GIGABYTE)
    assert rates.best(4.5 * GIGABYTE) == 4


def test_gpus_are_offered_larger_packs(tiny_runs: list[Run], tried: list[int]) -> None:
    pack_tuning.measure_rates(tiny_runs[0], GPU, 300)
    assert tried[-2:] == [256, 512]


def test_out_of_memory_is_not_remembered_for_good(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may have held the memory."""
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    available = 10.0 * GIGABYTE
    sizes: list[int] = []

    def time_step(run: Run, size: int, device: torch.device) -> tuple[float, int]:
        sizes.append(size)
        if size > 2 and available < 20 * GIGABYTE:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 1e-3, size

    monkeypatch.setattr(pack_tuning, "_time_step", time_step)
    monkeypatch.setattr(pack_tuning, "_start_pack", lambda *_: None)
    monkeypatch.setattr(device_kinds.environment, "available_memory", lambda device: available)
    runs = [replace(tiny_runs[0], seed=seed) for seed in range(16)]
    long = [replace(run, training=run.training.model_copy(update={"steps": 10**6})) for run in runs]

    def size() -> int:
        return pack_tuning.pack_sizer("auto", [Settings(folder=tmp_path)], None, print)(long, 1)

    assert size() == 2
    (rates,) = rates_by_device(timing_key(long[0])).values()
    assert not rates.ended
    assert size() == 2
    assert sizes == [1, 2, 4]  # nothing has changed, so nothing is tried again
    available = 100.0 * GIGABYTE
    assert size() > 2


def test_different_gpus_get_packs_that_suit_all(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: list[int]
) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    asked: list[str] = []

    def apart(self, function, *arguments):  # type: ignore[no-untyped-def]
        asked.append(function.__name__)
        return function(*arguments)

    free = {"cuda:0": 100 * GIGABYTE, "cuda:1": 10 * GIGABYTE}
    monkeypatch.setattr(device_kinds.environment, "device_name", lambda device: f"model {device.index}")
    monkeypatch.setattr(device_kinds.environment, "available_memory", lambda device: free[str(device)])
    monkeypatch.setattr(pack_tuning.environment, "release_memory", lambda device: None)
    monkeypatch.setattr(ProcessApart, "call", apart)
    runs = [replace(tiny_runs[0], seed=seed) for seed in range(128)]
    long = [replace(run, training=run.training.model_copy(update={"steps": 10**6})) for run in runs]
    workers = [Settings(folder=tmp_path, device=name) for name in free]
    assert pack_tuning.pack_sizer("auto", workers, None, print)(long, 2) == 8
    assert len(asked) == 4  # this process never touches a GPU


def test_functions_run_in_another_process() -> None:
    with ProcessApart() as apart:
        number = apart.call(os.getpid)
        assert number != os.getpid()
        with pytest.raises(FileNotFoundError):
            apart.call(os.stat, "nowhere")
        assert apart.call(os.getpid) == number
        with pytest.raises(ChildProcessError, match="exit status 3"):
            apart.call(os._exit, 3)
        assert apart.call(os.getpid) != number
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
