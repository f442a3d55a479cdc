"""What the critic is shown and what the generator learns from: samples judged together, and the k with the highest logits."""

from __future__ import annotations

import copy

import pytest
import torch
from test_unrolling import REALS, begin, game_of
from test_unrolling import specify as specify_unrolled
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from bench.catalogue.metrics import SpectrumOptions
from bench.catalogue.metrics.measures import PROBES
from bench.catalogue.metrics.spectrum import prepare as prepare_spectrum
from bench.compute.training.game_state import GameState
from bench.compute.training.loop import train
from bench.compute.training.pack_losses import PackLosses, highest
from bench.compute.training.packing_degree import joined
from bench.compute.training.players import build_players
from bench.compute.training.probes import Probe
from bench.compute.training.sampler import BatchSampler
from bench.plan.specification import Training, choose
from bench.plan.top_k import TopK

CPU = torch.device("cpu")


def specify(**keys: object) -> Training:
    return specify_unrolled(**{"unroll": 0, **keys})


# Packing degree


def test_consecutive_samples_are_joined_along_their_first_dimension() -> None:
    points = torch.arange(12.0).view(1, 6, 2)
    assert joined(points, 3).tolist() == [[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]]
    images = torch.randn(2, 4, 3, 5, 5)
    assert torch.equal(joined(images, 2)[1, 1], torch.cat([images[1, 2], images[1, 3]]))
    assert joined(images, 1) is images


@pytest.mark.parametrize(
    ("dataset", "architecture", "shape", "first"),
    [
        ("ring", {"name": "mlp", "width": 4}, (2,), (4, 6)),
        ("digits", {"name": "mlp", "width": 4}, (1, 8, 8), (4, 192)),
        ("digits", {"name": "dcgan", "width": 2}, (3, 8, 8), (2, 9, 4, 4)),
        ("digits", {"name": "resnet", "width": 2}, (1, 8, 8), (2, 3, 3, 3)),
    ],
)
def test_only_the_critic_is_built_for_joined_samples(
    dataset: str, architecture: dict[str, object], shape: tuple[int, ...], first: tuple[int, ...]
) -> None:
    training = specify(dataset=dataset, architecture=architecture, critic={}, pac=3)
    players = build_players(training, shape, 0, CPU)
    assert next(players.critic.parameters()).shape == first
    assert players.generator(torch.randn(2, 3, dtype=torch.float64)).shape == (2, *shape)


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_both_players_and_a_penalty_match_a_naive_packed_game(loss: str) -> None:
    """Three samples side by side; the penalty is the squared norm of the gradient of the whole group."""
    training = specify(pac=3, loss=loss, penalty={"name": "r1", "weight": 0.7})
    pack, players = begin(training), build_players(training, (2,), 0, CPU)
    twin = copy.deepcopy(pack.sampler)
    game, (critic, generator) = game_of(pack), (players.critic, players.generator)

    def judge(points: Tensor) -> Tensor:
        out: Tensor = critic(torch.stack([points[i : i + 3].flatten() for i in range(0, len(points), 3)]))
        return out

    terms, found = game.critic_gradients(pack.sampler, 0)
    (real,), fake = twin.real_samples(), generator(twin.latents()[0]).detach()
    real.requires_grad_()
    r, f = judge(real), judge(fake)
    (slope,) = torch.autograd.grad(r.sum(), real, create_graph=True)
    penalty = 0.7 * 0.5 * slope.unflatten(0, (2, 3)).square().sum(dim=(1, 2)).mean()
    plain = F.softplus(f - r) if loss == "relativistic" else F.softplus(-r) + F.softplus(f)
    expected = torch.autograd.grad(plain.mean() + penalty, list(critic.parameters()))
    assert terms.penalties[0].item() == pytest.approx(penalty.item(), rel=1e-12)
    assert terms.real_logits.shape == (1, 2)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one[0], other, rtol=1e-9, atol=1e-12)

    _, found = game.generator_gradients(pack.sampler, 0)
    fake = generator(twin.latents()[0])
    f = judge(fake)
    plain = F.softplus(judge(twin.real_samples("generator data")[0]) - f) if loss == "relativistic" else F.softplus(-f)
    expected = torch.autograd.grad(plain.mean(), list(generator.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one[0], other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("penalty", ["wgan-gp", "dragan", "instance-noise", "consensus"])
def test_joined_samples_train_with_probes_and_metrics_of_the_game(penalty: str) -> None:
    training = specify(pac=2, penalty=penalty)
    draws = BatchSampler(training, [0], lambda i: REALS[i], len(REALS), CPU, "probe ")
    pack = begin(training)
    ((last,),) = train(pack, probe=Probe(lambda seeds: [(draws.real_samples(), None) for _ in range(2)]))
    assert last.diverged is None
    assert list(last.probes) == list(PROBES)
    assert all(torch.tensor(value).isfinite() for value in last.probes.values())
    state = GameState(training, pack.players[0], 0, 4, (2,), lambda i: REALS[i], len(REALS), CPU)
    measured = prepare_spectrum(SpectrumOptions(samples=8))(state)
    assert torch.tensor(measured["spectrum_real"]).isfinite()


# Top-k training


def test_k_falls_from_the_batch_size_to_its_final_share() -> None:
    top_k = TopK(final=0.5, decay=0.9, every=10)
    assert [top_k.count(100, step) for step in (0, 9, 10, 19, 20, 30, 60, 70, 10**9)] == [
        100,
        100,
        90,
        90,
        81,
        73,
        54,
        50,
        50,
    ]
    assert TopK(final=0.07).count(100, 10**9) == 7
    assert TopK(final=0.01).count(3, 10**9) == 1


@pytest.mark.parametrize("loss", ["minimax", "hinge", "relativistic", "relativistic-average"])
def test_the_generator_learns_from_the_samples_with_the_highest_logits(loss: str) -> None:
    training = specify(loss=loss, top_k={"final": 0.5, "decay": 0.5, "every": 2})
    pack, players = begin(training), build_players(training, (2,), 0, CPU)
    for update, k in ((0, 6), (1, 6), (2, 3), (9, 3)):
        twin = copy.deepcopy(pack.sampler)
        value, found = game_of(pack).generator_gradients(pack.sampler, update)
        logits = players.critic(players.generator(twin.latents()[0]))
        order = sorted(range(6), key=lambda i: -logits[i].item())[:k]
        real = players.critic(twin.real_samples("generator data")[0])
        kept, beside = torch.stack([logits[i] for i in order]), torch.stack([real[i] for i in order])
        naive = {
            "minimax": lambda r, f: -F.softplus(f),
            "hinge": lambda r, f: -f,
            "relativistic": lambda r, f: F.softplus(r - f),
            "relativistic-average": lambda r, f: F.softplus(r - f.mean()) + F.softplus(r.mean() - f),
        }[loss](beside, kept).mean()
        assert value.item() == pytest.approx(naive.item(), rel=1e-12)
        for one, other in zip(found, torch.autograd.grad(naive, list(players.generator.parameters())), strict=True):
            torch.testing.assert_close(one[0], other, rtol=1e-9, atol=1e-12)


def test_k_counts_generator_steps_not_critic_updates() -> None:
    training = specify(critic_steps=5, top_k={"final": 0.5, "decay": 0.5, "every": 2})
    pack = begin(training)
    plain = begin(specify(critic_steps=5))
    for update, same in ((4, True), (9, True), (10, False), (14, False)):
        losses = [
            game_of(each).generator_gradients(copy.deepcopy(each.sampler), update)[0].item() for each in (pack, plain)
        ]
        assert (losses[0] == losses[1]) == same, update


def test_keeping_all_samples_is_the_update_without_top_k() -> None:
    packs = [begin(specify(top_k=top_k)) for top_k in ("none", {"final": 1.0})]
    for pack in packs:
        list(train(pack))
    assert torch.equal(packs[0].generator.flat, packs[1].generator.flat)


def test_a_logit_that_is_not_a_number_is_kept() -> None:
    fake = torch.tensor([[1.0, torch.nan, 3.0, 2.0]])
    assert highest(fake.new_empty(1, 0), fake, 2)[1].isnan().any()


# Label smoothing in packs


def test_runs_of_a_pack_may_differ_in_label_smoothing() -> None:
    choices = [choose("loss", {"name": "minimax", "smoothing": value}) for value in (0.0, 0.0, 0.1, 0.3)]
    real, fake = torch.randn(4, 5), torch.randn(4, 5)
    losses = PackLosses([*choices, choose("loss", "hinge")])
    found = losses.critic(torch.cat([real, real[:1]]), torch.cat([fake, fake[:1]]))
    for row, value in enumerate((0.0, 0.0, 0.1, 0.3)):
        r, f = real[row], fake[row]
        expected = ((1 - value) * F.softplus(-r) + value * F.softplus(r) + F.softplus(f)).mean()
        assert found[row].item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_critic_is_a_function_of_its_parameters_and_buffers() -> None:
    pack = begin(specify(critic={"normalisation": "spectral"}), (0, 1))
    samples = torch.randn(2, 4, 2, dtype=torch.float64)
    buffers = {name: buffer.clone() for name, buffer in pack.critic.buffers.items()}
    other = [2 * parameter for parameter in pack.critic.parameters]
    found = pack.critic.apply(other, buffers, samples)
    network = pack.critic.networks[1]
    before = {name: value[1].clone() for name, value in pack.critic.buffers.items()}
    names = [name for name, _ in network.named_parameters()]
    tensors = {**{name: value[1] for name, value in zip(names, other, strict=True)}, **before}
    torch.testing.assert_close(found[1], functional_call(network, tensors, (samples[1],)), rtol=1e-9, atol=1e-12)
