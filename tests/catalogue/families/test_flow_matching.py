"""Flow matching: the velocity field of a Gaussian is known, and gives its mean and covariance."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.catalogue.families.flow_matching import FlowMatching, heun

MEAN, DEVIATION = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 2.0])


class OfGaussian(nn.Module):
    """E[x₁ − x₀ | xₜ] for x₁ ~ N(MEAN, DEVIATION²): the regression of two jointly normal variables."""

    def forward(self, position: Tensor, time: Tensor) -> Tensor:
        t = time.unsqueeze(1)
        variance = (1 - t) ** 2 + t**2 * DEVIATION**2
        slope = (t * DEVIATION**2 - (1 - t)) / variance
        return MEAN + slope * (position - t * MEAN)


def test_samples_of_a_gaussian_have_its_mean_and_covariance() -> None:
    torch.manual_seed(0)
    latents = torch.randn(20_000, 2)
    samples = FlowMatching(OfGaussian(), (2,), steps=64)(latents)
    torch.testing.assert_close(samples, MEAN + DEVIATION * latents, atol=0.01, rtol=0)  # the flow is linear


def test_the_objective_is_least_for_the_conditional_mean() -> None:
    torch.manual_seed(0)
    real, noise = MEAN + DEVIATION * torch.randn(50_000, 2), torch.randn(50_000, 3)
    exact = FlowMatching(OfGaussian(), (2,), 1).objective(real, noise).mean()

    class Shifted(OfGaussian):
        def forward(self, position: Tensor, time: Tensor) -> Tensor:
            return super().forward(position, time) + 0.3

    shifted = FlowMatching(Shifted(), (2,), 1).objective(real, noise).mean()
    assert shifted - exact == pytest.approx(0.09, abs=0.02)


def test_times_are_uniform_and_lines_straight() -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    class Recording(nn.Module):
        def forward(self, position: Tensor, time: Tensor) -> Tensor:
            seen.append((position, time))
            return torch.zeros_like(position)

    torch.manual_seed(0)
    real, noise = torch.randn(10_000, 1, 2, 2), torch.randn(10_000, 5)
    loss = FlowMatching(Recording(), (1, 2, 2), 1).objective(real, noise)
    ((position, time),) = seen
    start = noise[:, :4].view(-1, 1, 2, 2)
    torch.testing.assert_close(position, start + time.view(-1, 1, 1, 1) * (real - start))
    torch.testing.assert_close(loss, (real - start).square().mean(dim=(1, 2, 3)))
    assert time.mean().item() == pytest.approx(0.5, abs=0.01)
    assert time.var().item() == pytest.approx(1 / 12, abs=0.003)


@pytest.mark.parametrize(("steps", "error"), [(1, 0.5), (10, 6e-3), (100, 6e-5)])
def test_heun_is_of_second_order(steps: int, error: float) -> None:
    """x' = x from 1 gives e at 1; the error falls by 100 for ten times the steps."""
    end = heun(lambda x, t: x, torch.ones(1, 1, dtype=torch.float64), steps)
    assert abs(end.item() - torch.e) < error
