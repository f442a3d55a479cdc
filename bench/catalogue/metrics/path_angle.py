"""The path angle: whether the game's field points to the end of the training path or rotates around it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from bench.catalogue.metrics import PathAngleOptions
from bench.catalogue.metrics.context import GameView


def prepare(options: PathAngleOptions) -> Callable[[GameView], dict[str, float]]:
    """Return the metric: attraction and rotation around the players' current parameters.

    Let ω₀ be the parameters of both players before the first step, ω the current ones, and v minus their gradients.
    The path angle is c(α) = cos∠(ω − ω₀, v(ω₀ + α(ω − ω₀))) (Berard et al. 2020, section 4.1). If ω is attracting, c
    changes its sign from + to − at α = 1; rotation appears as a bump of one sign. Over 0 < δ ≤ ``reach``,
    ``path_attraction`` is the mean of (c(1 − δ) − c(1 + δ)) / 2, and ``path_rotation`` the maximum of
    |c(1 − δ) + c(1 + δ)| / 2; both are at most 1. These two numbers are not in the paper, which plots c. Both are NaN
    before the first step.
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
    """Return c(α) for every α, [len(alphas)], on one fixed batch and in double precision."""
    start = game.initial_parameters()
    path = game.parameters() - start
    fields = game.gradients_at((start + float(alpha) * path for alpha in alphas), samples)
    return np.array([torch.nn.functional.cosine_similarity(-field, path, dim=0).item() for field in fields])
