"""Closed forms of the losses, and properties that every loss must have."""

from math import log

import pytest
import torch

from bench.catalogue import Options
from bench.catalogue.losses import (
    LOSSES,
    SmoothingOptions,
    cross_entropy_critic,
    hinge_critic,
    wasserstein_critic,
    with_options,
)
from bench.catalogue.losses import minimax_generator as minimax
from bench.catalogue.losses import non_saturating_generator as non_saturating


def logits(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_there_are_losses() -> None:
    assert {"minimax", "non-saturating", "wasserstein", "wgan-gp", "hinge"} <= LOSSES.keys()


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_per_sample_finite_and_differentiable(name: str) -> None:
    real, fake = logits(-40.0, -1.0, 0.0, 1.0, 40.0), logits(40.0, 1.0, 0.0, -1.0, -40.0)
    for function in (LOSSES[name].critic, LOSSES[name].generator):
        value = function(real, fake)
        assert value.shape == (5,)
        assert value.isfinite().all()
        gradients = torch.autograd.grad(value.sum(), (real, fake), allow_unused=True)
        assert all(each is None or each.isfinite().all() for each in gradients)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_decreases_when_the_logits_improve(name: str) -> None:
    real, fake = logits(0.3, -0.2), logits(0.1, 0.4)
    loss = LOSSES[name]
    assert (loss.critic(real + 0.1, fake - 0.1) < loss.critic(real, fake)).all()
    assert (loss.generator(real, fake + 0.1) < loss.generator(real, fake)).all()


def test_closed_forms_at_zero() -> None:
    zero = logits(0.0)
    assert cross_entropy_critic(zero, zero).item() == pytest.approx(2 * log(2), abs=1e-15)
    assert minimax(zero, zero).item() == pytest.approx(-log(2), abs=1e-15)
    assert non_saturating(zero, zero).item() == pytest.approx(log(2), abs=1e-15)
    assert hinge_critic(zero, zero).item() == 2
    assert wasserstein_critic(logits(3.0), logits(1.0)).item() == -2


def test_hinge_is_flat_beyond_its_margins() -> None:
    real, fake = logits(1.5), logits(-1.5)
    assert hinge_critic(real, fake).item() == 0
    assert [each.item() for each in torch.autograd.grad(hinge_critic(real, fake).sum(), (real, fake))] == [0, 0]


@pytest.mark.parametrize("logit", [-30.0, -5.0, -1.0, 0.0, 2.0])
def test_minimax_saturates_for_a_confident_critic_and_non_saturating_does_not(logit: float) -> None:
    fake = logits(logit)
    sigmoid = torch.sigmoid(fake.detach()).item()
    (minimax_gradient,) = torch.autograd.grad(minimax(fake, fake).sum(), fake)
    (other_gradient,) = torch.autograd.grad(non_saturating(fake, fake).sum(), fake)
    assert minimax_gradient.item() == pytest.approx(-sigmoid, abs=1e-12)  # d/df −log(1 + eᶠ) = −σ(f)
    assert other_gradient.item() == pytest.approx(sigmoid - 1, abs=1e-12)  # d/df log(1 + e⁻ᶠ) = −σ(−f)
    if logit == -30:  # the critic is confident that it is generated
        assert abs(minimax_gradient.item()) < 1e-12
        assert abs(other_gradient.item()) > 1 - 1e-12


def test_minimax_is_a_zero_sum_game_in_the_generated_samples() -> None:
    real, fake = logits(0.7, -2.0), logits(-0.4, 3.0)
    game = LOSSES["minimax"].critic(real, fake) + LOSSES["minimax"].generator(real, fake)
    (gradient,) = torch.autograd.grad(game.sum(), fake)
    assert gradient.abs().max().item() == 0


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.4])
def test_label_smoothing_is_the_loss_with_the_label_one_minus_epsilon(smoothing: float) -> None:
    """(1 − ε) s(−r) + ε s(r) + s(f) and ½(r − 1 + ε)² + ½f²; the generator's loss stays the same."""
    real, fake = logits(-40.0, -0.3, 2.0, 40.0), logits(0.4, -1.0, 3.0, -40.0)
    for name in ("minimax", "non-saturating", "least-squares"):
        smooth = with_options(LOSSES[name], SmoothingOptions(smoothing=smoothing))
        if name == "least-squares":
            expected = 0.5 * (real - 1 + smoothing) ** 2 + 0.5 * fake**2
        else:
            labels = torch.full_like(real, 1 - smoothing)
            cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
            expected = cross_entropy(real, labels, reduction="none") + cross_entropy(
                fake, torch.zeros_like(fake), reduction="none"
            )
        torch.testing.assert_close(smooth.critic(real, fake), expected, rtol=1e-12, atol=1e-12)
        assert torch.equal(smooth.generator(real, fake), LOSSES[name].generator(real, fake))


def test_a_smoothed_critic_is_no_surer_than_its_label() -> None:
    """Where real and generated samples do not overlap, the best logit of a real sample is log((1 − ε) / ε)."""
    best = logits(log(0.9 / 0.1))
    (gradient,) = torch.autograd.grad(cross_entropy_critic(best, logits(0.0), smoothing=0.1).sum(), best)
    assert gradient.item() == pytest.approx(0, abs=1e-12)


def test_a_loss_without_options_keeps_its_functions() -> None:
    assert with_options(LOSSES["hinge"], Options()) is LOSSES["hinge"]
