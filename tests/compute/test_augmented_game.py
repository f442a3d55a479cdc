"""The game with augmentation and consistency equals plain derivatives of the formulas."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.catalogue.augmentations import DiffAugmentOptions, diff_augment, flipped
from bench.compute.training.game import Game
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import build_players
from bench.compute.training.random_streams import Streams
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
REALS = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 2 - 1


def specify(**keys: object) -> Training:
    base = {
        "dataset": "digits",
        "architecture": {"name": "mlp", "width": 5, "depth": 1, "activation": "tanh"},
        "loss": "non-saturating",
        "optimizer": {"name": "sgd", "lr": 0.02},
        "steps": 4,
        "batch_size": 6,
        "latent": 3,
        "precision": "float64",
    }
    return complete_training({**base, **keys}, "test")


def sampler_of(training: Training) -> BatchSampler:
    return BatchSampler(training, [0], lambda i: REALS[i], len(REALS), CPU)


def build(training: Training) -> tuple[Game, Any]:
    players = build_players(training, (1, 8, 8), 0, CPU)
    return Game([training], Stack([players.generator]), Stack([players.critic]), CPU), players


def same(found: Any, expected: Any) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one[0], other, rtol=1e-9, atol=1e-12)


def gradients(loss: Tensor, network: torch.nn.Module) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, list(network.parameters()))


def test_both_players_see_augmented_images_and_gradients_pass_through() -> None:
    training = specify(penalty="diffaugment")
    game, players = build(training)
    sampler, twin, options = sampler_of(training), sampler_of(training), DiffAugmentOptions()
    _, found = game.critic_gradients(sampler, 0)
    real, fake = twin.real_samples(), players.generator(twin.latents()[0])[None]
    r, f = (players.critic(diff_augment(options, x, twin.augmentation(7), True)[0]) for x in (real, fake.detach()))
    same(found, gradients(F.softplus(-r).mean() + F.softplus(f).mean(), players.critic))
    _, found = game.generator_gradients(sampler, 0)
    fake = players.generator(twin.latents()[0])[None]
    shown = diff_augment(options, fake, twin.augmentation(7), False)
    same(found, gradients(F.softplus(-players.critic(shown[0])).mean(), players.generator))


@pytest.mark.parametrize("of", ["real", "both"])
def test_real_images_are_mirrored_wherever_the_critic_sees_them(of: str) -> None:
    """The relativistic generator sees real images too, of which others are mirrored than in the critic's update."""
    training = specify(penalty={"name": "flip", "of": of}, loss="relativistic")
    game, players = build(training)
    sampler, twin = sampler_of(training), sampler_of(training)
    for generator in (False, True):
        real = None if generator else twin.real_samples()
        fake = players.generator(twin.latents()[0])[None]
        if real is None:  # the generator's update draws the numbers of generated samples first
            on_fake = twin.augmentation(1)[..., 0]
            real = twin.real_samples("generator data")
            on_real = twin.augmentation(1)[..., 0]
        else:
            on_real, on_fake = (twin.augmentation(1)[..., 0] for _ in range(2))
        r = players.critic(flipped(real, on_real)[0])
        f = players.critic((flipped(fake, on_fake) if of == "both" else fake)[0])
        loss = F.softplus(r - f).mean() if generator else F.softplus(f - r).mean()
        update = game.generator_gradients if generator else game.critic_gradients
        same(update(sampler, 0)[1], gradients(loss, players.generator if generator else players.critic))


def test_balanced_consistency_is_added_to_the_critics_loss_only() -> None:
    training, plain = specify(penalty={"name": "bcr", "weight": 3.0, "every": 2}), specify()
    game, _ = build(training)
    bare = Game([plain], game.generator, game.critic, CPU)
    for update in (0, 1):
        terms, _ = game.critic_gradients(sampler_of(training), update)
        without, _ = bare.critic_gradients(sampler_of(training), update)
        if update % 2:
            assert terms.total.item() == without.total.item()
        else:
            assert terms.penalties[0].item() > 0
            assert (terms.total - without.total).item() == pytest.approx(2 * terms.penalties[0].item(), rel=1e-9)
    (one, _), (other, _) = (each.generator_gradients(sampler_of(training), 0) for each in (game, bare))
    assert one.item() == other.item()


def test_latent_consistency_moves_both_players() -> None:
    training = specify(penalty={"name": "zcr", "weight": 5.0, "generator_weight": 0.5, "sigma": 0.3})
    game, players = build(training)
    sampler, twin = sampler_of(training), sampler_of(training)
    terms, found = game.critic_gradients(sampler, 0)
    (real,), (z,), (delta,) = twin.real_samples(), twin.latents(), twin.latent_noise()
    with torch.no_grad():
        fake, moved = players.generator(z), players.generator(z + 0.3 * delta)
    r, f, m = (players.critic(samples) for samples in (real, fake, moved))
    term = 5.0 * (f - m).square().mean()
    same(found, gradients(F.softplus(-r).mean() + F.softplus(f).mean() + term, players.critic))
    assert terms.penalties[0].item() == pytest.approx(term.item(), rel=1e-9)
    _, found = game.generator_gradients(sampler, 0)
    (z,), (delta,) = twin.latents(), twin.latent_noise()
    fake, moved = players.generator(z), players.generator(z + 0.3 * delta)
    away = (fake - moved).square().flatten(1).sum(1).mean()
    same(found, gradients(F.softplus(-players.critic(fake)).mean() - 0.5 * away, players.generator))


def test_latent_consistency_sees_augmented_samples() -> None:
    """Its critic's term compares what the critic sees, so noise alone makes a difference where δ makes none."""
    zcr = {"name": "zcr", "sigma": 1e-12}
    for others, visible in (((), False), (({"name": "instance-noise", "sigma": 0.5},), True)):
        game, _ = build(specify(penalty=[*others, zcr]))
        terms, _ = game.critic_gradients(sampler_of(game.training), 0)
        assert (terms.penalties[0].item() > 1e-6) == visible


def begin(training: Training, seed: int = 0) -> Pack:
    reals = REALS.float()
    return assemble([training], [seed], (1, 8, 8), lambda i: reals[i], len(reals), CPU)


def test_a_checkpoint_without_the_newer_streams_can_be_resumed() -> None:
    training = specify(precision="float32")
    whole, interrupted, again = begin(training), begin(training), begin(training, 3)
    list(train(whole))
    list(train(interrupted, steps=2))
    state = interrupted.state_dict(0)
    for name in ("augmentation", "latent noise"):
        del state["streams"][name]
    again.load_state_dicts([state])
    list(train(again, 2))
    for one, other in zip(whole.generator.parameters, again.generator.parameters, strict=True):
        assert torch.equal(one, other)


def test_augmentation_leaves_all_other_random_numbers_as_they_are() -> None:
    drawn = []
    for penalty in ("none", ["diffaugment", "zcr"]):
        training = specify(penalty=penalty)
        pack = assemble([training], [0], (1, 8, 8), lambda i: REALS[i], len(REALS), CPU)
        list(train(pack))
        streams: Streams = pack.sampler._streams
        drawn.append([pack.sampler.real_samples(), pack.sampler.latents(), streams.uniform("penalty", 3)])
    assert all(torch.equal(one, other) for one, other in zip(*drawn, strict=True))
