"""A training step of convolutional networks at 32×32, compared with the plain loop and with the machine's convolutions."""

from __future__ import annotations

import time
from statistics import median
from typing import NamedTuple

import torch
from counterparts.training import Apart, our_loop, plain_loop, threads
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.catalogue import find, resolve
from bench.plan.specification import Training, complete_training

SHAPE = (3, 32, 32)
CASES = (("dcgan", 64), ("resnet", 64), ("resnet", 128))
ROUNDS = 3


class Step(NamedTuple):
    """Seconds of one critic and one generator step, and what is needed to compare ours with the machine's limit."""

    architecture: str
    width: int
    threads: int
    plain: float
    ours: float
    flops: float
    rate: float  # FLOP/s of the fastest convolution in these networks

    @property
    def share(self) -> float:
        """The share of that rate that our step reaches."""
        return self.flops / self.ours / self.rate


def specify(architecture: str, width: int) -> Training:
    """Batches of 64, non-saturating, Adam."""
    table = {"dataset": "cifar10", "architecture": {"name": architecture, "width": width}, "loss": "non-saturating"}
    return complete_training({**table, "steps": 1000, "batch_size": 64, "latent": 64}, "ledger")


def measure(architecture: str, width: int, count: int, rounds: int = ROUNDS, shape: tuple[int, ...] = SHAPE) -> Step:
    """Measure both loops and the convolutions alternately and return medians."""
    training = specify(architecture, width)
    reals = torch.rand(500, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    times: dict[str, list[float]] = {"plain": [], "ours": [], "rate": []}
    with FlopCounterMode(display=False) as counter:
        our_loop([training], [0], shape, reals)(1)
    with (
        threads(count),
        Apart(plain_loop, (training, shape, reals), count, False) as plain,
        Apart(our_loop, ([training], [0], shape, reals), count, True) as ours,
    ):
        for _ in range(rounds):
            times["plain"].append(plain.seconds(1))
            times["ours"].append(ours.seconds(1))
            times["rate"].append(best_rate(training, shape))
    middle = {name: median(values) for name, values in times.items()}
    return Step(architecture, width, count, flops=float(counter.get_total_flops()), **middle)


def best_rate(training: Training, shape: tuple[int, ...]) -> float:
    """Return the FLOP/s of the fastest convolution in the networks: forward pass, channels-last images."""
    module = find("architecture", training.architecture.name).module
    generator = resolve(f"{module}:generator")(training.architecture.options, training.latent, shape)
    critic = resolve(f"{module}:critic")(training.critic.options, shape)
    latents, images = torch.randn(training.batch_size, training.latent), torch.randn(training.batch_size, *shape)
    return max(_rates(generator, latents) + _rates(critic, images))


def _rates(network: nn.Module, given: Tensor) -> list[float]:
    seen: dict[tuple[object, ...], tuple[nn.Module, Tensor]] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.setdefault(
            (*inputs[0].shape, *module.weight.shape), (module, inputs[0].to(memory_format=torch.channels_last))
        )  # type: ignore[union-attr]

    hooks = [m.register_forward_pre_hook(note) for m in network.modules() if isinstance(m, nn.Conv2d)]
    network.to(memory_format=torch.channels_last)
    with torch.no_grad():
        network(given)
        for hook in hooks:
            hook.remove()
        return [_rate(module, samples) for module, samples in seen.values()]


def _rate(module: nn.Module, samples: Tensor) -> float:
    with FlopCounterMode(display=False) as counter:
        module(samples)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        module(samples)
        best = min(best, time.perf_counter() - began)
    return counter.get_total_flops() / best
