"""Weights of penalties, β₂ and learning rates move along half a cosine, as in the code of R3GAN (Huang et al. 2024)."""

from __future__ import annotations

from math import cos, pi

import numpy as np
import pytest
import torch

from bench.catalogue.annealing import annealed
from bench.compute.training.game_state import GameState
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
REALS = torch.randn(50, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def specify(**keys: object) -> Training:
    base = {
        "dataset": "ring",
        "architecture": {"name": "mlp", "width": 8, "depth": 1},
        "loss": "non-saturating",
        "steps": 8,
        "batch_size": 5,
        "latent": 3,
        "precision": "float64",
    }
    return complete_training({**base, **keys}, "test")


def begin(training: Training, *others: Training) -> Pack:
    trainings = [training, *others]
    return assemble(trainings, range(len(trainings)), (2,), lambda i: REALS[i], len(REALS), CPU)


def test_the_cosine_goes_from_the_first_to_the_last_value_and_stays_there() -> None:
    """With burn-in ½: the middle of both values after a quarter; R3GAN writes first + (1 − decay)(last − first)."""
    assert annealed(0.9, 0.99, 0.5, 0.0) == pytest.approx(0.9)
    assert annealed(0.9, 0.99, 0.5, 0.25) == pytest.approx(0.945)
    assert [annealed(0.9, 0.99, 0.5, done) for done in (0.5, 0.7, 1.0)] == [0.99] * 3
    for done in (0.1, 0.3, 0.8):
        decay = 0.5 * (1 + cos(pi * done))
        assert annealed(2.0, 0.2, 1.0, done) == pytest.approx(2.0 + (1 - decay) * (0.2 - 2.0))


@pytest.mark.parametrize("critic_steps", [1, 2])
def test_penalty_weights_are_annealed(critic_steps: int) -> None:
    """With learning rates of almost 0 the players stay, so the penalty changes only by its weight and its batch."""
    penalty = {"name": "r1", "weight": 10.0, "final_weight": 1.0, "burn_in": 0.5}
    still = {"optimizer": {"name": "sgd", "lr": 1e-300}, "critic_steps": critic_steps}
    annealing = [each[0].penalties["r1"] for each in train(begin(specify(penalty=penalty, **still)), pause=1)]
    constant = [
        each[0].penalties["r1"]
        for each in train(begin(specify(penalty={"name": "r1", "weight": 1.0}, **still)), pause=1)
    ]
    if critic_steps == 1:
        expected = [annealed(10.0, 1.0, 0.5, step / 8) for step in range(8)]
        np.testing.assert_allclose(np.divide(annealing, constant), expected, rtol=1e-9)
    assert np.divide(annealing, constant)[0] > 9
    np.testing.assert_allclose(annealing[4:], constant[4:], rtol=1e-12)


def test_an_annealed_weight_is_in_the_loss_and_its_gradient() -> None:
    """The first step of an annealed weight equals that of the constant first weight."""
    annealing = begin(specify(penalty={"name": "r1", "weight": 3.0, "final_weight": 0.0}))
    constant = begin(specify(penalty={"name": "r1", "weight": 3.0}))
    for pack in (annealing, constant):
        list(train(pack, steps=1))
    torch.testing.assert_close(annealing.critic.flat, constant.critic.flat, rtol=1e-12, atol=0)
    for pack in (annealing, constant):
        list(train(pack, 1, steps=8))
    assert not torch.allclose(annealing.critic.flat, constant.critic.flat, rtol=1e-6)


def test_runs_of_a_pack_have_their_own_first_and_final_weights() -> None:
    trainings = [
        specify(penalty={"name": "wgan-gp", "weight": weight, "final_weight": final}, precision="float32")
        for weight, final in ((10.0, 1.0), (1.0, 0.0), (0.1, 5.0))
    ]
    pack = begin(*trainings)
    list(train(pack))
    for seed, training in enumerate(trainings):
        alone = assemble([training], [seed], (2,), lambda i: REALS[i], len(REALS), CPU)
        list(train(alone))
        assert torch.equal(pack.critic.flat[seed], alone.critic.flat[0])
        assert torch.equal(pack.generator.flat[seed], alone.generator.flat[0])


def test_metrics_of_the_game_see_the_weight_of_their_step() -> None:
    training = specify(penalty={"name": "r1", "weight": 10.0, "final_weight": 1.0, "burn_in": 0.5})
    (players,) = begin(training).players

    def gradient(step: int, weight: float | None = None) -> torch.Tensor:
        fixed = training if weight is None else specify(penalty={"name": "r1", "weight": weight})
        state = GameState(fixed, players, 0, step, (2,), lambda i: REALS[i], len(REALS), CPU)
        return torch.cat([each.detach().flatten() for each in state.gradients(16)[1]])

    torch.testing.assert_close(gradient(2), gradient(2, annealed(10.0, 1.0, 0.5, 0.25)))
    torch.testing.assert_close(gradient(8), gradient(8, 1.0))
    assert not torch.allclose(gradient(0), gradient(8))


@pytest.mark.parametrize("name", ["adam", "optimistic-adam"])
def test_beta2_is_annealed(name: str) -> None:
    options = {"name": name, "betas": [0.0, 0.9], "final_beta2": 0.99, "burn_in": 0.5}
    pack = begin(specify(optimizer=options, critic_optimizer={"final_beta2": 0.9}))
    for step in range(8):
        list(train(pack, step, steps=step + 1))
        (group,), (critic_group,) = (
            pack.generator_descent.parts[0].optimizer.param_groups,
            pack.critic_descent.parts[0].optimizer.param_groups,
        )
        assert group["betas"] == (0.0, annealed(0.9, 0.99, 0.5, step / 8))
        assert critic_group["betas"] == pytest.approx((0.0, 0.9))


def test_an_annealed_beta2_is_in_the_moments() -> None:
    """v ← β₂v + (1 − β₂)g², with the β₂ of the step."""
    pack = begin(specify(optimizer={"name": "adam", "betas": [0.0, 0.5], "final_beta2": 0.9}))
    square = torch.zeros_like(pack.generator.flat)
    for step in range(8):
        list(train(pack, step, steps=step + 1))
        gradient = pack.generator_descent.gradient
        beta2 = annealed(0.5, 0.9, 1.0, step / 8)
        square = beta2 * square + (1 - beta2) * gradient**2
    torch.testing.assert_close(pack.generator_descent.state_dict(0)["exp_avg_sq"], square[0])


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop", "optimistic-adam"])
def test_learning_rates_are_annealed_to_a_final_one(name: str) -> None:
    training = specify(optimizer={"name": name, "lr": 0.02, "final_lr": 0.005, "burn_in": 0.5})
    pack = begin(training)
    (players,) = pack.players
    for step in range(8):
        state = GameState(training, players, 0, step, (2,), lambda i: REALS[i], len(REALS), CPU)
        expected = annealed(0.02, 0.005, 0.5, step / 8)
        assert state.learning_rates().unique().tolist() == pytest.approx([expected])
        list(train(pack, step, steps=step + 1))
        for descent in (pack.generator_descent, pack.critic_descent):
            assert descent.parts[0].optimizer.param_groups[0]["lr"] == expected


def test_a_pack_that_lost_a_run_continues_the_schedules() -> None:
    options = {"name": "adam", "lr": 0.02, "final_lr": 0.005, "final_beta2": 0.9}
    training = specify(optimizer=options, precision="float32")
    pack = begin(training, training)
    list(train(pack, 0, steps=3))
    pack.drop(pack.players[:1])
    list(train(pack, 3, steps=8))
    alone = assemble([training], [1], (2,), lambda i: REALS[i], len(REALS), CPU)
    list(train(alone))
    assert torch.equal(pack.critic.flat[0], alone.critic.flat[0])
