"""Gradients are clipped by the norm over a player's parameters, in each run separately (Pascanu et al. 2013)."""

from __future__ import annotations

import math

import pytest
import torch

from bench.compute.training.gradient_clipping import clipped
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
REALS = torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def specify(**keys: object) -> Training:
    base = {
        "dataset": "ring",
        "architecture": {"name": "mlp", "width": 8, "depth": 1},
        "loss": "wasserstein",
        "penalty": "none",
        "updates": "simultaneous",
        "steps": 1,
        "batch_size": 5,
        "latent": 3,
        "precision": "float64",
    }
    return complete_training({**base, **keys}, "test")


def begin(training: Training, seeds: tuple[int, ...] = (0,)) -> Pack:
    return assemble([training] * len(seeds), seeds, (2,), lambda i: REALS[i], len(REALS), CPU)


def test_longer_rows_get_the_norm_and_shorter_ones_stay() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    torch.testing.assert_close(clipped(rows, 1.0), torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]]))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_values_that_are_not_finite_never_become_numbers(bad: float) -> None:
    rows = torch.tensor([[bad, 4.0], [3.0, 4.0]])
    found = clipped(rows, 1.0)
    assert found[0].isnan().all()
    torch.testing.assert_close(found[1], torch.tensor([0.6, 0.8]))


def test_huge_finite_gradients_keep_their_direction() -> None:
    """Their squares overflow; dividing by an infinite norm would turn them into zeros."""
    rows = torch.tensor([[3e30, 4e30], [1e-30, 0.0]])
    torch.testing.assert_close(clipped(rows, 1.0), torch.tensor([[0.6, 0.8], [1e-30, 0.0]]))


def test_clipping_can_be_differentiated() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda given: clipped(given, 1.0), rows[:2].requires_grad_())
    still = rows[2:].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(clipped(still, 1.0).sum(), still)
    assert gradient.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop", "optimistic-adam"])
def test_every_optimiser_steps_with_torchs_clipped_gradients(name: str) -> None:
    """Each player is clipped by its own norm, as by torch.nn.utils.clip_grad_norm_, which adds 1e-6 to the norm."""
    training = specify(optimizer={"name": name, "lr": 0.1, "max_norm": 0.01}, critic_optimizer={"max_norm": 0.002})
    clipped, plain = begin(training), begin(specify(optimizer={"name": name, "lr": 0.1}))
    list(train(clipped))
    list(train(plain))
    for ours, theirs, bound in (
        (clipped.generator_descent, plain.generator_descent, 0.01),
        (clipped.critic_descent, plain.critic_descent, 0.002),
    ):
        gradient = theirs.gradient
        assert gradient.norm() > 2 * bound
        twin = torch.nn.Parameter(torch.zeros_like(gradient))
        twin.grad = gradient.clone()
        torch.nn.utils.clip_grad_norm_([twin], bound)
        torch.testing.assert_close(ours.gradient, twin.grad, rtol=1e-3, atol=0)


def test_a_bound_that_is_never_reached_changes_no_bit() -> None:
    one, other = begin(specify(optimizer={"name": "adam", "max_norm": 1e6}, steps=5)), begin(specify(steps=5))
    list(train(one))
    list(train(other))
    assert torch.equal(one.generator.flat, other.generator.flat)
    assert torch.equal(one.critic.flat, other.critic.flat)


def test_a_run_that_diverges_still_does_and_leaves_the_others_alone() -> None:
    training = specify(optimizer={"name": "sgd", "lr": 0.1, "max_norm": 0.01}, steps=3)
    pack, alone = begin(training, (0, 1)), begin(training, (0,))
    with torch.no_grad():
        pack.critic.flat[1, 0] = math.nan
    ends = [[each.diverged for each in measurements] for measurements in train(pack)]
    list(train(alone))
    assert ends == [[None, "critic loss"]]
    assert torch.equal(pack.generator.flat[0], alone.generator.flat[0])
