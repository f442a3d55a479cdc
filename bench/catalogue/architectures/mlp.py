"""Fully connected networks, for points and for small images."""

from __future__ import annotations

from math import prod

from torch import nn

from bench.catalogue.architectures import MlpOptions, Shape
from bench.catalogue.architectures.layers import Maxout, activation, normalisation, output_range


def generator(options: MlpOptions, latent: int, shape: Shape) -> nn.Module:
    """Return the generator, [n, latent] → [n, *shape]."""
    unflatten = [nn.Unflatten(1, shape)] if len(shape) > 1 else []
    return nn.Sequential(*_layers(options, latent, prod(shape)), *output_range(shape), *unflatten)


def critic(options: MlpOptions, shape: Shape) -> nn.Module:
    """Return the critic, [n, *shape] → logits [n]."""
    return nn.Sequential(nn.Flatten(), *_layers(options, prod(shape), 1), nn.Flatten(0))


def _layers(options: MlpOptions, inputs: int, outputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for _ in range(options.depth):
        layers += [
            nn.Linear(inputs, options.width * max(1, options.maxout)),
            *([Maxout(options.maxout)] if options.maxout else []),
            *normalisation(options.normalisation, options.width, images=False),
            *([] if options.maxout else [activation(options.activation)]),
        ]
        inputs = options.width
    return [*layers, nn.Linear(inputs, outputs)]
