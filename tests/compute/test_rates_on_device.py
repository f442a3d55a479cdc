"""Rates in tensors give the same steps as rates in numbers; CUDA graphs need them there, and any device can show it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import Optimizer

from bench.catalogue.annealed_adam import AnnealedAdam
from bench.catalogue.optimistic_adam import OptimisticAdam
from bench.compute.environment import release_memory
from bench.compute.training.annealing import keep_rates_on_device, set_rates
from bench.plan.specification import Choice, choose


def build(choice: Choice, point: Tensor) -> Optimizer:
    from bench.catalogue import find

    optimizer: Optimizer = find("optimizer", choice.name).build([point], choice.options)
    return optimizer


def travel(optimizer: Optimizer, point: Tensor, choice: Choice) -> Tensor:
    """Return the point after ten steps with a falling learning rate."""
    generator = torch.Generator().manual_seed(0)
    for step in range(10):
        set_rates(optimizer, choice.options, "cosine", step / 12)
        point.grad = torch.randn(point.shape, generator=generator, dtype=point.dtype)
        optimizer.step()
    return point


def start() -> Tensor:
    return torch.linspace(-1, 1, 64, dtype=torch.float64).view(2, 32)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_rate_in_a_tensor_gives_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate is kept in float32, as fused kernels want it, so the number must be one that float32 can hold."""
    rounded = lambda *args: float(torch.tensor(0.01 * (1 - args[-1]), dtype=torch.float32))  # noqa: E731
    monkeypatch.setattr("bench.compute.training.annealing.learning_rate", rounded)
    choice, points = choose("optimizer", {"name": name, "weight_decay": 0.1}), (start(), start())
    optimizers = [build(choice, point) for point in points]
    keep_rates_on_device(optimizers[1], choice.options)
    rate = optimizers[1].param_groups[0]["lr"]
    first, second = (travel(*each, choice) for each in zip(optimizers, points, strict=True))
    assert torch.equal(first, second)
    assert optimizers[1].param_groups[0]["lr"] is rate  # a graph reads it there


def on_device(choice: Choice, point: Tensor) -> Optimizer:
    """Return the optimiser that trains on CUDA."""
    options = {key: getattr(choice.options, key) for key in ("lr", "betas", "eps")}
    if choice.name == "optimistic-adam":
        return OptimisticAdam([point], **options, capturable=True)
    return AnnealedAdam([point], **options, weight_decay=choice.options.weight_decay)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "table",
    [
        {"name": "adam", "final_beta2": 0.9, "weight_decay": 0.1},
        {"name": "adam", "betas": (0.0, 0.99), "final_beta2": 0.9, "final_lr": 1e-5},
        {"name": "optimistic-adam", "final_beta2": 0.9},
        {"name": "optimistic-adam"},
    ],
    ids=str,
)
def test_optimisers_of_cuda_take_the_same_steps(table: dict[str, Any]) -> None:
    choice, points = choose("optimizer", table), (start(), start())
    optimizers = build(choice, points[0]), on_device(choice, points[1])
    keep_rates_on_device(optimizers[1], choice.options)
    first, second = (travel(*each, choice) for each in zip(optimizers, points, strict=True))
    torch.testing.assert_close(first - start(), second - start(), rtol=1e-6, atol=1e-10)
    places = [tensor.data_ptr() for tensor in optimizers[1].state[points[1]].values()]
    travel(optimizers[1], points[1], choice)
    assert places == [tensor.data_ptr() for tensor in optimizers[1].state[points[1]].values()]


@pytest.mark.parametrize("to_device", [True, False])
def test_the_state_of_optimistic_adam_fits_both_devices(to_device: bool) -> None:
    choice, points = choose("optimizer", "optimistic-adam"), (start(), start(), start())
    kinds = (build, on_device) if to_device else (on_device, build)
    before, other, same = kinds[0](choice, points[0]), kinds[1](choice, points[1]), kinds[0](choice, points[2])
    travel(before, points[0], choice)
    travel(same, points[2], choice)
    points[1].copy_(points[0])
    other.state[points[1]] = dict(before.state[points[0]])
    torch.testing.assert_close(travel(other, points[1], choice), travel(same, points[2], choice), rtol=1e-6, atol=1e-9)


def test_an_error_while_memory_is_released_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "empty_cache", fail)
    release_memory(torch.device("cuda"))


def test_unused_memory_goes_back_to_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[bool] = []
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: released.append(True))
    release_memory(torch.device("mps"))
    assert released
