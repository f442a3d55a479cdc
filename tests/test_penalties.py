"""Closed forms of the penalties."""

import pytest
import torch
from torch import nn

from bench.penalties import PENALTIES, wgan_gp


def test_there_are_penalties() -> None:
    assert "wgan-gp" in PENALTIES


@pytest.mark.parametrize(("slope", "expected"), [((3.0, 4.0), 16.0), ((0.6, 0.8), 0.0), ((0.0, 0.0), 1.0)])
def test_gradient_penalty_of_a_linear_critic(slope: tuple[float, float], expected: float) -> None:
    critic = nn.Sequential(nn.Linear(2, 1, dtype=torch.float64), nn.Flatten(0))
    with torch.no_grad():
        critic[0].weight.copy_(torch.tensor([slope]))
    points = torch.randn(5, 2, dtype=torch.float64)
    value = wgan_gp(critic, points, -points, torch.rand(5, dtype=torch.float64))
    assert value.shape == (5,)
    assert value.detach().numpy() == pytest.approx(expected, abs=1e-12)  # (‖slope‖ − 1)²


def test_gradient_penalty_is_taken_between_real_and_generated() -> None:
    class Square(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x**2).sum(1)

    real, fake = torch.tensor([[1.0]]), torch.tensor([[5.0]])
    value = wgan_gp(Square(), real, fake, torch.tensor([0.25]))  # x̂ = 4, gradient 2 x̂ = 8
    assert value.item() == pytest.approx(49, abs=1e-4)


@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_is_per_sample_and_moves_the_critic(name: str) -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    images = torch.randn(6, 1, 2, 2)
    value = PENALTIES[name].term(critic, images, -images, torch.rand(6))
    assert value.shape == (6,)
    gradients = torch.autograd.grad(value.mean(), list(critic.parameters()), allow_unused=True)
    assert gradients[0] is not None
    assert gradients[0].abs().max() > 0
