"""Translators: their losses against loops written by hand, packs, checkpoints, and every loss with every regulariser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from interrupted_runs import check_resumed, go
from torch import Tensor

from bench.catalogue.families.cyclegan import TwoWays
from bench.catalogue.losses import LOSSES
from bench.catalogue.penalties import PENALTIES
from bench.compute.training import loop
from bench.compute.training.cuda_graphs import GraphedSteps
from bench.compute.training.game_state import GameState
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import Players, generate
from bench.compute.training.probes import Probe
from bench.compute.training.real_data import RealSamples
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.translation import TranslationGame, game_of, seen_by_critic
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
SHAPES = {"moved-points": (2,), "inverted-digits": (1, 8, 8)}
NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {"name": "mlp", "width": 8, "depth": 2},
    "dcgan": {"name": "dcgan", "width": 4, "normalisation": "none"},
}
KINDS = [("mlp", "moved-points"), ("mlp", "inverted-digits"), ("dcgan", "inverted-digits")]
FAMILIES = ("cyclegan", "pix2pix")
COUNT = 40


def specify(family: object = "cyclegan", network: str = "mlp", dataset: str = "moved-points", **keys: Any) -> Training:
    table = {
        "family": family,
        "dataset": dataset,
        "architecture": NETWORKS[network],
        "loss": "non-saturating",
        "optimizer": {"name": "adam", "lr": 1e-3},
        "batch_size": 8,
        "steps": 6,
        **keys,
    }
    return complete_training(table, "here")


def real(dataset: str) -> RealSamples:
    """Samples whose first number is their index, with sources whose first number is minus the index."""
    drawn = torch.rand(2, COUNT, *SHAPES[dataset], generator=torch.Generator().manual_seed(0)) * 2 - 1
    drawn.flatten(2)[0, :, 0], drawn.flatten(2)[1, :, 0] = torch.arange(COUNT) / COUNT, -torch.arange(COUNT) / COUNT
    samples, sources = (RealSamples(each, CPU) for each in drawn)
    samples.sources = sources
    samples.halves = torch.arange(0, COUNT, 2).unsqueeze(0), torch.arange(1, COUNT, 2).unsqueeze(0)
    return samples


def begin(training: Training, seeds: list[int]) -> Pack:
    dataset = training.dataset.name
    return assemble([training] * len(seeds), seeds, SHAPES[dataset], real(dataset), COUNT, CPU)


def game(pack: Pack) -> TranslationGame:
    made = game_of(pack.trainings, pack.generator, pack.critic, CPU)
    assert isinstance(made, TranslationGame)
    return made


def twin(pack: Pack) -> BatchSampler:
    training = pack.training
    return BatchSampler(training, pack.seeds, real(training.dataset.name), COUNT, CPU)


def two_ways(players: Players) -> tuple[TwoWays, TwoWays]:
    assert isinstance(players.generator, TwoWays)
    assert isinstance(players.critic, TwoWays)
    return players.generator, players.critic


def softplus(logits: Tensor) -> Tensor:
    return torch.nn.functional.softplus(logits)


def number(value: Tensor) -> float:
    return value.detach().item()


def l1(one: Tensor, other: Tensor) -> float:
    """Return the mean absolute error, by a loop."""
    pairs = list(zip(one.flatten().tolist(), other.flatten().tolist(), strict=True))
    return sum(abs(a - b) for a, b in pairs) / len(pairs)


@pytest.mark.parametrize(("network", "dataset"), KINDS)
@pytest.mark.parametrize("options", [{}, {"cycle": 3.0, "identity": 0.0}, {"cycle": 0.0, "adversarial": 0.3}])
def test_losses_of_cyclegan_are_those_of_a_loop_by_hand(network: str, dataset: str, options: dict[str, float]) -> None:
    training = specify({"name": "cyclegan", **options}, network, dataset, precision="float64")
    pack = begin(training, [3])
    sampler, (translators, critics) = twin(pack), two_ways(pack.players[0])
    cycle, identity = options.get("cycle", 10.0), options.get("identity", 0.5)

    terms, _ = game(pack).critic_gradients(pack.sampler, 0)
    (samples,), (sources,) = sampler.real_samples(), sampler.sources()
    expected = 0.0
    for critic, true, fake in (
        (critics.onward, samples, translators.onward(sources)),
        (critics.back, sources, translators.back(samples)),
    ):
        expected += number(softplus(-critic(true)).mean() + softplus(critic(fake)).mean())
    assert number(terms.total) == pytest.approx(expected, rel=1e-12)
    assert torch.allclose(terms.real[0], samples)  # probes look at the critic of samples
    assert torch.allclose(terms.fake_logits[0], critics.onward(translators.onward(sources)))

    loss, _ = game(pack).generator_gradients(pack.sampler, 0)
    (samples,), (sources,) = sampler.real_samples("generator data"), sampler.sources("generator sources")
    there, back = translators.onward(sources), translators.back(samples)
    expected = number(softplus(-critics.onward(there)).mean() + softplus(-critics.back(back)).mean())
    expected *= options.get("adversarial", 1.0)
    expected += cycle * (l1(translators.back(there), sources) + l1(translators.onward(back), samples))
    expected += cycle * identity * (l1(translators.onward(samples), samples) + l1(translators.back(sources), sources))
    assert number(loss) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("network", "dataset"), KINDS)
@pytest.mark.parametrize("options", [{}, {"l1": 0.0}, {"adversarial": 0.0}, {"l1": 5.0, "adversarial": 2.0}])
def test_losses_of_pix2pix_are_those_of_a_loop_by_hand(network: str, dataset: str, options: dict[str, float]) -> None:
    pack = begin(specify({"name": "pix2pix", **options}, network, dataset, precision="float64"), [3])
    sampler, translator, critic = twin(pack), pack.players[0].generator, pack.players[0].opponent

    terms, _ = game(pack).critic_gradients(pack.sampler, 0)
    (samples,), (sources,) = sampler.real_samples(), sampler.real_sources()
    true, fake = (critic(torch.cat([sources, each], dim=1)) for each in (samples, translator(sources)))
    assert number(terms.total) == pytest.approx(number(softplus(-true).mean() + softplus(fake).mean()), rel=1e-12)

    loss, _ = game(pack).generator_gradients(pack.sampler, 0)
    (samples,), (sources,) = sampler.real_samples("generator data"), sampler.real_sources("generator data")
    made = translator(sources)
    expected = number(softplus(-critic(torch.cat([sources, made], dim=1))).mean())
    expected *= options.get("adversarial", 1.0)
    expected += options.get("l1", 100.0) * l1(made, samples)
    assert number(loss) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("updates", ["alternating", "extragradient"])
def test_gradients_are_those_of_the_losses(family: str, updates: str) -> None:
    """The field on one batch, which simultaneous methods and the metrics of the game use, against finite differences."""
    pack = begin(specify(family, precision="float64", updates=updates), [0])
    made = game(pack)
    sampler = twin(pack)
    states = sampler.state_dict(0)

    def losses() -> tuple[float, float]:
        sampler.load_state_dict({0: states})
        terms, loss, _ = made.field(sampler, 0)
        return number(terms.total), number(loss)

    sampler.load_state_dict({0: states})
    _, _, gradients = made.field(sampler, 0)
    parameters = [*pack.critic.parameters, *pack.generator.parameters]
    for index, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        player, flat = int(index >= len(pack.critic.parameters)), parameter.detach().view(-1)
        place = int(gradient.abs().argmax())
        kept, step = float(flat[place]), 1e-6
        flat[place] = kept + step
        above = losses()[player]
        flat[place] = kept - step
        below = losses()[player]
        flat[place] = kept
        assert float(gradient.reshape(-1)[place]) == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-6)


def test_unpaired_batches_never_hold_a_pair() -> None:
    sampler = twin(begin(specify(), [0, 1]))
    drawn: dict[str, set[float]] = {"samples": set(), "sources": set()}
    for _ in range(40):
        for suffix in ("", "generator "):
            drawn["samples"] |= {
                round(each * COUNT) for each in sampler.real_samples(f"{suffix}data")[..., 0].ravel().tolist()
            }
            drawn["sources"] |= {
                round(-each * COUNT) for each in sampler.sources(f"{suffix}sources")[..., 0].ravel().tolist()
            }
    assert drawn == {"samples": set(range(0, COUNT, 2)), "sources": set(range(1, COUNT, 2))}


def test_paired_batches_hold_pairs_of_all_samples() -> None:
    sampler = twin(begin(specify("pix2pix"), [0, 1]))
    seen: set[int] = set()
    for _ in range(40):
        samples, sources = sampler.real_samples(), sampler.real_sources()
        assert torch.equal(samples[..., 0], -sources[..., 0])
        seen |= {round(each * COUNT) for each in samples[..., 0].ravel().tolist()}
    assert seen == set(range(COUNT))


@pytest.mark.parametrize("penalty", ["none", *PENALTIES])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_and_regulariser_trains_cyclegan(loss: str, penalty: str) -> None:
    dataset = "inverted-digits" if penalty != "none" and PENALTIES[penalty].images_only else "moved-points"
    pack = begin(specify(dataset=dataset, loss=loss, penalty=penalty, steps=3), [0])
    before = [stack.flat.detach().clone() for stack in (pack.generator, pack.critic)]
    (measured,) = [measurement for (measurement,) in train(pack)]
    assert measured.diverged is None
    named = [penalty] if penalty != "none" and PENALTIES[penalty].in_critic_loss else []
    assert list(measured.penalties) == named
    for stack, old in zip((pack.generator, pack.critic), before, strict=True):
        for part in (stack.onward, stack.back):  # type: ignore[attr-defined]
            assert all(torch.isfinite(each).all() for each in part.parameters)
        assert not torch.equal(stack.flat, old)


@pytest.mark.parametrize("penalty", ["none", *PENALTIES])
@pytest.mark.parametrize("network", ["mlp", "dcgan"])
def test_every_regulariser_trains_pix2pix(network: str, penalty: str) -> None:
    pack = begin(specify("pix2pix", network, "inverted-digits", loss="relativistic", penalty=penalty, steps=2), [0])
    go(pack)


def test_a_penalty_acts_on_each_critic_on_its_own_side() -> None:
    """R1 of both critics: (γ/2)‖∇D‖² on samples for one, on sources for the other."""
    pack = begin(specify(penalty={"name": "r1", "weight": 2.0}, precision="float64"), [0])
    terms, _ = game(pack).critic_gradients(pack.sampler, 0)
    sampler, (_, critics) = twin(pack), two_ways(pack.players[0])
    expected = 0.0
    for critic, points in ((critics.onward, sampler.real_samples()[0]), (critics.back, sampler.sources()[0])):
        leaf = points.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(leaf).sum(), leaf)
        expected += number(gradient.square().sum(dim=1).mean())  # γ/2 = 1
    assert float(terms.penalties[0]) == pytest.approx(expected, rel=1e-9)


FURTHER: dict[str, dict[str, Any]] = {
    "simultaneous": {"updates": "simultaneous"},
    "extragradient": {"updates": "extragradient"},
    "pac": {"pac": 2},
    "top-k": {"top_k": {"final": 0.5}},
    "averages": {"ema": 0.9, "lookahead": {"every": 2}},
    "critic steps": {"critic_steps": 2, "schedule": "linear"},
    "lazy penalty": {"penalty": {"name": "r1", "weight": 0.1, "every": 2}},
    "batch normalisation": {"architecture": {"name": "mlp", "width": 8, "depth": 2, "normalisation": "batch"}},
    "spectral": {"critic": {"normalisation": "spectral"}},
    "consensus": {"penalty": {"name": "consensus"}},
    "latents": {"penalty": {"name": "zcr"}},
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", FURTHER)
def test_techniques_train_translators_alike_alone_and_in_packs(family: str, name: str) -> None:
    training = specify(family, batch_size=32, **FURTHER[name])
    alone, together = begin(training, [1]), begin(training, [0, 1, 2])
    go(alone)
    go(together)
    for player in ("generator", "critic"):
        assert torch.equal(getattr(alone, player).flat[0], getattr(together, player).flat[1]), player


@pytest.mark.parametrize("batch_size", [7, 32])
@pytest.mark.parametrize(("network", "dataset"), KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_runs_do_not_depend_on_who_shares_their_pack(family: str, network: str, dataset: str, batch_size: int) -> None:
    training = specify(family, network, dataset, batch_size=batch_size, penalty={"name": "r1", "weight": 0.1})
    alone, together = begin(training, [1]), begin(training, [0, 1, 2])
    go(alone)
    go(together)
    together.drop([together.players[0]])
    go(together, first=6, steps=8)
    go(alone, first=6, steps=8)
    for player in ("generator", "critic"):
        assert torch.equal(getattr(alone, player).flat[0], getattr(together, player).flat[0]), player


@pytest.mark.parametrize(("network", "dataset"), KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_translators_resume_bit_by_bit(family: str, network: str, dataset: str) -> None:
    training = specify(family, network, dataset, ema=0.9, lookahead={"every": 2}, penalty="zcr")
    check_resumed(lambda seed: begin(training, [seed]), {"generator", "critic", "average"})


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pac", [1, 2])
def test_probes_do_not_change_training(family: str, pac: int) -> None:
    training = specify(family, "mlp", "inverted-digits", pac=pac, penalty={"name": "r1", "weight": 0.1})
    plain, probed = begin(training, [0, 1]), begin(training, [0, 1])

    def draw(seeds: Any) -> list[tuple[Tensor, Tensor | None]]:
        samplers = [BatchSampler(training, seeds, real("inverted-digits"), COUNT, CPU, "probe ") for _ in range(2)]
        return [seen_by_critic(training, sampler) for sampler in samplers]

    go(plain)
    *_, last = train(probed, probe=Probe(draw))
    assert torch.equal(plain.generator.flat, probed.generator.flat)
    assert all(torch.isfinite(torch.tensor([*each.probes.values()])).all() for each in last)
    assert last[0].probes["test_gap"] == 0  # the same samples twice
    assert last[0].probes["slope_real"] > 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("penalty", ["none", "wgan-gp", "zcr"])
def test_steps_can_be_replayed_from_static_draws(family: str, penalty: str) -> None:
    """A graph reads what a step draws from fixed memory; here the step itself is repeated instead of a graph."""
    training = specify(family, penalty=penalty, steps=20)

    def repeated(step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        kept: list[Tensor] = []

        def replay() -> None:
            kept[0].copy_(step())

        kept.append(torch.zeros(2 + (penalty != "none"), 1))
        return replay, kept[0]

    plain, graphed = begin(training, [0]), begin(training, [0])
    games, take = [game(pack) for pack in (plain, graphed)], GraphedSteps(loop._take_step, graphed, repeated)
    for step in range(10):
        expected = loop._take_step(plain, games[0], plain.sampler, step)
        assert torch.equal(take(graphed, games[1], graphed.sampler, step), expected), step
    assert take.captured == 1
    assert take.replayed == 6
    assert torch.equal(plain.generator.flat, graphed.generator.flat)


@pytest.mark.parametrize("family", FAMILIES)
def test_metrics_of_the_game_see_the_whole_game(family: str) -> None:
    training, shape = specify(family), SHAPES["moved-points"]
    pack = begin(training, [0])
    state = GameState(training, pack.players[0], 0, 0, shape, real("moved-points"), COUNT, CPU)
    parameters, gradients = state.gradients(4)
    assert sum(each.numel() for each in parameters) == len(state.parameters())
    (there,) = state.gradients_at([state.parameters()], 4)
    joined = torch.cat([gradient.flatten() for gradient in gradients])
    assert torch.allclose(there, joined.detach(), rtol=1e-9, atol=1e-12)
    assert (there != 0).double().mean() > 0.5


def test_the_generator_of_cyclegan_translates_onward() -> None:
    pack = begin(specify(), [0])
    (translators, _), sources = two_ways(pack.players[0]), torch.randn(5, 2)
    assert torch.equal(generate(pack.players[0].generator, sources), generate(translators.onward, sources))
    assert not torch.equal(generate(translators.back, sources), generate(translators.onward, sources))
