"""Noise in the layers of a generator: from a stream of the run, the same alone and in packs, constant when evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from bench.compute.training.cuda_graphs import StaticDraws
from bench.compute.training.layer_noise import with_noise
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import build_players, generate
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
SHAPE = (1, 9, 9)
REALS = torch.rand(16, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
OPTIONS = {"width": 2, "widest": 4}


def specify(name: str = "stylegan", options: dict[str, object] | None = None, **keys: object) -> Training:
    table = {"dataset": "digits", "loss": "non-saturating", "batch_size": 4, "latent": 3, "steps": 4}
    return complete_training({**table, "architecture": {"name": name, **OPTIONS, **(options or {})}, **keys}, "test")


def start(training: Training, seeds: Sequence[int] = (0,)) -> Pack:
    return assemble([training] * len(seeds), seeds, SHAPE, lambda i: REALS[i], len(REALS), CPU)


def with_strength(pack: Pack, strength: float = 1.0) -> Pack:
    """Return the pack with noise of some strength in all layers; before the first step it is 0."""
    for players in pack.players:
        for name, parameter in players.generator.named_parameters():
            if name.endswith("strength"):
                parameter.data.fill_(strength)
    return pack


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"ema": 0.9},
        {"penalty": {"name": "r1", "every": 2}, "critic_steps": 2},
        {"penalty": "zcr"},
        {"updates": "extragradient"},
        {"precision": "float64"},
        {"precision": "bf16"},
        {"lookahead": {"every": 2}},
        {"batch_size": 5, "latent": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["stylegan", "r3gan"])
def test_the_same_bits_alone_and_in_a_pack(name: str, keys: dict[str, object]) -> None:
    training, seeds = specify(name, **keys), (2, 0, 2, 1)
    together = with_strength(start(training, seeds))
    list(train(together))
    for players, seed in zip(together.players, seeds, strict=True):
        alone = with_strength(start(training, [seed]))
        list(train(alone))
        for network, state in alone.players[0].state_dict().items():
            for key, value in state.items():
                assert torch.equal(value, players.state_dict()[network][key]), (network, key)
        latents = torch.randn(6, training.latent, generator=torch.Generator().manual_seed(5))
        assert torch.equal(generate(players.generator, latents), generate(alone.players[0].generator, latents))


@pytest.mark.parametrize("name", ["stylegan", "r3gan"])
@pytest.mark.parametrize("part", ["generator", "critic"])
def test_networks_of_a_pack_on_a_gpu_equal_separate_ones(name: str, part: str) -> None:
    """There, vmap computes them at once: compare values, gradients, and gradients of the norm of a gradient."""
    training = specify(name, precision="float64")

    def everything(by_vmap: bool) -> list[Tensor]:
        networks = [getattr(build_players(training, SHAPE, seed, CPU), part) for seed in range(3)]
        for number, network in enumerate(networks):
            draw = torch.Generator().manual_seed(number)
            for parameter in network.parameters():  # no strength of noise and no residual stays 0
                parameter.data += 0.3 * torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
        stack = Stack(networks, rules=not by_vmap)
        assert stack._separate != by_vmap
        shape = SHAPE if part == "critic" else (3 + getattr(networks[0], "noise_numbers", 0),)
        inputs = torch.randn(3, 4, *shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
        out = stack(inputs.requires_grad_())
        (slopes,) = torch.autograd.grad(out.square().sum(), inputs, create_graph=True)
        wanted = (out.sum() + slopes.flatten(2).norm(dim=2).sum(), stack.parameters)
        return [out, slopes, *torch.autograd.grad(*wanted, allow_unused=True, materialize_grads=True)]

    for one, other in zip(everything(True), everything(False), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


def test_every_batch_has_fresh_noise_and_samples_of_moved_latents_share_it() -> None:
    pack = with_strength(start(specify(), [0, 1]))
    latents = torch.randn(2, 4, 3)
    first, second = with_noise(pack.generator, pack.sampler), with_noise(pack.generator, pack.sampler)
    assert torch.equal(first(latents), first(latents))
    assert not torch.allclose(first(latents), second(latents))
    again = with_strength(start(specify(), [0, 1]))
    assert torch.equal(first(latents), with_noise(again.generator, again.sampler)(latents))


def test_noise_is_standard_normal_and_differs_between_runs_samples_and_pixels() -> None:
    pack = start(specify(batch_size=64), [0, 1])
    noise = pack.sampler.layer_noise(999)
    assert noise.shape == (2, 64, 999)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert noise.std().item() == pytest.approx(1, abs=0.02)
    assert len(noise.unique()) > 0.9 * noise.numel()


def test_noise_has_a_stream_of_its_own() -> None:
    """Latents and real samples are those of a run without noise."""
    noisy, plain = start(specify()).sampler, start(specify(options={"noise": False})).sampler
    noisy.layer_noise(100)
    assert torch.equal(noisy.latents(), plain.latents())
    assert torch.equal(noisy.real_samples(), plain.real_samples())


def test_noise_changes_training_and_none_is_drawn_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy, other = with_strength(start(specify())), with_strength(start(specify()))
    list(train(noisy))
    draw: Callable[..., Tensor] = BatchSampler.layer_noise
    monkeypatch.setattr(BatchSampler, "layer_noise", lambda sampler, count: -draw(sampler, count))
    list(train(other))
    assert not torch.equal(noisy.generator.flat, other.generator.flat)
    monkeypatch.setattr(BatchSampler, "layer_noise", None)
    list(train(start(specify(options={"noise": False}))))
    list(train(start(specify("r3gan"))))


def test_evaluating_never_changes_training_and_gives_the_same_samples_each_time() -> None:
    watched, unwatched = with_strength(start(specify(ema=0.9))), with_strength(start(specify(ema=0.9)))
    latents = torch.randn(7, 3, generator=torch.Generator().manual_seed(5))
    for _ in train(watched, pause=1):
        for network in (watched.players[0].generator, watched.players[0].average):
            assert network is not None
            samples = generate(network, latents)
            assert torch.equal(samples, generate(network, latents))
            torch.testing.assert_close(samples[:3], generate(network, latents[:3]))
    list(train(unwatched))
    for one, other in zip(
        watched.players[0].state_dict().items(), unwatched.players[0].state_dict().items(), strict=True
    ):
        assert all(torch.equal(value, other[1][key]) for key, value in one[1].items())


def test_noise_goes_on_where_a_checkpoint_left_it() -> None:
    whole, half = with_strength(start(specify())), with_strength(start(specify()))
    list(train(whole))
    list(train(half, steps=2))
    resumed = start(specify(), [9])
    resumed.load_state_dicts([half.state_dict(0)])
    list(train(resumed, 2))
    assert torch.equal(resumed.generator.flat, whole.generator.flat)


def test_steps_that_are_recorded_once_get_fresh_noise_at_each_replay() -> None:
    sampler = StaticDraws(start(specify()).sampler)
    noise = sampler.layer_noise(50)
    before = noise.clone()
    assert sampler.rewind().layer_noise(50) is noise
    sampler.redraw(later=1)
    assert not torch.equal(noise, before)
