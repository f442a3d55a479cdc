"""Spectral normalisation equals torch's, and works for the convolutions of several runs at once, as on CUDA."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from bench.compute.training.players import build_players
from bench.compute.training.spectral_norm import normalise_spectrally
from bench.compute.training.stack import Stack
from bench.plan.specification import complete_training

LAYERS = {
    "linear": lambda: (nn.Linear(5, 3), torch.randn(4, 5)),
    "convolution": lambda: (nn.Conv2d(2, 3, 3), torch.randn(4, 2, 6, 6)),
    "transposed": lambda: (nn.ConvTranspose2d(2, 3, 4), torch.randn(4, 2, 3, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_it_gives_the_bits_of_torch(name: str) -> None:
    layer, samples = LAYERS[name]()
    ours, theirs = copy.deepcopy(layer), copy.deepcopy(layer)
    torch.manual_seed(1)
    normalise_spectrally(ours)
    torch.manual_seed(1)
    spectral_norm(theirs)
    for _ in range(3):
        one, two = ours(samples), theirs(samples)
        assert torch.equal(one, two)
        pairs = [
            torch.autograd.grad(out.square().sum(), [*each.parameters()]) for out, each in ((one, ours), (two, theirs))
        ]
        assert all(torch.equal(*pair) for pair in zip(*pairs, strict=True))
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    for key, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[key]), key


def critics(seeds: range) -> list[nn.Module]:
    keys = {"dataset": "digits", "loss": "hinge", "latent": 2, "steps": 3, "precision": "float64"}
    critic = {"normalisation": "spectral"}
    training = complete_training({**keys, "architecture": {"name": "dcgan", "width": 2}, "critic": critic}, "test")
    return [build_players(training, (1, 8, 8), seed, torch.device("cpu")).critic for seed in seeds]


def test_convolutions_of_several_runs_at_once_equal_separate_ones() -> None:
    """On CUDA, convolutions of a pack go through vmap; on the CPU, only a test makes them."""
    samples = torch.randn(3, 4, 1, 8, 8, dtype=torch.float64)
    together, separate = Stack(critics(range(3)), rules=False), critics(range(3))

    def slope(logits: Tensor, parameters: list[Tensor]) -> Tensor:
        return torch.cat([each.flatten() for each in torch.autograd.grad(logits.square().sum(), parameters)])

    for _ in range(3):
        logits = together(samples)
        expected = torch.stack([critic(run) for critic, run in zip(separate, samples, strict=True)])
        torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(
        slope(logits, [*together.parameters]).norm(),
        slope(expected, [each for critic in separate for each in critic.parameters()]).norm(),
        rtol=1e-11,
        atol=0,
    )
    for stacked, alone in zip(together.networks, separate, strict=True):
        for key, value in stacked.state_dict().items():
            torch.testing.assert_close(value, alone.state_dict()[key], rtol=0, atol=1e-15)
