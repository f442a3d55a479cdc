"""Closed forms of the penalties, and properties that every penalty must have.

Samples are those of one run or of a pack of two, [s, n, ...].
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bench.catalogue.penalties import (
    KINDS,
    PENALTIES,
    InstanceNoiseOptions,
    WeightClipOptions,
    consensus,
    dragan,
    instance_noise,
    r1,
    r2,
    weight_clip,
    wgan_gp,
    zero_centred,
)

TERMS = [name for name, entry in PENALTIES.items() if entry.term]


class Square(nn.Module):
    """D(x) = ‖x‖², ∇D = 2x."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).square().sum(2)


def test_there_are_penalties() -> None:
    assert {"wgan-gp", "r1", "r2", "zero-centred", "dragan", "weight-clip", "instance-noise", "consensus"} <= (
        PENALTIES.keys()
    )


@pytest.mark.parametrize("name", PENALTIES)
def test_a_penalty_sets_one_function(name: str) -> None:
    entry = PENALTIES[name]
    assert sum(getattr(entry, kind) is not None for kind in KINDS) == 1


def linear(slope: tuple[float, float]) -> nn.Module:
    critic = nn.Sequential(nn.Linear(2, 1, dtype=torch.float64), nn.Flatten(1))
    with torch.no_grad():
        critic[0].weight.copy_(torch.tensor([slope], dtype=torch.float64))
    return critic


@pytest.mark.parametrize(("slope", "norm"), [((3.0, 4.0), 5.0), ((0.6, 0.8), 1.0), ((0.0, 0.0), 0.0)])
@pytest.mark.parametrize(
    ("name", "of_norm"),
    [
        ("wgan-gp", lambda norm: (norm - 1) ** 2),
        ("dragan", lambda norm: (norm - 1) ** 2),
        ("zero-centred", lambda norm: norm**2),
        ("r1", lambda norm: norm**2 / 2),
        ("r2", lambda norm: norm**2 / 2),
    ],
)
def test_penalties_of_a_linear_critic(
    name: str, of_norm: Callable[[float], float], slope: tuple[float, float], norm: float
) -> None:
    points, entry = torch.randn(2, 5, 2, dtype=torch.float64), PENALTIES[name]
    assert entry.term is not None
    value = entry.term(linear(slope), points, -points, torch.rand(2, 5, entry.uniforms(2), dtype=torch.float64))
    assert value.shape == (2, 5)
    assert value.detach().numpy() == pytest.approx(of_norm(norm), abs=1e-12)


def test_the_points_at_which_penalties_are_evaluated() -> None:
    real, fake = torch.tensor([[[1.0]]]), torch.tensor([[[5.0]]])
    quarter = torch.tensor([[[0.25]]])
    assert wgan_gp(Square(), real, fake, quarter).item() == pytest.approx(49, abs=1e-4)  # x̂ = 4: (8 − 1)²
    assert zero_centred(Square(), real, fake, quarter).item() == pytest.approx(64, abs=1e-4)
    assert r1(Square(), real, fake, quarter).item() == pytest.approx(2, abs=1e-6)  # ½ · 2²
    assert r2(Square(), real, fake, quarter).item() == pytest.approx(50, abs=1e-5)  # ½ · 10²


def test_dragan_is_evaluated_near_real_samples() -> None:
    """x̂ = x + α·½·std·u: α = 0.5, u = (0.2, 0.4), and the standard deviation of each run's batch."""
    one = torch.tensor([[1.0, 2.0], [4.0, -3.0]], dtype=torch.float64)
    real = torch.stack([one, 100 * one])
    uniform = torch.tensor([[0.5, 0.2, 0.4], [0.0, 0.9, 0.9]], dtype=torch.float64).expand(2, 2, 3)
    direction = torch.tensor([[0.2, 0.4], [0.0, 0.0]], dtype=torch.float64)
    expected = torch.stack([(2 * (each + 0.25 * each.std() * direction).norm(dim=1) - 1).square() for each in real])
    torch.testing.assert_close(dragan(Square(), real, -real, uniform), expected)


@pytest.mark.parametrize("name", TERMS)
def test_every_term_is_per_sample_and_has_a_gradient(name: str) -> None:
    critic = nn.Sequential(nn.Flatten(2), nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(1))
    images, entry = torch.randn(2, 6, 1, 2, 2), PENALTIES[name]
    uniform = torch.rand(2, 6, entry.uniforms(4))
    value = entry.term(critic, images, -images, uniform)  # type: ignore[misc]
    assert value.shape == (2, 6)
    for run in range(2):  # the same as for the run alone
        rows = slice(run, run + 1)
        alone = entry.term(critic, images[rows], -images[rows], uniform[rows])  # type: ignore[misc]
        torch.testing.assert_close(value[rows], alone)
    gradients = torch.autograd.grad(value.mean(), list(critic.parameters()), allow_unused=True)
    assert gradients[0] is not None
    assert gradients[0].abs().max() > 0


def test_clipping() -> None:
    weights = [torch.tensor([-3.0, 0.2, 3.0])]
    weight_clip(WeightClipOptions(bound=0.5), weights)
    assert weights[0].tolist() == pytest.approx([-0.5, 0.2, 0.5])


@pytest.mark.parametrize(("anneal", "done", "sigma"), [("none", 0.75, 2.0), ("linear", 0.75, 0.5), ("linear", 1.0, 0)])
def test_instance_noise(anneal: str, done: float, sigma: float) -> None:
    samples, normal = torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[1.0], [-1.0]]])
    shown = instance_noise(InstanceNoiseOptions(sigma=2.0, anneal=anneal), samples, normal, done)  # type: ignore[arg-type]
    assert shown.flatten().tolist() == pytest.approx([1 + sigma, 2 - sigma])


def test_consensus_is_half_the_squared_norm_of_both_gradients() -> None:
    """For two runs: ½(1 + 4 + 4 + 16) and ½(9 + 1)."""
    critic = [torch.tensor([[1.0, 2.0], [0.0, 3.0]])]
    generator = [torch.tensor([[[2.0]], [[0.0]]]), torch.tensor([4.0, 1.0])]
    assert consensus(critic, generator).tolist() == [12.5, 5.0]
