"""Flow matching (Lipman et al. 2023; Liu et al. 2023): a velocity field that carries noise to data along lines."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from bench.catalogue.architectures import MlpOptions
from bench.catalogue.architectures.mlp import field
from bench.catalogue.families import FlowMatchingOptions, Network, Shape

FREQUENCIES = 4  # of the time; more would only help networks that are deeper than those here


class FlowMatching(nn.Module):
    """A velocity field v(x, t), and samples along it from noise at t = 0 to data at t = 1.

    Args:
        velocity: Positions [n, *shape] and times [n] → velocities [n, *shape].
        shape: The shape of a sample. A latent has as many numbers.
        steps: Steps of Heun's method, each of which evaluates the field twice.
    """

    def __init__(self, velocity: nn.Module, shape: tuple[int, ...], steps: int):
        super().__init__()
        self.velocity, self.shape, self.steps = velocity, shape, steps
        self.latent_numbers = torch.Size(shape).numel()
        self.objective_numbers = self.latent_numbers + 1

    def forward(self, latents: Tensor) -> Tensor:
        """Return samples, [n, numbers of a sample] → [n, *shape]."""
        return heun(self.velocity, latents.unflatten(1, self.shape), self.steps)

    def objective(self, real: Tensor, noise: Tensor) -> Tensor:
        """Return the mean squared error of the velocity at a random point of a random line, for each sample, [n].

        The line from noise x₀ to the sample x₁ is (1 − t) x₀ + t x₁, with velocity x₁ − x₀. Times are uniform.

        Source: Lipman et al. 2023, equation 23 with σ = 0.

        Args:
            real: Samples, [n, *shape].
            noise: Standard normal numbers, [n, numbers of a sample + 1]; the last gives the time.
        """
        start, time = noise[:, :-1].unflatten(1, self.shape), torch.special.ndtr(noise[:, -1])
        at = time.view(-1, *[1] * len(self.shape))
        errors = self.velocity((1 - at) * start + at * real, time).to(real.dtype) - (real - start)
        return errors.square().flatten(1).mean(dim=1)


def heun(velocity: Callable[[Tensor, Tensor], Tensor], start: Tensor, steps: int) -> Tensor:
    """Integrate a velocity field from t = 0 to 1 by Heun's method with equal steps, [n, ...] → [n, ...]."""
    position, length = start, 1 / steps
    for step in range(steps):
        time = torch.full_like(start.flatten(1)[:, 0], step * length)
        first = velocity(position, time)
        second = velocity(position + length * first, time + length)
        position = position + 0.5 * length * (first + second)
    return position


class Velocity(nn.Module):
    """A velocity field by a fully connected network, of positions and of sines and cosines of the time."""

    def __init__(self, network: nn.Module, shape: Shape):
        super().__init__()
        self.network, self.shape = network, shape

    def forward(self, positions: Tensor, times: Tensor) -> Tensor:
        """Return velocities, positions [n, *shape] and times [n] → [n, *shape]."""
        inputs = torch.cat([positions.flatten(1), time_features(times)], dim=1)
        return cast(Tensor, self.network(inputs)).unflatten(1, self.shape)


def time_features(times: Tensor) -> Tensor:
    """Return t and the sines and cosines of π t, 2π t, 4π t, ..., [n] → [n, 1 + 2 · FREQUENCIES]."""
    angles = [math.pi * 2**power * times for power in range(FREQUENCIES)]
    return torch.stack([times, *map(torch.sin, angles), *map(torch.cos, angles)], dim=1)


def model(options: FlowMatchingOptions, network: Network, latent: int, shape: Shape) -> FlowMatching:
    """Return the model, with the hidden layers of an MLP."""
    assert isinstance(network.options, MlpOptions)
    numbers = math.prod(shape)
    layers = field(network.options, numbers + 1 + 2 * FREQUENCIES, numbers)
    return FlowMatching(Velocity(layers, shape), shape, options.sampler_steps)
