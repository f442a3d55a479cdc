"""Fully connected networks, for points and for small images."""

from __future__ import annotations

from math import prod

from torch import nn

from bench.catalogue.architectures import MlpOptions, Shape
from bench.catalogue.architectures.layers import (
    Maxout,
    activation,
    lipschitz,
    minibatch_deviation,
    normalisation,
    output_range,
)


def generator(options: MlpOptions, latent: int, shape: Shape) -> nn.Module:
    """Return the generator, [n, latent] → [n, *shape]."""
    unflatten = [nn.Unflatten(1, shape)] if len(shape) > 1 else []
    hidden = _hidden_layers(options, latent)
    return nn.Sequential(*hidden, nn.Linear(options.width, prod(shape)), *output_range(shape), *unflatten)


def field(options: MlpOptions, inputs: int, outputs: int) -> nn.Module:
    """Return a network whose outputs have no limits, [n, inputs] → [n, outputs]."""
    return nn.Sequential(*_hidden_layers(options, inputs), nn.Linear(options.width, outputs))


def critic(options: MlpOptions, shape: Shape) -> nn.Module:
    """Return the critic, [n, *shape] → logits [n]."""
    return nn.Sequential(*_body(options, shape, 1), *lipschitz(options), nn.Flatten(0))


def encoder(options: MlpOptions, shape: Shape, outputs: int) -> nn.Module:
    """Return a network like the critic with several outputs, [n, *shape] → [n, outputs]."""
    return nn.Sequential(*_body(options, shape, outputs))


def _body(options: MlpOptions, shape: Shape, outputs: int) -> list[nn.Module]:
    hidden, deviation = _hidden_layers(options, prod(shape)), minibatch_deviation(options)
    return [nn.Flatten(), *hidden, *deviation, nn.Linear(options.width + len(deviation), outputs)]


def _hidden_layers(options: MlpOptions, inputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for _ in range(options.depth):
        layers += [
            nn.Linear(inputs, options.width * max(1, options.maxout)),
            *([Maxout(options.maxout)] if options.maxout else []),
            *normalisation(options.normalisation, options.width, images=False),
            *([] if options.maxout else [activation(options.activation)]),
        ]
        inputs = options.width
    return layers
