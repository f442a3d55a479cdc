"""Flow matching (Lipman et al. 2023; Liu et al. 2023): a velocity field that carries noise to data along lines."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.catalogue.architectures import DcganOptions, MlpOptions
from bench.catalogue.architectures.mlp import field
from bench.catalogue.families import FlowMatchingOptions, Network, Shape, Times
from bench.catalogue.families.unet import Unet

FREQUENCIES = 4  # of the time; more would only help networks that are deeper than those here
LEAST_TIME = 0.05  # to divide by
LOGIT_NORMAL = -0.8, 0.8  # mean and deviation (Li & He 2025)
TIMES = 1 + 2 * FREQUENCIES  # features of the time


class FlowMatching(nn.Module):
    """A velocity field v(x, t), and samples along it from noise at t = 0 to data at t = 1.

    Args:
        velocity: Positions [n, *shape] and times [n] → velocities [n, *shape].
        shape: The shape of a sample. A latent has as many numbers.
        steps: Steps of ``heun``, each of which evaluates the field twice, the last once.
        times: The distribution of the times of training. Logit-normal times have much noise: half are below 0.31.
    """

    def __init__(self, velocity: nn.Module, shape: tuple[int, ...], steps: int, times: Times = "uniform"):
        super().__init__()
        self.velocity, self.shape, self.steps, self.times = velocity, shape, steps, times
        self.latent_numbers = torch.Size(shape).numel()
        self.objective_numbers = self.latent_numbers + 1

    def forward(self, latents: Tensor) -> Tensor:
        """Return samples, [n, numbers of a sample] → [n, *shape]."""
        least = LEAST_TIME if self.times == "logit-normal" else 0.0  # later times are hardly ever trained
        return heun(self.velocity, latents.unflatten(1, self.shape), self.steps, least)

    def objective(self, real: Tensor, noise: Tensor) -> Tensor:
        """Return the mean squared error of the velocity at a random point of a random line, for each sample, [n].

        The line from noise x₀ to the sample x₁ is (1 − t) x₀ + t x₁, with velocity x₁ − x₀.

        Source: Lipman et al. 2023, equation 23 with σ = 0.

        Args:
            real: Samples, [n, *shape].
            noise: Standard normal numbers, [n, numbers of a sample + 1]; the last gives the time.
        """
        start, time = noise[:, :-1].unflatten(1, self.shape), self._time(noise[:, -1])
        at = time.view(-1, *[1] * len(self.shape))
        errors = self.velocity((1 - at) * start + at * real, time).to(real.dtype) - (real - start)
        return errors.square().flatten(1).mean(dim=1)

    def _time(self, normal: Tensor) -> Tensor:
        if self.times == "uniform":
            return torch.special.ndtr(normal)
        mean, deviation = LOGIT_NORMAL
        return torch.sigmoid(mean + deviation * normal)


def heun(velocity: Callable[[Tensor, Tensor], Tensor], start: Tensor, steps: int, least: float = 0.0) -> Tensor:
    """Integrate a velocity field from t = 0 to 1 by equal steps of Heun's method, the last by Euler's.

    The last step does not evaluate the field at its end, where there is no noise (Karras et al. 2022, algorithm 1).
    Shapes are [n, ...] → [n, ...].

    Args:
        velocity: The field, of positions and times [n].
        start: The positions at t = 0.
        steps: The number of steps.
        least: The least length of the last step; the others are shorter where it would be less.
    """
    position, length = start, 1 / steps
    last = length
    if length < least:
        length, last = (1 - least) / (steps - 1), least
    for step in range(steps):
        time = torch.full_like(start.flatten(1)[:, 0], step * length)
        slope = velocity(position, time)
        if step < steps - 1:
            slope = 0.5 * (slope + velocity(position + length * slope, time + length))
        position = position + (length if step < steps - 1 else last) * slope
    return position


class Velocity(nn.Module):
    """A velocity field by a network that says where the data is: v(x, t) = (network(x, t) − x) / (1 − t).

    So a network does not have to pass on the noise of all pixels, which narrow ones cannot (Li & He 2025). The
    denominator is at least ``LEAST_TIME``.

    Args:
        network: Positions [n, *shape] and features of the time [n, TIMES] → samples [n, *shape].
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, positions: Tensor, times: Tensor) -> Tensor:
        """Return velocities, positions [n, *shape] and times [n] → [n, *shape]."""
        remaining = (1 - times).clamp(min=LEAST_TIME).view(-1, *[1] * (positions.dim() - 1))
        return (self.network(positions, time_features(times)) - positions) / remaining


class FullyConnected(nn.Module):
    """A fully connected network of positions and times.

    Args:
        layers: [n, numbers of a position + TIMES] → [n, numbers of a position].
    """

    def __init__(self, layers: nn.Module):
        super().__init__()
        self.layers = layers

    def forward(self, positions: Tensor, times: Tensor) -> Tensor:
        """Return numbers in the shape of the positions, [n, *shape]."""
        numbers: Tensor = self.layers(torch.cat([positions.flatten(1), times], dim=1))
        return numbers.view(positions.shape)


def time_features(times: Tensor) -> Tensor:
    """Return t and the sines and cosines of π t, 2π t, 4π t, ..., [n] → [n, TIMES]."""
    angles = [math.pi * 2**power * times for power in range(FREQUENCIES)]
    return torch.stack([times, *map(torch.sin, angles), *map(torch.cos, angles)], dim=1)


def model(options: FlowMatchingOptions, network: Network, latent: int, shape: Shape) -> FlowMatching:
    """Return the model: the hidden layers of an MLP, or a U-Net with the channels of a DCGAN."""
    velocity: nn.Module
    if isinstance(network.options, MlpOptions):
        numbers = math.prod(shape)
        velocity = FullyConnected(field(network.options, numbers + TIMES, numbers))
    else:
        assert isinstance(network.options, DcganOptions)
        velocity = Unet(network.options, shape, TIMES)
    times = options.times or ("uniform" if len(shape) == 1 else "logit-normal")
    return FlowMatching(Velocity(velocity), shape, options.sampler_steps, times)
