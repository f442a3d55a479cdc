"""Extragradient steps match their closed forms and a naive version (Korpelevich 1976; Gidel et al. 2019)."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import build_players
from bench.compute.training.random_streams import Streams
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
REALS = torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
ORIGIN = torch.zeros(16, 1)


def specify(**keys: object) -> Training:
    base = {
        "dataset": "ring",
        "architecture": {"name": "mlp", "width": 8, "depth": 1},
        "loss": "non-saturating",
        "optimizer": {"name": "sgd", "lr": 0.02},
        "updates": "extragradient",
        "steps": 6,
        "batch_size": 5,
        "latent": 3,
        "precision": "float64",
    }
    return complete_training({**base, **keys}, "test")


def alone(training: Training) -> Pack:
    reals = ORIGIN if training.architecture.name == "dirac" else REALS
    return assemble([training], [0], reals.shape[1:], lambda i: reals[i], len(reals), CPU)


def dirac(h: float, **keys: object) -> np.ndarray[Any, Any]:
    """Return (θ, ψ) before the first step and after each step, [steps + 1, 2]."""
    options: dict[str, object] = {"dataset": "point", "architecture": "dirac", "loss": "wasserstein", "steps": 40}
    pack = alone(specify(**{**options, "optimizer": {"name": "sgd", "lr": h}, **keys}))
    (players,) = pack.players

    def point() -> list[float]:
        return [next(network.parameters()).item() for network in (players.generator, players.critic)]

    return np.array([point(), *(point() for _ in train(pack, pause=1))])


@pytest.mark.parametrize("h", [0.1, 0.5, 0.9])
def test_a_step_on_the_bilinear_game_shrinks_the_distance_by_the_closed_form(h: float) -> None:
    """λ = ±i: |1 + hλ + (hλ)²| = √((1 − h²)² + h²), below 1 for h < 1; simultaneous steps grow by √(1 + h²)."""
    distances = np.linalg.norm(dirac(h), axis=1)
    np.testing.assert_allclose(distances[1:] / distances[:-1], sqrt((1 - h**2) ** 2 + h**2), rtol=1e-9)
    simultaneous = np.linalg.norm(dirac(h, updates="simultaneous"), axis=1)
    np.testing.assert_allclose(simultaneous[1:] / simultaneous[:-1], sqrt(1 + h**2), rtol=1e-9)


def test_weight_decay_acts_at_the_extrapolated_point() -> None:
    """With decay d, F(ω) = (d, −1; 1, d)ω and ω ← (I − hA(I − hA))ω."""
    h, decay = 0.3, 0.2
    found = dirac(h, optimizer={"name": "sgd", "lr": h, "weight_decay": decay})
    field = np.array([[decay, -1.0], [1.0, decay]])
    step = np.eye(2) - h * field @ (np.eye(2) - h * field)
    expected = np.array([np.linalg.matrix_power(step, n) @ found[0] for n in range(len(found))])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_weights_are_clipped_after_each_half() -> None:
    """From (1, 1) with bound ½: the critic looks ahead to ψ = ½ at most, so θ moves by h · ½."""
    h, bound = 0.1, 0.5
    found = dirac(h, penalty={"name": "weight-clip", "bound": bound}, steps=1)
    np.testing.assert_allclose(found[1], [1 + h * bound, bound], rtol=1e-12)


class NaiveAdam:
    """ExtraAdam of one player, as algorithm 4 writes it: moments of all gradients, and bias corrections by 2t."""

    def __init__(self, network: nn.Module, lr: float, betas: tuple[float, float], eps: float):
        self.parameters, self.lr, self.betas, self.eps = list(network.parameters()), lr, betas, eps
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        self.count = 0

    def moves(self, gradients: list[Tensor]) -> list[Tensor]:
        self.count += 1
        moves = []
        for number, gradient in enumerate(gradients):
            beta1, beta2 = self.betas
            self.first[number] = beta1 * self.first[number] + (1 - beta1) * gradient
            self.second[number] = beta2 * self.second[number] + (1 - beta2) * gradient**2
            mean = self.first[number] / (1 - beta1**self.count)
            square = self.second[number] / (1 - beta2**self.count)
            moves.append(-self.lr * mean / (square.sqrt() + self.eps))
        return moves


def naive(training: Training) -> tuple[nn.Module, nn.Module]:
    """Train with ExtraAdam by hand."""
    players = build_players(training, (2,), 0, CPU)
    generator, critic = players.generator, players.critic
    streams, n, options = Streams([0], dtype=torch.float64), training.batch_size, training.optimizer.options
    adams = [NaiveAdam(network, options.lr, options.betas, options.eps) for network in (critic, generator)]  # type: ignore[attr-defined]

    def gradients() -> list[list[Tensor]]:
        real = REALS[streams.integers("data", n, len(REALS)).flatten()]
        fake = generator(streams.normal("latents", n * training.latent).view(n, training.latent)).detach()
        critic_loss = F.softplus(-critic(real)).mean() + F.softplus(critic(fake)).mean()
        latents = streams.normal("latents", n * training.latent).view(n, training.latent)
        generator_loss = F.softplus(-critic(generator(latents))).mean()
        return [
            list(torch.autograd.grad(loss, list(network.parameters()), retain_graph=True))
            for loss, network in ((critic_loss, critic), (generator_loss, generator))
        ]

    def place(points: list[list[Tensor]], moves: list[list[Tensor]]) -> None:
        with torch.no_grad():
            for adam, point, move in zip(adams, points, moves, strict=True):
                for parameter, value, change in zip(adam.parameters, point, move, strict=True):
                    parameter.copy_(value + change)

    for _ in range(training.steps):
        start = [[parameter.detach().clone() for parameter in adam.parameters] for adam in adams]
        for _ in range(2):
            found = gradients()
            place(start, [adam.moves(each) for adam, each in zip(adams, found, strict=True)])
    return generator, critic


def test_adam_equals_extra_adam_by_hand() -> None:
    training = specify(optimizer={"name": "adam", "lr": 0.01, "betas": [0.5, 0.9]})
    pack = alone(training)
    list(train(pack))
    (players,) = pack.players
    for ours, theirs in zip((players.generator, players.critic), naive(training), strict=True):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-13)


def test_losses_and_lazy_penalties_are_those_before_the_step() -> None:
    training = specify(penalty={"name": "r1", "every": 2}, steps=1)
    simultaneous = training.model_copy(update={"updates": "simultaneous"})
    both = [next(train(alone(each)))[0] for each in (training, simultaneous)]
    assert (both[0].critic_loss, both[0].generator_loss) == (both[1].critic_loss, both[1].generator_loss)
    assert both[0].penalties == both[1].penalties
