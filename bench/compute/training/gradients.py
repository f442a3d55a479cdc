"""Gradients of the losses of a pack, one tensor per parameter, [s, ...] each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Gradients = tuple[Tensor, ...]


def gradients_of(losses: Tensor, parameters: Sequence[Tensor], create: bool = False, retain: bool = False) -> Gradients:
    """Return the gradients of the losses [s]; zero for parameters that the losses do not depend on.

    Args:
        losses: The loss of each run.
        parameters: The tensors to differentiate with respect to.
        create: Whether the gradients can be differentiated.
        retain: Whether the graph of the losses is needed again.
    """
    return torch.autograd.grad(
        losses.sum(),
        parameters,
        create_graph=create,
        retain_graph=create or retain,
        allow_unused=True,
        materialize_grads=True,
    )


def field_of(
    losses: tuple[Tensor, Tensor],
    players: tuple[Sequence[Tensor], Sequence[Tensor]],
    joint: Sequence[tuple[Callable[..., Tensor], Tensor]],
    create_graph: bool,
) -> Gradients:
    """Return each player's gradient of its own loss, with the regularisers that both players minimise.

    Args:
        losses: The losses of critics and generators, [s] each.
        players: The parameters of both.
        joint: The regularisers as functions of both players' gradients, with their weights.
        create_graph: Whether the gradients can be differentiated.
    """
    create = create_graph or bool(joint)
    critic = gradients_of(losses[0], players[0], create=create, retain=True)
    generator = gradients_of(losses[1], players[1], create=create)
    for function, weight in joint:
        value = weight * function(critic, generator)
        extra = gradients_of(value, [*players[0], *players[1]], create=create_graph)
        critic = summed(critic, extra[: len(critic)])
        generator = summed(generator, extra[-len(generator) :])
    return *critic, *generator


def summed(one: Sequence[Tensor], other: Sequence[Tensor]) -> Gradients:
    """Return the sum of two gradients."""
    return tuple(a + b for a, b in zip(one, other, strict=True))
