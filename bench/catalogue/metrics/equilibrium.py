"""Distance of a Dirac-GAN's players from the equilibrium, and the eigenvalue of the game at the equilibrium."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch

from bench.catalogue import Options
from bench.catalogue.metrics.context import GameView
from bench.catalogue.metrics.spectrum import dense_jacobian


def prepare(options: Options) -> Callable[[GameView], dict[str, float]]:
    """Return the metric: θ, ψ, the distance √(θ² + ψ²), and the eigenvalue with the largest real part at (0, 0).

    The eigenvalues are those of the continuous-time system, whose field is minus the gradients of both players
    (Mescheder et al. 2018, section 2). Of a conjugate pair, the one with positive imaginary part is returned. The
    values are NaN if the field has no derivative at the equilibrium, as with a penalty (‖∇D‖ − 1)².
    """
    eigenvalues: dict[Hashable, tuple[float, float]] = {}

    def measure(game: GameView) -> dict[str, float]:
        psi, theta = game.parameters().tolist()
        if game.run not in eigenvalues:
            eigenvalues[game.run] = _eigenvalue_at_equilibrium(game)
        real, imaginary = eigenvalues[game.run]
        return {
            "distance": (theta**2 + psi**2) ** 0.5,
            "theta": theta,
            "psi": psi,
            "eigenvalue_real": real,
            "eigenvalue_imaginary": imaginary,
        }

    return measure


def _eigenvalue_at_equilibrium(game: GameView) -> tuple[float, float]:
    if {"wgan-gp", "dragan"} & set(game.penalties):
        return float("nan"), float("nan")  # |ψ| has no derivative at 0
    equilibrium = game.at(torch.zeros_like(game.parameters()))
    eigenvalues = torch.linalg.eigvals(dense_jacobian(equilibrium, samples=256))
    leading = max(eigenvalues.tolist(), key=lambda value: (round(value.real, 9), value.imag))
    return leading.real, leading.imag
