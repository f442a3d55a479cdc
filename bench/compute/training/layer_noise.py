"""Noise in the layers of generators: each training step draws it from a stream of the run and appends it to latents."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack


def with_noise(generator: Stack, sampler: BatchSampler) -> Callable[[Tensor], Tensor]:
    """Return generators that take latents alone, [s, n, latent] → [s, n, *shape].

    If the layers add noise, it is drawn here once for each sample, so that samples of changed latents have the same.
    """
    count = getattr(generator.networks[0], "noise_numbers", 0)
    if not count:
        return generator
    noise = sampler.layer_noise(count)
    return lambda latents: generator(torch.cat([latents, noise], dim=2))
