"""The path angle: does the game's field point at the end of the path that training took, or turn around it?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from bench.catalogue.metrics import PathAngleOptions
from bench.catalogue.metrics.context import GameView


def prepare(options: PathAngleOptions) -> Callable[[GameView], dict[str, float]]:
    """The function that measures the path angle at the players' position.

    With ω₀ the parameters of both players at the first step, ω those now, and v the field of minus their gradients,
    c(α) = cos∠(ω − ω₀, v(ω₀ + α(ω − ω₀))) (Berard et al. 2020, section 4.1). An attracting point at α = 1 makes c
    change its sign there, from + to −; rotation makes a bump of one sign. Two numbers say how much of either there is,
    over 0 < δ ≤ ``reach``: ``path_attraction`` is the mean of (c(1 − δ) − c(1 + δ)) / 2, and ``path_rotation`` the
    largest |c(1 − δ) + c(1 + δ)| / 2; both at most 1. That summary is ours, the paper draws c.
    """

    def measure(game: GameView) -> dict[str, float]:
        if game.step == 0:
            return {"path_attraction": float("nan"), "path_rotation": float("nan")}
        offsets = options.reach * np.arange(1, options.points + 1) / options.points
        before = path_cosines(game, 1 - offsets, options.samples)
        after = path_cosines(game, 1 + offsets, options.samples)
        return {
            "path_attraction": float((before - after).mean() / 2),
            "path_rotation": float(np.abs(before + after).max() / 2),
        }

    return measure


def path_cosines(game: GameView, alphas: np.ndarray, samples: int) -> np.ndarray:
    """c(α) at every α, [len(alphas)], on one fixed batch and in double precision."""
    start = game.initial_parameters()
    way = game.parameters() - start
    fields = game.gradients_at((start + float(alpha) * way for alpha in alphas), samples)
    return np.array([torch.nn.functional.cosine_similarity(-field, way, dim=0).item() for field in fields])
