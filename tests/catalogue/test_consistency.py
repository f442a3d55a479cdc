"""Consistency regularisation by hand, for critics whose logits are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bench.catalogue.augmentations import flipped, offsets, translated
from bench.catalogue.consistency import (
    BcrOptions,
    Judged,
    ZcrOptions,
    balanced,
    changed,
    latent_critic,
    latent_generator,
    moved_latents,
)


def weighted_sum(samples: Tensor) -> Tensor:
    flat = samples.flatten(2)
    return flat @ torch.arange(1, flat.shape[2] + 1, dtype=flat.dtype)


class Draws:
    """Uniform numbers [2, 5, k] from a seed; ``given`` has all of them."""

    def __init__(self) -> None:
        self.generator, self.given = torch.Generator().manual_seed(0), list[Tensor]()

    def __call__(self, count: int) -> Tensor:
        self.given.append(torch.rand(2, 5, count, generator=self.generator, dtype=torch.float64))
        return self.given[-1]


@pytest.mark.parametrize("balance", [0.0, 0.5])
def test_the_critic_is_compared_on_each_sample_and_its_copy(balance: float) -> None:
    real, fake = torch.randn(2, 2, 5, 1, 8, 8, dtype=torch.float64).unbind()
    options, draws = BcrOptions(balance=balance), Draws()
    found = balanced(options, weighted_sum, *(Judged(x, weighted_sum(x)) for x in (real, fake)), draws)
    terms = []
    for samples, uniform in zip((real, fake), draws.given, strict=False):
        images = flipped(samples, uniform[..., 0])
        copies = translated(images, *offsets(images, uniform[..., 1:], 0.125))
        terms.append((weighted_sum(samples) - weighted_sum(copies)) ** 2)
    assert len(terms) == (2 if balance else 1)
    torch.testing.assert_close(found, terms[0] + (balance * terms[1] if balance else 0))
    assert found.min() > 0


def test_copies_of_points_are_a_standard_deviation_away() -> None:
    points = torch.zeros(1, 50_000, 2, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    copies = changed(
        BcrOptions(sigma=0.3), points, lambda k: torch.rand(1, 50_000, k, generator=generator, dtype=torch.float64)
    )
    # standard errors: 0.3 / √100,000 = 0.001 of the mean, 0.0007 of the deviation, 0.0045 of the correlation
    assert copies.mean().item() == pytest.approx(0, abs=0.004)
    assert copies.std().item() == pytest.approx(0.3, abs=0.003)
    assert torch.corrcoef(copies[0].T)[0, 1].item() == pytest.approx(0, abs=0.02)
    share = (copies.abs() < 0.3).double().mean().item()
    assert share == pytest.approx(0.6827, abs=0.006)  # within one standard deviation
    assert changed(BcrOptions(), points, lambda k: torch.zeros(1, 50_000, k)).isfinite().all()


def test_latent_consistency_by_hand() -> None:
    """(1 − 3)² = 4, and −½ · (3² + 4²) = −12.5."""
    options = ZcrOptions(generator_weight=0.5, sigma=0.25)
    assert moved_latents(options, torch.tensor([[[1.0]]]), torch.tensor([[[2.0]]])).item() == 1.5
    assert latent_critic(options, torch.tensor([[1.0]]), torch.tensor([[3.0]])).item() == 4.0
    samples, moved = torch.tensor([[[1.0, 1.0]]]), torch.tensor([[[4.0, 5.0]]])
    assert latent_generator(options, samples, moved).item() == -12.5
