"""Networks of one-dimensional convolutions have the layers of their papers, and shift phases from the run's own stream."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.catalogue.architectures import ARCHITECTURES, resnet_1d, wavegan
from bench.catalogue.architectures.signal_options import Resnet1dOptions, WaveganOptions
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import build_players
from bench.errors import SuiteError
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
SOUND, STRING = (1, 256), (25, 16)
SMALL: dict[str, dict[str, Any]] = {"wavegan": {"width": 2}, "resnet-1d": {"width": 4, "blocks": 2}}


def specify(name: str = "wavegan", **keys: Any) -> Training:
    table = {
        "dataset": "tones" if name == "wavegan" else "strings",
        "architecture": {"name": name, **SMALL[name]},
        **{"loss": "hinge", "batch_size": 6, "latent": 3, "steps": 4},
    }
    return complete_training({**table, **keys}, "test")


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("length", [64, 128, 256, 512, 1024, 16384])
def test_wavegan_makes_and_judges_every_power_of_two(length: int) -> None:
    shape = (1, length)
    assert ARCHITECTURES["wavegan"].fits(shape) is None
    players = build_players(specify(), shape, 0, CPU)
    sounds = players.generator(torch.randn(2, 3))
    assert sounds.shape == (2, *shape)
    assert sounds.abs().max() <= 1
    assert players.critic(sounds).shape == (2,)


@pytest.mark.parametrize("shape", [(1, 32), (1, 300), (25, 16), (2,), (1, 8, 8), (1, 32768)])
def test_wavegan_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    assert "sounds of one channel whose length is a power of two" in (ARCHITECTURES["wavegan"].fits(shape) or "")


def test_wavegan_at_16384_samples_has_the_layers_of_the_paper() -> None:
    """Donahue et al. 2019, tables 3 and 4, d = 64: five layers of size 25 and stride 4, with 16 d channels at the dense."""
    generator = wavegan.generator(WaveganOptions(), 100, (1, 16384))
    layers = [m for m in generator.modules() if isinstance(m, nn.ConvTranspose1d)]
    assert [(m.in_channels, m.out_channels, *m.kernel_size, *m.stride) for m in layers] == [
        (1024, 512, 25, 4),
        (512, 256, 25, 4),
        (256, 128, 25, 4),
        (128, 64, 25, 4),
        (64, 1, 25, 4),
    ]
    assert isinstance(generator[0], nn.Linear)  # type: ignore[index]
    assert (generator[0].in_features, generator[0].out_features) == (100, 16 * 1024)  # type: ignore[index]
    critic = wavegan.critic(WaveganOptions(), (1, 16384))
    judges = [m for m in critic.modules() if isinstance(m, nn.Conv1d)]
    assert [(m.in_channels, m.out_channels) for m in judges] == [
        (1, 64),
        (64, 128),
        (128, 256),
        (256, 512),
        (512, 1024),
    ]
    assert [m.in_features for m in critic.modules() if isinstance(m, nn.Linear)] == [16 * 1024]
    assert wavegan.strides(256) == [4, 4]
    assert wavegan.strides(512) == [4, 4, 2]
    assert wavegan.strides(1024) == [4, 4, 4]


def test_the_residual_network_is_the_language_model_of_the_paper() -> None:
    """Gulrajani et al. 2017, code of the language model: five blocks, 0.3 times the residual, convolutions of size 5."""
    options = Resnet1dOptions(width=8)
    generator, critic = resnet_1d.generator(options, 128, (25, 32)), resnet_1d.critic(options, (25, 32))
    block = 2 * (5 * 8 * 8 + 8)
    assert parameters(generator) == 129 * 8 * 32 + 5 * block + 8 * 25 + 25
    assert parameters(critic) == 25 * 8 + 8 + 5 * block + 8 * 32 + 1
    (first, *_) = [m for m in generator.modules() if isinstance(m, resnet_1d.ResidualBlock)]
    features = torch.randn(2, 8, 32)
    assert torch.allclose(first(features) - features, 0.3 * first.residual(features), atol=1e-6)
    letters = generator(torch.randn(3, 128))
    assert letters.shape == (3, 25, 32)
    assert torch.allclose(letters.sum(dim=1), torch.ones(3, 32), atol=1e-6)
    assert letters.min() >= 0


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("normalisation", ["none", "batch", "layer", "spectral"])
def test_weights_are_normalised_as_asked(name: str, normalisation: str) -> None:
    training = specify(name, critic={"normalisation": normalisation})
    critic = build_players(training, SOUND if name == "wavegan" else STRING, 0, CPU).critic
    layers = [m for m in critic.modules() if isinstance(m, nn.Conv1d | nn.Linear)]
    kinds = {"batch": nn.BatchNorm1d, "layer": nn.GroupNorm}
    for kind, module in kinds.items():
        assert any(isinstance(m, module) for m in critic.modules()) == (kind == normalisation)
    assert all(hasattr(m, "parametrizations") for m in layers) == (normalisation == "spectral")


def test_a_shift_reflects_at_the_edges() -> None:
    shuffle = wavegan.PhaseShuffle(2)
    row = torch.arange(6.0)[None, None].repeat(3, 2, 1)
    rows = {tuple(shuffle(row)[0, 0].tolist()) for _ in range(200)}
    assert rows == {
        (0, 1, 2, 3, 4, 5),
        (1, 2, 3, 4, 5, 4),
        (2, 3, 4, 5, 4, 3),
        (1, 0, 1, 2, 3, 4),
        (2, 1, 0, 1, 2, 3),
    }
    assert torch.equal(shuffle.eval()(row), row)


def test_all_shifts_are_equally_likely() -> None:
    torch.manual_seed(0)
    shuffle = wavegan.PhaseShuffle(1)
    row = torch.arange(4.0)[None, None]
    counts = [0, 0, 0]
    for _ in range(3000):
        counts[int(shuffle(row)[0, 0, 1])] += 1
    assert [count / 3000 for count in counts] == pytest.approx([1 / 3] * 3, abs=0.04)


def begin(training: Training, seeds: list[int]) -> Pack:
    reals = torch.rand(20, *SOUND, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return assemble([training] * len(seeds), seeds, SOUND, lambda indices: reals[indices], len(reals), CPU)


def states(pack: Pack, index: int = 0) -> dict[str, Tensor]:
    state = pack.players[index].state_dict()
    return {f"{network}.{name}": value for network in state for name, value in state[network].items()}


SHUFFLED = {"critic": {"phase_shuffle": 2}, "penalty": "r1"}


def test_runs_with_shuffled_phases_are_the_same_in_a_pack_and_differ_from_each_other() -> None:
    training, seeds = specify(**SHUFFLED), [3, 1]
    together = begin(training, seeds)
    list(train(together))
    for index, seed in enumerate(seeds):
        alone = begin(training, [seed])
        list(train(alone))
        assert not alone.draws
        for (name, one), other in zip(states(alone).items(), states(together, index).values(), strict=True):
            assert torch.equal(one, other), name
    assert "critic.2.state" in states(together)
    assert not torch.equal(states(together, 0)["critic.2.state"], states(together, 1)["critic.2.state"])


def test_shuffled_phases_resume_bit_by_bit() -> None:
    training = specify(**SHUFFLED)
    at_once, interrupted, again = begin(training, [3]), begin(training, [3]), begin(training, [7])
    list(train(at_once))
    list(train(interrupted, steps=2))
    buffer = io.BytesIO()
    torch.save(interrupted.state_dict(0), buffer)
    again.load_state_dicts([torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)])
    list(train(again, 2, steps=4))
    for (name, one), other in zip(states(at_once).items(), states(again).values(), strict=True):
        assert torch.equal(one, other), name


def test_phases_are_not_shuffled_by_default_and_only_for_critics() -> None:
    critic = build_players(specify(), SOUND, 0, CPU).critic
    assert not any(isinstance(module, wavegan.PhaseShuffle) for module in critic.modules())
    with pytest.raises(SuiteError, match="phase_shuffle is an option of critics"):
        specify(architecture={"name": "wavegan", "width": 2, "phase_shuffle": 2}, critic={"name": "mlp", "width": 4})


@pytest.mark.parametrize("name", SMALL)
def test_packs_by_vmap_give_the_outputs_of_single_networks(name: str) -> None:
    """On CUDA, convolutions of a pack are one operation."""
    from bench.compute.training.stack import Stack

    shape = SOUND if name == "wavegan" else STRING
    critic = {"phase_shuffle": 2} if name == "wavegan" else {}
    training = specify(name, precision="float64", critic=critic)
    networks = [build_players(training, shape, seed, CPU).critic.eval() for seed in range(3)]
    samples = torch.randn(3, 6, *shape, dtype=torch.float64)
    expected = torch.stack([network(own) for network, own in zip(networks, samples, strict=True)])
    stack = Stack(networks, rules=False)
    torch.testing.assert_close(stack(samples), expected, rtol=1e-9, atol=1e-12)
    if name == "wavegan":
        stack.networks[0].train()
        before = stack.buffers["2.state"].clone()
        assert stack(samples).shape == expected.shape
        after = stack.buffers["2.state"]
        assert torch.equal(after, before * wavegan.MULTIPLIER % wavegan.MODULUS)  # each run's own state
