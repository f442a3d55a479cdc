"""Penalties: what is added to the critic's loss, orthogonal to it; per sample, before the weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pydantic import PositiveFloat

from bench.options import Options

if TYPE_CHECKING:
    from torch import Tensor, nn


class Weighted(Options):
    """A penalty with its weight λ in the critic's loss."""

    weight: PositiveFloat = 10.0


class Penalty(NamedTuple):
    """A term of the critic's loss.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set.
        term: (critic, real [n, ...], fake [n, ...], uniform [n]) → penalty per sample [n], with a graph through the
            critic's parameters. ``uniform`` holds fresh numbers of U(0, 1) from the run's stream "penalty".
    """

    summary: str
    options: type[Weighted]
    term: Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]


def wgan_gp(critic: nn.Module, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """(‖∇D(x̂)‖₂ − 1)² at x̂ = ε·real + (1 − ε)·fake, ε ~ U(0, 1) (Gulrajani et al. 2017, eq. 3)."""
    import torch

    mix = uniform.view(-1, *[1] * (real.dim() - 1))
    points = (mix * real + (1 - mix) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square()


PENALTIES = {
    "wgan-gp": Penalty("λ(‖∇D(x̂)‖ − 1)², x̂ between real and generated (Gulrajani et al. 2017)", Weighted, wgan_gp),
}
