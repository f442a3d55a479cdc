"""Critics with a Lipschitz constant, sum pooling or minibatch deviations train, in packs and alone, and resume."""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from conftest import train_suite
from torch import Tensor, nn

from bench.catalogue import find, resolve
from bench.catalogue.architectures.layers import MinibatchDeviation
from bench.compute.training.fused_layers import FusedSequential, fuse
from bench.compute.training.game import Game
from bench.compute.training.loop import Measurement, train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import build_players
from bench.compute.training.stack import Stack
from bench.plan.specification import Training, complete_training
from bench.records.listing import record_paths

CPU = torch.device("cpu")
SHAPE = (1, 8, 8)
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"width": 8, "depth": 2},
    "dcgan": {"width": 2},
    "dcgan-upsample": {"width": 8},
    "resnet": {"width": 2},
}
OPTIONS: list[dict[str, Any]] = [
    {"normalisation": "spectral", "lipschitz": 20.0},
    {"minibatch_deviation": 3},
    {"minibatch_deviation": 6},
    {"minibatch_deviation": 2, "normalisation": "batch"},
    {"minibatch_deviation": 2, "normalisation": "layer"},
    {"minibatch_deviation": 2, "normalisation": "spectral", "lipschitz": 0.5},
]
CHOICES = [
    *((name, options) for name in SMALL for options in OPTIONS),
    ("mlp", {"minibatch_deviation": 3, "maxout": 2}),
    ("resnet", {"pooling": "sum"}),
    ("resnet", {"pooling": "sum", "minibatch_deviation": 3, "normalisation": "spectral", "lipschitz": 2.0}),
]


def specify(name: str, critic: dict[str, Any], **keys: object) -> Training:
    table = {
        "dataset": "digits",
        "architecture": {"name": name, **SMALL[name]},
        "critic": critic,
        "loss": "non-saturating",
        "batch_size": 6,
        "latent": 2,
        "steps": 4,
    }
    return complete_training({**table, **keys}, "test")


def begin(training: Training, seeds: Sequence[int]) -> Pack:
    reals = torch.rand(20, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return assemble([training] * len(seeds), seeds, SHAPE, lambda indices: reals[indices], len(reals), CPU)


def check_same_networks(one: Pack, index: int, other: Pack, other_index: int) -> None:
    ours, theirs = (pack.players[row].state_dict() for pack, row in ((one, index), (other, other_index)))
    for network in ours:
        for name, value in ours[network].items():
            assert torch.equal(value, theirs[network][name]), (network, name)


@pytest.mark.parametrize(("name", "options"), CHOICES, ids=str)
@pytest.mark.parametrize("penalty", ["none", "wgan-gp"])
def test_a_run_gives_the_same_bits_in_a_pack_as_alone(name: str, options: dict[str, Any], penalty: str) -> None:
    training = specify(name, options, penalty=penalty)
    together, seeds = begin(training, (0, 1, 1)), (0, 1, 1)
    measured: list[list[Measurement]] = list(train(together))
    for index, seed in enumerate(seeds):
        alone = begin(training, [seed])
        for (one,), all_runs in zip(train(alone), measured, strict=True):
            assert one.diverged is None
            assert one.critic_loss == all_runs[index].critic_loss
        check_same_networks(together, index, alone, 0)


@pytest.mark.parametrize("width", [5, 8, 33])
@pytest.mark.parametrize("batch", [4, 12, 36, 64, 100])
@pytest.mark.parametrize("precision", ["float32", "bf16", "float64"])
def test_minibatch_deviations_give_the_same_bits_for_every_size(precision: str, batch: int, width: int) -> None:
    architecture = {"name": "mlp", "width": width, "depth": 1}
    training = specify(
        "mlp", {"minibatch_deviation": 4}, architecture=architecture, batch_size=batch, precision=precision
    )
    pack = begin(training, range(5))
    list(train(pack))
    for index in (0, 3):
        alone = begin(training, [index])
        list(train(alone))
        check_same_networks(pack, index, alone, 0)


@pytest.mark.parametrize(("name", "options"), CHOICES, ids=str)
def test_an_interrupted_run_resumes_bit_by_bit(name: str, options: dict[str, Any]) -> None:
    training = specify(name, options)
    at_once, interrupted, resumed = begin(training, [0]), begin(training, [0]), begin(training, [7])
    list(train(at_once))
    list(train(interrupted, steps=2))
    buffer = io.BytesIO()
    torch.save(interrupted.state_dict(0), buffer)
    resumed = begin(training, [7])
    resumed.load_state_dicts([torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)])
    list(train(resumed, 2))
    check_same_networks(at_once, 0, resumed, 0)


@pytest.mark.parametrize("double_backward", [False, True])
@pytest.mark.parametrize("options", [OPTIONS[1], OPTIONS[3], OPTIONS[4]], ids=str)
def test_the_rule_of_deviations_equals_vmap_and_separate_networks(
    options: dict[str, Any], double_backward: bool
) -> None:
    """Compare logits, gradients and the gradients of a gradient's norm."""
    training = specify("mlp", options, precision="float64")
    samples = torch.randn(3, 12, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def everything(apply: str) -> list[Tensor]:
        networks = [build_players(training, SHAPE, seed, CPU).critic for seed in range(3)]
        stack = Stack(networks, rules=apply == "rules", double_backward=double_backward)
        assert (stack._forward is not None) == (apply == "rules")
        points = samples.clone().requires_grad_()
        if apply == "separate":
            logits = torch.stack([network(own) for network, own in zip(networks, points, strict=True)])
            weights = [parameter for network in networks for parameter in network.parameters()]
        else:
            logits, weights = stack(points), stack.parameters
        (slopes,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
        wanted = logits.square().mean() + slopes.flatten(2).norm(dim=2).mean()
        gradients = torch.autograd.grad(wanted, weights, allow_unused=True, materialize_grads=True)
        total = sum(gradient.square().sum() for gradient in gradients)
        assert isinstance(total, Tensor)
        return [logits, slopes, total]

    rules, vmapped, separate = (everything(apply) for apply in ("rules", "vmap", "separate"))
    for ours, one, other in zip(rules, vmapped, separate, strict=True):
        torch.testing.assert_close(ours, one, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(ours, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), [("dcgan", OPTIONS[1]), ("resnet", CHOICES[-1][1])], ids=str)
def test_convolutional_critics_give_the_same_logits_by_vmap(name: str, options: dict[str, Any]) -> None:
    """CUDA trains packs of convolutions by vmap, which supports spectral normalisation only in evaluation mode."""
    training = specify(name, options, precision="float64")
    networks = [build_players(training, SHAPE, seed, CPU).critic.eval() for seed in range(3)]
    samples = torch.randn(3, 6, *SHAPE, dtype=torch.float64)
    expected = torch.stack([network(own) for network, own in zip(networks, samples, strict=True)])
    torch.testing.assert_close(Stack(networks, rules=False)(samples), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_real_and_generated_samples_are_never_in_one_group(name: str) -> None:
    """The critic's loss is that of two separate batches, written out here."""
    training = specify(name, {"minibatch_deviation": 3}, precision="float64")
    players = build_players(training, SHAPE, 0, CPU)
    pack = begin(training, [0])
    draws = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(1, 6, *SHAPE, dtype=torch.float64, generator=draws) for _ in range(2))
    game = Game([training], Stack([players.generator]), Stack([players.critic]), CPU)
    loss = game.critic_terms(real, fake, pack.sampler, 0).total
    separate = nn.functional.softplus(-players.critic(real[0])) + nn.functional.softplus(players.critic(fake[0]))
    assert loss.item() == pytest.approx(separate.mean().item(), rel=1e-12)
    mixed = players.critic(torch.cat([real[0], fake[0]]))
    assert (mixed[:6] - players.critic(real[0])).abs().max() > 1e-4
    assert any(isinstance(module, MinibatchDeviation) for module in players.critic.modules())


@pytest.mark.parametrize("size", [8, 9, 28])
@pytest.mark.parametrize(("name", "options"), [choice for choice in CHOICES if choice[0] != "mlp"], ids=str)
def test_a_fused_critic_equals_the_plain_one(name: str, options: dict[str, Any], size: int) -> None:
    entry = find("architecture", name)
    torch.manual_seed(0)
    plain = resolve(f"{entry.module}:critic")(entry.options(**SMALL[name], **options), (3, size, size)).double()
    fused = fuse(copy.deepcopy(plain))
    assert any(isinstance(module, FusedSequential) for module in fused.modules())
    found = []
    for network in (plain, fused):
        samples = torch.randn(6, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        logits = network(samples.requires_grad_())
        gradients = torch.autograd.grad(logits.square().sum(), [samples, *network.parameters()])
        found.append([logits, *gradients])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


WITH_METRICS = """
name = "critics"
seeds = 1
[matrix]
loss = ["relativistic"]
dataset = [{ name = "ring", points = 100 }]
architecture = [{ name = "mlp", width = 4, depth = 1 }]
critic = [
  { minibatch_deviation = 4, label = "deviation" },
  { normalisation = "spectral", lipschitz = 20.0, label = "spectral 20" },
]
[training]
steps = 4
batch_size = 8
latent = 2
ema = 0.9
[evaluation]
every = 2
samples = 50
metrics = ["modes", { name = "spectrum", samples = 8, eigenvalues = 2 }, { name = "path-angle", samples = 8 }]
"""


def test_probes_and_metrics_of_the_game_measure_such_critics(tmp_path: Path) -> None:
    paths = record_paths(train_suite(WITH_METRICS, tmp_path))
    assert len(paths) == 2
    for path in paths:
        last = pd.read_parquet(path).iloc[-1].drop("samples").astype(float)
        wanted = {"real_logit", "slope_fake", "spectrum_radius", "path_rotation", "modes_ema"}
        assert wanted <= {*last.index}
        assert last.notna().all()
