"""What a GPU is asked for: algorithms, memory formats, and indices that need not wait for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bench.compute.training import real_data
from bench.compute.training.arithmetic import arithmetic
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


def test_on_the_cpu_there_is_nothing_to_choose() -> None:
    before = chosen()
    with arithmetic(specify(deterministic=True), CPU):
        assert chosen() == before


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
