"""Gradient penalties of critics, differentiated twice: by torch, and by finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn


def check_gradient_penalty(critic: nn.Module, images: Tensor) -> None:
    """Compare the slope of ‖∇D(images)‖² along a random direction of the weights with a finite difference.

    Args:
        critic: A critic in double precision.
        images: Its inputs, [n, ...].
    """
    images = images.double().requires_grad_()

    def penalty() -> Tensor:
        (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
        return gradient.square().sum()

    weights = list(critic.parameters())
    directions = [torch.randn_like(weight) for weight in weights]
    slopes = torch.autograd.grad(penalty(), weights, allow_unused=True)
    expected = sum((s * d).sum().item() for s, d in zip(slopes, directions, strict=True) if s is not None)
    values = []
    for step in (1e-6, -2e-6):
        with torch.no_grad():
            for weight, direction in zip(weights, directions, strict=True):
                weight += step * direction
        values.append(penalty().item())
    assert (values[0] - values[1]) / 2e-6 == pytest.approx(expected, rel=1e-4)
