"""Dirac-GAN (Mescheder et al. 2018, section 2): one parameter per player, with dynamics known in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.catalogue.architectures import DiracOptions, Shape


class DiracGenerator(nn.Module):
    """The generator: maps every latent to the point θ, [n, latent] → [n, 1]."""

    def __init__(self, start: float):
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([start]))

    def forward(self, latents: Tensor) -> Tensor:
        """Return θ, n times."""
        return self.theta.expand(len(latents), 1)


class DiracCritic(nn.Module):
    """The critic: maps a point x to the logit ψ·x, [n, 1] → [n]."""

    def __init__(self, start: float):
        super().__init__()
        self.psi = nn.Parameter(torch.tensor([start]))

    def forward(self, points: Tensor) -> Tensor:
        """Return ψ·x."""
        return (self.psi * points).flatten()


def generator(options: DiracOptions, latent: int, shape: Shape) -> nn.Module:
    """Return the generator, [n, latent] → [n, 1]."""
    return DiracGenerator(options.start)


def critic(options: DiracOptions, shape: Shape) -> nn.Module:
    """Return the critic, [n, 1] → logits [n]."""
    return DiracCritic(options.start)
