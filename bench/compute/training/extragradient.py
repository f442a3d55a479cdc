"""The extragradient step: both players look one step ahead, and move by the gradients that they find there."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.compute.training.game import Game
from bench.compute.training.pack import Pack
from bench.compute.training.probes import Probe
from bench.compute.training.sampler import BatchSampler


def take_extragradient_step(
    pack: Pack, game: Game, sampler: BatchSampler, step: int, probe: Probe | None = None
) -> Tensor:
    """Take one extragradient step of both players at once; return both losses and each penalty, [2 + penalties, s].

    ωₜ₊½ = ωₜ + u(F(ωₜ)) and ωₜ₊₁ = ωₜ + u(F(ωₜ₊½)), where F is the gradient on a fresh batch and u the update by the
    optimisers. These take two steps: with Adam, both gradients enter the moments, each with its own bias correction
    (ExtraAdam: Gidel et al. 2019, algorithm 4). Weight clipping applies after each half.

    Losses, penalties and probes are those at ωₜ.

    Source: Korpelevich 1976; Gidel et al. 2019, section 3.
    """
    stacks = pack.critic, pack.generator
    origins = [stack.flat.detach().clone() for stack in stacks]
    terms, critic_gradient = game.critic_gradients(sampler, step)
    generator_loss, generator_gradient = game.generator_gradients(sampler, step)
    if probe is not None:
        probe.before_update(game)
    pack.descend(critic_gradient, generator_gradient)
    game.project()

    extrapolated = [stack.flat.detach().clone() for stack in stacks]
    _, ahead_critic = game.critic_gradients(sampler, step)
    _, ahead_generator = game.generator_gradients(sampler, step)
    pack.descend(ahead_critic, ahead_generator)
    with torch.no_grad():  # the step was taken at ωₜ₊½, so that weight decay is part of F(ωₜ₊½); move it to ωₜ
        for stack, origin, ahead in zip(stacks, origins, extrapolated, strict=True):
            stack.flat.add_(origin - ahead)
    game.project()
    pack.end_step(step, sampler)

    if probe is not None:
        probe.after_update(terms, critic_gradient, generator_gradient)
    return torch.stack([terms.total.detach(), generator_loss, *terms.penalties])
