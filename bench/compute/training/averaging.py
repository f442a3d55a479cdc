"""The exponential moving average of the generators, and its warm-up."""

from __future__ import annotations

from math import log
from typing import Any

import torch
from torch import Tensor

from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack
from bench.plan.specification import Training


def average_decay(training: Training, step: int) -> float:
    """Return the decay of the average after a step, counted from 0; the first step copies the generators.

    With warm-up, the half-life of the average is at most ``ema_warmup`` times the number of steps done before.

    Source: ``ema_rampup`` in the training code of StyleGAN2-ADA (Karras et al. 2020), where steps are images.
    """
    if step == 0:
        return 0.0
    if not training.ema_warmup:
        return training.ema
    half_life = log(0.5) / log(training.ema)
    return float(0.5 ** (1 / min(half_life, step * training.ema_warmup)))


def average_share(training: Training, step: int, sampler: BatchSampler) -> float | Tensor:
    """Return how far the average moves towards the generator after a step: 1 − decay, a tensor if that changes."""
    if not training.ema_warmup:
        return 1 - average_decay(training, step)
    place: dict[str, Any] = {"dtype": sampler.dtype, "device": sampler.device}
    return sampler.by_step(lambda later: torch.full((), 1 - average_decay(training, step + later), **place))


@torch.no_grad()
def update_average(average: Stack, generator: Stack, share: float | Tensor) -> None:
    """Update the averages in place. Parameters are averaged. Buffers (running statistics) are copied."""
    average.flat.lerp_(generator.flat, share)
    for name, buffer in generator.buffers.items():
        average.buffers[name].copy_(buffer)
