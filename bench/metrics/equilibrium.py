"""Where the two players of a Dirac-GAN are, how far from the equilibrium, and the eigenvalues of the game there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import torch

from bench.metrics.spectrum import dense_jacobian
from bench.options import Options
from bench.position import Position
from bench.specification import Training


def prepare(options: Options) -> Callable[[Position], dict[str, float]]:
    """The function that measures (θ, ψ), √(θ² + ψ²), and the eigenvalue with the largest real part at (0, 0).

    The eigenvalues are those of the continuous-time system, of minus the gradients of both players (Mescheder et al.
    2018, section 2); of a conjugate pair the one with positive imaginary part is given. They are NaN where the field
    has no derivative at the equilibrium, as with a penalty (‖∇D‖ − 1)².
    """
    known: dict[tuple[Training, int], tuple[float, float]] = {}

    def measure(position: Position) -> dict[str, float]:
        theta, psi = (
            next(network.parameters()).item() for network in (position.players.generator, position.players.critic)
        )
        key = position.training, position.seed
        if key not in known:
            known[key] = _at_equilibrium(position)
        real, imaginary = known[key]
        return {
            "distance": (theta**2 + psi**2) ** 0.5,
            "theta": theta,
            "psi": psi,
            "eigenvalue_real": real,
            "eigenvalue_imaginary": imaginary,
        }

    return measure


def _at_equilibrium(position: Position) -> tuple[float, float]:
    if any(choice.name in ("wgan-gp", "dragan") for choice in position.training.penalty):
        return float("nan"), float("nan")  # |ψ| has no derivative at 0
    players = copy.deepcopy(position.players)
    with torch.no_grad():
        for network in (players.generator, players.critic):
            for parameter in network.parameters():
                parameter.zero_()
    eigenvalues = torch.linalg.eigvals(dense_jacobian(replace(position, players=players), samples=256))
    leading = max(eigenvalues.tolist(), key=lambda value: (round(value.real, 9), value.imag))
    return leading.real, leading.imag
