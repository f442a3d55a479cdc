"""Conditional runs: every technique trains and resumes bit by bit, alone and in packs; labels reach both players."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.catalogue.losses import LOSSES
from bench.catalogue.penalties import PENALTIES
from bench.compute.training import loop
from bench.compute.training.conditioning import real_batch
from bench.compute.training.cuda_graphs import GraphedSteps, StaticDraws
from bench.compute.training.game import Game
from bench.compute.training.game_state import GameState
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.probes import Probe
from bench.compute.training.real_data import RealSamples, real_samples_on
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
CLASSES, COUNT, SHAPE = 3, 12, (1, 8, 8)
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"width": 4, "depth": 1},
    "dcgan": {"width": 2},
    "dcgan-upsample": {"width": 8},
    "resnet": {"width": 2},
}
LABELS = np.arange(COUNT) % CLASSES


def specify(name: str = "mlp", **keys: Any) -> Training:
    table = {
        "dataset": "digits",
        "architecture": {"name": name, **SMALL[name]},
        "loss": "non-saturating",
        "batch_size": 6,
        "latent": 2,
        "steps": 2,
        "conditional": True,
    }
    return complete_training({**table, **keys}, "test")


def reals(shape: tuple[int, ...] = SHAPE) -> RealSamples:
    numbers = torch.rand(COUNT, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return real_samples_on(numbers.numpy(), CPU, LABELS, CLASSES)


def begin(*trainings: Training, seeds: tuple[int, ...] = (0,), shape: tuple[int, ...] = SHAPE) -> Pack:
    return assemble(trainings, seeds, shape, reals(shape), COUNT, CPU)


def states(pack: Pack, index: int) -> dict[str, Tensor]:
    state = pack.players[index].state_dict()
    return {f"{network}.{name}": value for network in state for name, value in state[network].items()}


def check_resumes(training: Training, shape: tuple[int, ...] = SHAPE) -> None:
    """Check that a step, a checkpoint and another step with new players give the bits of two steps at once."""
    at_once, interrupted, again = (
        begin(training, shape=shape),
        begin(training, shape=shape),
        begin(training, seeds=(7,)),
    )
    before = {name: value.clone() for name, value in states(at_once, 0).items()}
    for pack, first, steps in ((at_once, 0, 2), (interrupted, 0, 1)):
        ((last,),) = train(pack, first, steps=steps)
        assert last.diverged is None
    buffer = io.BytesIO()
    torch.save(interrupted.state_dict(0), buffer)
    again = begin(training, seeds=(7,), shape=shape)
    again.load_state_dicts([torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)])
    list(train(again, 1, steps=2))
    for (name, one), other in zip(states(at_once, 0).items(), states(again, 0).values(), strict=True):
        assert torch.equal(one, other), (training, name)
    assert any(not torch.equal(value, states(at_once, 0)[name]) for name, value in before.items())


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_with_every_penalty_trains_and_resumes_bit_by_bit(loss: str) -> None:
    for penalty in ("none", *PENALTIES):
        check_resumes(specify(loss=loss, penalty=penalty))


@pytest.mark.parametrize("name", SMALL)
def test_every_network_trains_with_every_loss_and_every_penalty(name: str) -> None:
    pairs = [*zip(LOSSES, cycle(PENALTIES)), *zip(cycle(LOSSES), ("none", *PENALTIES))]
    for loss, penalty in dict.fromkeys(pairs):
        check_resumes(specify(name, loss=loss, penalty=penalty, critic={"normalisation": "none"}))


TECHNIQUES: list[dict[str, Any]] = [
    {"updates": "extragradient", "loss": "relativistic"},
    {"updates": "simultaneous", "critic_steps": 2, "lookahead": {"every": 2}},
    {"unroll": 1, "penalty": "r1"},
    {"top_k": {"final": 0.5, "decay": 0.5, "every": 1}, "loss": "relativistic"},
    {"ema": 0.9, "critic": {"normalisation": "spectral", "lipschitz": 2.0}},
    {"critic": {"normalisation": "batch", "minibatch_deviation": 3}},
    {"critic": {"normalisation": "layer"}, "precision": "float64"},
]
TOGETHER: list[dict[str, Any]] = [{"pac": 3}, {"pac": 2, "penalty": "r1", "unroll": 1}]


@pytest.mark.parametrize("name", SMALL)
def test_every_technique_resumes_bit_by_bit(name: str) -> None:
    for keys in TECHNIQUES + (TOGETHER if name != "resnet" else []):
        none = {} if "critic" in keys else {"critic": {"normalisation": "none"}}
        check_resumes(specify(name, **none, **keys))


@pytest.mark.parametrize("name", ["mlp", "resnet"])
def test_half_precision_resumes_bit_by_bit(name: str) -> None:
    check_resumes(specify(name, precision="bf16", penalty="r1", critic={"normalisation": "none"}))


def test_points_have_labels_as_further_numbers() -> None:
    training = specify(dataset="ring", penalty=["wgan-gp", "bcr", "zcr"], pac=2)
    check_resumes(training, shape=(2,))
    critic, generator = begin(training, shape=(2,)).players[0].critic, begin(training, shape=(2,)).players[0].generator
    assert (critic[1].in_features, generator[0].in_features) == (2 * (2 + CLASSES), 2 + CLASSES)  # type: ignore[index]


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(
    "keys", [{}, {"loss": "relativistic", "penalty": "r1", "critic": {"normalisation": "spectral"}}]
)
def test_a_run_gives_the_same_bits_in_a_pack_as_alone(name: str, keys: dict[str, Any]) -> None:
    training, seeds = specify(name, **keys), (0, 1, 1)
    pack = begin(*[training] * 3, seeds=seeds)
    together = list(train(pack))
    for index, seed in enumerate(seeds):
        alone = begin(training, seeds=(seed,))
        for one, other in zip(train(alone), together, strict=True):
            assert one[0].critic_loss == other[index].critic_loss
        for (key, value), theirs in zip(states(pack, index).items(), states(alone, 0).values(), strict=True):
            assert torch.equal(value, theirs), (name, key)


@pytest.mark.parametrize("name", ["dcgan", "resnet"])
def test_networks_of_a_pack_as_one_program_equal_separate_ones(name: str) -> None:
    """GPUs run packs of networks with convolutions by vmap."""
    training = specify(name, critic={"normalisation": "none"})
    players = begin(training, training, seeds=(0, 1)).players
    latents, images = torch.randn(2, 6, 2 + CLASSES), torch.randn(2, 6, 64 + CLASSES)
    for part, inputs in (("generator", latents), ("critic", images)):
        networks = [copy.deepcopy(getattr(each, part)) for each in players]
        apart = torch.stack([network(each) for network, each in zip(copy.deepcopy(networks), inputs, strict=True)])
        torch.testing.assert_close(Stack(networks, rules=False)(inputs), apart, rtol=1e-4, atol=1e-5)


class Recording:
    """Stands in for critics, and keeps what they are given."""

    def __init__(self, stack: Stack):
        self._stack, self.given = stack, list[Tensor]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stack, name)

    def __call__(self, samples: Tensor) -> Tensor:
        self.given.append(samples.detach())
        return self._stack(samples)


def recorded(training: Training, update: int = 0) -> tuple[Game, Recording, Pack]:
    pack = begin(training)
    critic = Recording(pack.critic)
    return Game(pack.trainings, pack.generator, critic, CPU, pack.critic_descent), critic, pack  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "penalty", ["none", "wgan-gp", "r1", "r2", "dragan", "bcr", "zcr", "diffaugment", "instance-noise"]
)
def test_both_samples_of_a_pair_have_the_label_of_the_real_one_and_nothing_changes_it(penalty: str) -> None:
    """Samples show their class as the value of all pixels, so that the label of a real one can be told from it."""
    training = specify(penalty=penalty)
    numbers = np.ones((COUNT, *SHAPE), np.float32) * (LABELS / 4)[:, None, None, None].astype(np.float32)
    look_up = real_samples_on(numbers, CPU, LABELS, CLASSES)
    pack = assemble([training], [0], SHAPE, look_up, COUNT, CPU)
    generator, critic = Recording(pack.generator), Recording(pack.critic)
    game = Game(pack.trainings, generator, critic, CPU)  # type: ignore[arg-type]
    twin = assemble([training], [0], SHAPE, look_up, COUNT, CPU).sampler
    expected = (twin.real_samples()[..., 0, 0, 0] * 4).round().long()
    game.critic_gradients(pack.sampler, 0)
    assert critic.given
    assert len(generator.given) == 1 + (penalty == "zcr")
    assert all(torch.equal(given[..., 2:].argmax(dim=2), expected) for given in generator.given)
    for given in critic.given:
        samples, labels = given.split([64, CLASSES], dim=2)
        assert torch.equal(labels.sum(dim=2), torch.ones_like(labels[..., 0]))
        assert torch.equal(labels.argmax(dim=2), expected.repeat(1, given.shape[1] // expected.shape[1]))
        assert not torch.equal(samples, torch.zeros_like(samples))


@pytest.mark.parametrize(("loss", "shared"), [("hinge", False), ("relativistic", True)])
def test_generators_draw_labels_from_a_stream_of_their_own_unless_they_are_compared_with_real_samples(
    loss: str, shared: bool
) -> None:
    game, critic, pack = recorded(specify(loss=loss, batch_size=60))
    twin = begin(specify(loss=loss, batch_size=60)).sampler
    game.generator_gradients(pack.sampler, 0)
    twin.real_samples("generator data")
    expected = twin.real_labels("generator data") if shared else twin.labels()
    assert all(torch.equal(given[..., 64:], expected) for given in critic.given)
    assert len(critic.given) == 1 + shared
    counts = expected.sum(dim=1)[0]
    assert counts.min() > 10  # each of three equally frequent classes: 20 ± 3.7


def test_gradient_penalties_are_of_the_gradient_by_samples_not_by_labels() -> None:
    """r1 is ½‖∂D/∂x‖²; for a linear critic w·x + v·y it is ½‖w‖², whatever v is."""
    training = specify(penalty={"name": "r1", "weight": 1.0}, architecture={"name": "mlp", "width": 4, "depth": 1})
    pack = begin(training)

    def linear(inputs: Tensor) -> Tensor:
        return (
            0.5 * inputs[..., :64].sum(dim=2) + 100 * inputs[..., 64:].argmax(dim=2) + inputs[..., 64:].sum(dim=2) * 7
        )

    game = Game(pack.trainings, pack.generator, pack.critic, CPU)
    terms = game._critic_terms(linear, *[torch.randn(1, 6, *SHAPE)] * 2, pack.sampler, 0, pack.sampler.labels())
    assert terms.penalties[0].item() == pytest.approx(0.5 * 64 * 0.25)


def test_probes_of_conditional_runs_are_of_samples_and_do_not_change_the_run() -> None:
    training = specify(pac=2, steps=3)
    plain, probed = begin(training), begin(training)
    draws = BatchSampler(training, [0], reals(), COUNT, CPU, "probe ")
    list(train(plain))
    ((last,),) = train(probed, probe=Probe(lambda seeds: [real_batch(draws), real_batch(draws)]))
    assert all(torch.equal(one, states(probed, 0)[name]) for name, one in states(plain, 0).items())
    assert all(np.isfinite(value) for value in last.probes.values())
    again = begin(training)
    list(train(again, steps=2))
    real, labels = real_batch(again.sampler)  # of the last step
    assert labels is not None
    after = probed.players[0].critic  # the slope is measured after the critic's update
    points, numbers = real.reshape(3, 2 * 64).requires_grad_(), labels.reshape(3, 2 * CLASSES)
    (gradient,) = torch.autograd.grad(after(torch.cat([points, numbers], dim=1)).sum(), points)
    assert last.probes["slope_real"] == pytest.approx(gradient.norm(dim=1).mean().item(), rel=1e-4)


def test_the_label_moves_the_output_of_both_players() -> None:
    for name in SMALL:
        pack = begin(specify(name, steps=2))
        list(train(pack))
        players, labels = pack.players[0], torch.eye(CLASSES)
        latents, image = torch.randn(1, 2).expand(CLASSES, -1), torch.randn(1, 64).expand(CLASSES, -1)
        samples = players.generator.eval()(torch.cat([latents, labels], dim=1))
        logits = players.critic.eval()(torch.cat([image, labels], dim=1))
        assert samples.flatten(1).std(dim=0).max() > 0, name
        assert logits.std() > 0, name


def test_labels_are_kept_in_fixed_memory_for_captured_steps() -> None:
    static, twin = StaticDraws(begin(specify()).sampler), begin(specify()).sampler

    def draw(sampler: BatchSampler) -> list[Tensor]:
        real = sampler.real_samples("generator data")
        return [real, sampler.real_labels("generator data"), sampler.labels()]

    kept, first = draw(static), draw(twin)
    static.rewind()
    assert all(one is other for one, other in zip(draw(static), kept, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(kept, first, strict=True))
    static.redraw(1)
    assert all(torch.equal(one, other) for one, other in zip(kept, draw(twin), strict=True))


def test_replayed_steps_draw_new_labels() -> None:
    training = specify(steps=12, loss="relativistic", penalty="r1", critic={"normalisation": "none"})
    plain, graphed = begin(training), begin(training)
    games = [Game(pack.trainings, pack.generator, pack.critic, CPU) for pack in (plain, graphed)]
    take = GraphedSteps(loop._take_step, graphed, capture)
    for step in range(12):
        expected = loop._take_step(plain, games[0], plain.sampler, step)[:2]
        assert torch.equal(take(graphed, games[1], graphed.sampler, step, None)[:2], expected)
    assert take.replayed > 0


def capture(step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Behave like CUDA: a capture takes no step; a replay does, and writes its losses to the same tensor."""
    losses = torch.empty(2, 1)

    def replay() -> None:
        losses.copy_(step()[:2])

    return replay, losses


@pytest.mark.parametrize("name", ["mlp", "resnet"])
def test_views_of_the_game_give_labels_to_both_players(name: str) -> None:
    training = specify(name, critic={"normalisation": "none"})
    pack, look_up = begin(training), reals()
    state = GameState(training, pack.players[0], 0, 0, SHAPE, look_up, COUNT, CPU)
    assert torch.equal(state.parameters(), state.initial_parameters())
    latents = state.evaluation_latents("test", 8)
    assert torch.equal(state.generate(latents), state.generate(latents))
    parameters, gradients = state.gradients(6)
    (at_the_same_point,) = state.gradients_at([state.parameters()], 6)
    assert len(parameters) == len(gradients)
    together = torch.cat([gradient.flatten() for gradient in gradients]).detach()
    torch.testing.assert_close(at_the_same_point, together, rtol=1e-6, atol=1e-9)
