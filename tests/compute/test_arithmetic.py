"""What a device is asked for: algorithms, memory formats, tiny numbers, and indices that need not wait for a GPU."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.compute.training import arithmetic as arithmetic_module
from bench.compute.training import real_data
from bench.compute.training.arithmetic import arithmetic, flushes_subnormals
from bench.compute.training.loop import train
from bench.compute.training.players import place
from bench.compute.training.real_data import RealSamples, real_samples_on
from bench.compute.training.sampler import BatchSampler
from bench.plan.specification import Training, complete_training

CPU, GPU, META = torch.device("cpu"), torch.device("cuda"), torch.device("meta")


def specify(**keys: object) -> Training:
    table = {"dataset": "ring", "architecture": "mlp", "loss": "hinge", "batch_size": 5, "latent": 3}
    return complete_training({**table, **keys}, "test")


def chosen() -> tuple[bool, bool, bool]:
    """Return whether algorithms are deterministic, whether cuDNN tries them, and whether TF32 is allowed."""
    cudnn = torch.backends.cudnn
    return torch.are_deterministic_algorithms_enabled(), cudnn.benchmark, cudnn.allow_tf32


@pytest.mark.parametrize(("deterministic", "tf32"), [(False, False), (True, False), (False, True)])
def test_algorithms_are_those_that_a_run_asks_for(deterministic: bool, tf32: bool) -> None:
    before = chosen()
    with arithmetic(specify(deterministic=deterministic, tf32=tf32), GPU):
        during = chosen()
    assert during[:2] == (deterministic, not deterministic)
    assert not tf32 or during[2]
    assert chosen()[:2] == before[:2]
    torch.backends.cudnn.allow_tf32 = before[2]


def test_on_the_cpu_there_are_no_algorithms_to_choose() -> None:
    before = chosen()
    with arithmetic(specify(deterministic=True), CPU):
        assert chosen() == before


@pytest.mark.parametrize("before", [False, True])
def test_subnormal_numbers_count_as_zero_while_training_alone(before: bool) -> None:
    torch.set_flush_denormal(before)
    try:
        with arithmetic(specify(), CPU):
            assert flushes_subnormals()
            assert (torch.full((9,), 1e-20) * 1e-20).eq(0).all()
        assert flushes_subnormals() == before
        assert (torch.full((9,), 1e-20) * 1e-20).eq(0).all() == before
    finally:
        torch.set_flush_denormal(False)


def moments_and_weights(keys: dict[str, object]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Train two runs, and return all moments of their optimisers and all weights."""
    training = specify(**keys)
    pack = real_data.RealData.load(training.dataset, CPU).start_pack([training] * 2, [0, 1])
    for _ in train(pack):
        pass
    states = [pack.state_dict(index) for index in range(2)]
    moments = [
        state[f"{player}_optimizer"][moment]
        for state in states
        for player in ("generator", "critic")
        for moment in ("exp_avg", "exp_avg_sq")
    ]
    weights = [value for state in states for player in state["players"].values() for value in player.values()]
    return moments, weights


def test_training_gives_the_same_weights_whether_or_not_subnormal_numbers_are_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Units die at a large learning rate; then their first moments decay to numbers that only slow the CPU down."""
    keys = {
        "steps": 300,
        "architecture": {"name": "mlp", "width": 24, "depth": 2},
        "optimizer": {"name": "adam", "lr": 0.05, "betas": [0.5, 0.7]},
    }
    moments, weights = moments_and_weights(keys)
    monkeypatch.setattr(arithmetic_module, "without_subnormals", nullcontext)
    slow_moments, slow_weights = moments_and_weights(keys)

    def subnormal(values: list[torch.Tensor]) -> int:
        return sum(int(((each != 0) & (each.abs() < torch.finfo(each.dtype).tiny)).sum()) for each in values)

    assert subnormal(slow_moments) > 100
    assert subnormal(moments) == 0
    for value, twin in zip(weights, slow_weights, strict=True):
        assert torch.equal(value, twin)


@pytest.mark.parametrize(
    ("device", "precision", "tf32", "channels_last"),
    [
        ("cpu", "float32", False, True),
        ("cuda", "float32", False, False),
        ("cuda", "float32", True, True),
        ("cuda", "bf16", False, True),
    ],
)
def test_channels_come_last_only_where_it_is_faster(
    device: str, precision: str, tf32: bool, channels_last: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(nn.Module, "to", lambda self, **placement: asked.update(placement))
    place(nn.Conv2d(1, 1, 3), precision, torch.device(device), tf32)
    assert (asked.get("memory_format") is torch.channels_last) == channels_last


def test_batches_of_a_mapped_dataset_do_not_wait_for_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Indices that were copied to the device would have to be read back from there."""
    np.save(tmp_path / "x.npy", np.zeros((50, 2), np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r+")
    monkeypatch.setattr(real_data, "_free_memory", lambda device: 0)
    look_up, places = real_samples_on(mapped, META), []

    def watch(self: RealSamples, indices: torch.Tensor) -> torch.Tensor:
        places.append(indices.device.type)
        return call(self, indices)

    call = RealSamples.__call__
    monkeypatch.setattr(RealSamples, "__call__", watch)
    sampler = BatchSampler(specify(), [0, 1], look_up, len(mapped), META)
    assert sampler.real_samples().device.type == "meta"
    assert places == ["cpu"]
    assert sampler.latents().device.type == "meta"
