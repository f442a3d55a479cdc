"""The path angle: does the game's field point at the end of the path that training took, or turn around it?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from bench.game import Game
from bench.metrics import PathAngleOptions
from bench.players import settled
from bench.position import Position
from bench.stacks import Stack


def prepare(options: PathAngleOptions) -> Callable[[Position], dict[str, float]]:
    """The function that measures the path angle at the players' position.

    With ω₀ the parameters of both players at the first step, ω those now, and v the field of minus their gradients,
    c(α) = cos∠(ω − ω₀, v(ω₀ + α(ω − ω₀))) (Berard et al. 2020, section 4.1). An attracting point at α = 1 makes c
    change its sign there, from + to −; rotation makes a bump of one sign. Two numbers say how much of either there is,
    over 0 < δ ≤ ``reach``: ``path_attraction`` is the mean of (c(1 − δ) − c(1 + δ)) / 2, and ``path_rotation`` the
    largest |c(1 − δ) + c(1 + δ)| / 2; both at most 1. That summary is ours, the paper draws c.
    """

    def measure(position: Position) -> dict[str, float]:
        if position.step == 0:
            return {"path_attraction": float("nan"), "path_rotation": float("nan")}
        offsets = options.reach * np.arange(1, options.points + 1) / options.points
        before = path_cosines(position, 1 - offsets, options.samples)
        after = path_cosines(position, 1 + offsets, options.samples)
        return {
            "path_attraction": float((before - after).mean() / 2),
            "path_rotation": float(np.abs(before + after).max() / 2),
        }

    return measure


def path_cosines(position: Position, alphas: np.ndarray, samples: int) -> np.ndarray:
    """c(α) at every α, [len(alphas)], on one fixed batch and in double precision."""
    game, batches = position.copy(samples)
    first, _ = position.first().copy(samples)
    networks = game.critic.networks[0], game.generator.networks[0]
    parameters = [parameter for network in networks for parameter in network.parameters()]
    start = torch.cat([p.detach().flatten() for p in [*first.critic.parameters, *first.generator.parameters]])
    way = torch.cat([p.detach().flatten() for p in parameters]) - start
    cosines = []
    for alpha in alphas:
        torch.nn.utils.vector_to_parameters(start + float(alpha) * way, parameters)
        critic, generator = (Stack([settled(network)]) for network in networks)
        here = Game([game.training], generator, critic, batches.device)
        _, _, gradients = here.field(position.batches(samples), position.update)
        descent = -torch.cat([gradient.flatten() for gradient in gradients])
        cosines.append(torch.nn.functional.cosine_similarity(descent, way, dim=0).item())
    return np.array(cosines)
