"""Lookahead-minmax returns both players to slow weights (Chavdarova et al. 2021, algorithm 1)."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
REALS = torch.randn(50, 2, generator=torch.Generator().manual_seed(1))


def specify(**keys: object) -> Training:
    base = {
        "dataset": "ring",
        "architecture": {"name": "mlp", "width": 8, "depth": 1},
        "loss": "non-saturating",
        "steps": 7,
        "batch_size": 5,
        "latent": 3,
        "lookahead": {"every": 3, "alpha": 0.25},
    }
    return complete_training({**base, **keys}, "test")


def begin(training: Training, seeds: tuple[int, ...] = (0,)) -> Pack:
    reals = torch.zeros(16, 1) if training.architecture.name == "dirac" else REALS
    return assemble([training] * len(seeds), seeds, reals.shape[1:], lambda i: reals[i], len(reals), CPU)


def weights(pack: Pack, index: int = 0) -> Tensor:
    return torch.cat([pack.generator.flat[index], pack.critic.flat[index]]).detach().clone()


def test_every_k_steps_both_players_return_to_the_interpolated_point() -> None:
    """By hand: k steps without lookahead from the slow weights, then a quarter of the way; Adam's moments are kept."""
    ours, plain = begin(specify()), begin(specify(lookahead="none"))
    slow = [stack.flat.detach().clone() for stack in (plain.generator, plain.critic)]
    for step in range(7):
        list(train(ours, step, steps=step + 1))
        list(train(plain, step, steps=step + 1))
        if (step + 1) % 3 == 0:
            with torch.no_grad():
                for kept, stack in zip(slow, (plain.generator, plain.critic), strict=True):
                    kept += 0.25 * (stack.flat - kept)
                    stack.flat.copy_(kept)
        torch.testing.assert_close(weights(ours), weights(plain), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("every", [5, 25])
def test_lookahead_turns_a_growing_spiral_into_a_shrinking_one(every: int) -> None:
    """Simultaneous steps multiply ω by 1 + ih, so a round multiplies it by 1 − α + α(1 + ih)ᵏ."""
    h, alpha = 0.1, 0.5
    training = specify(
        dataset="point", architecture="dirac", loss="wasserstein", updates="simultaneous", precision="float64",
        optimizer={"name": "sgd", "lr": h}, steps=5 * every, lookahead={"every": every, "alpha": alpha},
    )  # fmt: skip
    pack = begin(training)
    (players,) = pack.players

    def distance() -> float:
        return float(np.hypot(*(next(n.parameters()).item() for n in (players.generator, players.critic))))

    distances = [distance(), *(distance() for _ in train(pack, pause=every))]
    factor = abs(1 - alpha + alpha * (1 + 1j * h) ** every)
    assert factor < 1
    np.testing.assert_allclose([after / before for before, after in pairwise(distances)], factor, rtol=1e-9)


def test_runs_of_a_pack_keep_their_slow_weights_when_others_leave() -> None:
    pack = begin(specify(), (0, 1, 2))
    list(train(pack, 0, steps=2))
    pack.drop(pack.players[:1])
    list(train(pack, 2, steps=5))
    for index, seed in enumerate((1, 2)):
        alone = begin(specify(), (seed,))
        list(train(alone, 0, steps=5))
        assert torch.equal(weights(pack, index), weights(alone))


def test_a_checkpoint_between_two_returns_resumes_bit_by_bit() -> None:
    at_once, interrupted, resumed = (begin(specify(), seeds) for seeds in ((0,), (0,), (9,)))
    list(train(at_once, 0, steps=4))
    list(train(interrupted, 0, steps=2))
    buffer = io.BytesIO()
    torch.save(interrupted.state_dict(0), buffer)
    resumed.load_state_dicts([torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)])
    list(train(resumed, 2, steps=4))
    assert torch.equal(weights(at_once), weights(resumed))


def test_the_average_follows_the_generator_after_its_return() -> None:
    pack = begin(specify(ema=0.5, lookahead={"every": 2}))
    expected = None
    for step in range(4):
        list(train(pack, step, steps=step + 1))
        generator = pack.generator.flat.detach().clone()
        expected = generator if expected is None else expected.lerp(generator, 0.5)
        assert pack.average is not None
        torch.testing.assert_close(pack.average.flat, expected)
