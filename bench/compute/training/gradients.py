"""Gradients of the losses of a pack, one tensor per parameter, [s, ...] each."""

from __future__ import annotations

from collections.abc import Sequence

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


def summed(one: Sequence[Tensor], other: Sequence[Tensor]) -> Gradients:
    """Return the sum of two gradients."""
    return tuple(a + b for a, b in zip(one, other, strict=True))
