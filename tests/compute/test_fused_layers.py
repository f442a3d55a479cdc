"""Fused networks equal their plain layers in double precision, and need fewer multiplications."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.catalogue import find
from bench.catalogue.architectures import dcgan, dcgan_upsample, resnet
from bench.compute.training.fused_layers import PAIRS, FusedSequential, fuse
from bench.compute.training.players import apply_spectral_norm
from bench.compute.training.stack import Stack
from bench.plan.specification import Choice, complete_training

LATENT = 5
FAMILIES = {"dcgan": (dcgan, 4), "dcgan-upsample": (dcgan_upsample, 8), "resnet": (resnet, 4)}


def plain(name: str, shape: tuple[int, ...], normalisation: str = "batch") -> tuple[nn.Module, nn.Module]:
    """Return a small generator and critic, not fused."""
    torch.manual_seed(0)
    module, width = FAMILIES[name]
    options = find("architecture", name).options(width=width, normalisation=normalisation)
    networks = module.generator(options, LATENT, shape), module.critic(options, shape)
    for network in networks:
        for parameter in network.parameters():  # biases too, large enough to matter in every layer
            nn.init.normal_(parameter, std=0.3)
    return tuple(network.double() for network in networks)


def everything(generator: nn.Module, critic: nn.Module) -> list[Tensor]:
    """Return samples, logits, the gradients of both players, and those of a gradient penalty."""
    latents = torch.randn(3, LATENT, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    images = generator(latents)
    logits = critic(images)
    both = [*generator.parameters(), *critic.parameters()]
    gradients = torch.autograd.grad(logits.square().sum(), both)
    points = images.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    second = torch.autograd.grad(slope.square().sum(), list(critic.parameters()), materialize_grads=True)
    return [images, logits, *gradients, slope, *second]


@pytest.mark.parametrize("normalisation", ["batch", "layer", "none"])
@pytest.mark.parametrize(
    "shape", [(1, 8, 8), (3, 9, 9), (3, 12, 12), (1, 15, 15), (3, 16, 16), (1, 28, 28), (3, 30, 30)]
)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_fused_network_equals_the_plain_one(name: str, shape: tuple[int, ...], normalisation: str) -> None:
    """Compare values, gradients and second derivatives, for sizes that halve evenly and others."""
    networks = plain(name, shape, normalisation)
    together = [fuse(copy.deepcopy(network)) for network in networks]
    for one, other in zip(networks, together, strict=True):
        assert [*one.state_dict()] == [*other.state_dict()]
        assert any(isinstance(module, FusedSequential) for module in other.modules())
    expected = everything(*networks)
    for ours, theirs in zip(everything(*together), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-9 * max(1.0, theirs.abs().max().item()))


@pytest.mark.parametrize(
    ("layers", "features", "share"),
    [
        ([nn.Upsample(size=(8, 8)), nn.Conv2d(5, 6, 3, padding=1)], (5, 4, 4), 4 / 9),
        ([nn.Conv2d(5, 6, 3, padding=1), nn.AvgPool2d(2, ceil_mode=True)], (5, 8, 8), 4 / 9),
        ([nn.Upsample(size=(8, 8)), nn.Conv2d(5, 6, 1)], (5, 4, 4), 1 / 4),
        ([nn.Conv2d(5, 6, 1), nn.AvgPool2d(2, ceil_mode=True)], (5, 8, 8), 1 / 4),
        ([nn.Unflatten(1, (5, 1, 1)), nn.ConvTranspose2d(5, 6, 4)], (5,), 1),
        ([nn.Conv2d(5, 1, 4), nn.Flatten(0)], (5, 4, 4), 1),
        ([nn.Conv2d(5, 6, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()], (5, 4, 4), 1),
        ([nn.Conv2d(5, 3, 3, padding=1), nn.Tanh()], (5, 8, 8), 16 / 9),  # on vectors of 16 numbers instead of 4
        ([nn.ConvTranspose2d(5, 3, 4, stride=2, padding=1), nn.Tanh()], (5, 8, 8), (9 / 8) ** 2),
    ],
)
def test_each_pair_needs_fewer_multiplications(
    layers: list[nn.Module], features: tuple[int, ...], share: float
) -> None:
    network = nn.Sequential(*layers).double()
    assert tuple(map(type, layers[-2:])) in PAIRS
    inputs = torch.randn(2, *features, dtype=torch.float64)
    counts, outputs = [], []
    for each in (network, fuse(network)):
        with FlopCounterMode(display=False) as counter:
            outputs.append(each(inputs))
        counts.append(counter.get_total_flops())
    torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
    assert counts[1] / counts[0] == pytest.approx(share)


@pytest.mark.parametrize(
    ("layers", "features"),
    [
        ([nn.Upsample(size=(8, 8)), nn.Conv2d(5, 6, 3, padding=1, padding_mode="reflect")], (5, 4, 4)),
        ([nn.Upsample(size=(8, 8), mode="bilinear"), nn.Conv2d(5, 6, 3, padding=1)], (5, 4, 4)),
        ([nn.Upsample(size=(8, 8)), nn.Conv2d(4, 6, 3, padding=1, groups=2)], (4, 4, 4)),
        ([nn.Conv2d(5, 6, 1), nn.AvgPool2d(2, padding=1)], (5, 8, 8)),
        ([nn.Conv2d(5, 6, 3, padding=1), nn.AvgPool2d(2, stride=1)], (5, 8, 8)),
        ([nn.Conv2d(5, 6, 3, padding=1), nn.AvgPool2d(2, divisor_override=1)], (5, 8, 8)),
        ([nn.Conv2d(5, 6, 3, padding=1, dilation=2), nn.AvgPool2d(2)], (5, 10, 10)),
        ([nn.Unflatten(1, (4, 1, 1)), nn.ConvTranspose2d(4, 6, 4, groups=2)], (4,)),
        ([nn.Conv2d(4, 1, 3, dilation=2), nn.Flatten(0)], (4, 5, 5)),
        ([nn.Conv2d(5, 3, 3, padding=1, padding_mode="reflect"), nn.Tanh()], (5, 8, 8)),
        ([nn.ConvTranspose2d(4, 2, 4, stride=2, padding=1, output_padding=1), nn.Tanh()], (4, 8, 8)),
        ([torch.nn.utils.spectral_norm(nn.Conv2d(5, 6, 3, padding=1)), nn.AvgPool2d(2)], (5, 8, 8)),
    ],
    ids=str,
)
def test_layers_with_unsupported_settings_are_not_fused(layers: list[nn.Module], features: tuple[int, ...]) -> None:
    network = nn.Sequential(*layers).double().eval()
    inputs = torch.randn(2, *features, dtype=torch.float64)
    expected = network(inputs)
    torch.testing.assert_close(fuse(network)(inputs), expected, rtol=1e-12, atol=1e-12)


def test_a_repeated_layer_stays_shared() -> None:
    activation, block = nn.LeakyReLU(0.2), nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.Tanh())
    network = nn.Sequential(block, activation, nn.Conv2d(4, 4, 1), activation, block).double()
    inputs = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    expected, names = network(inputs), [*network.state_dict()]
    together = fuse(copy.deepcopy(network))
    torch.testing.assert_close(together(inputs), expected, rtol=1e-12, atol=1e-12)
    assert [*together.state_dict()] == names
    assert len([*together.parameters()]) == len([*network.parameters()])


def test_every_pair_is_covered_above() -> None:
    assert len(PAIRS) == 7


@pytest.mark.parametrize("name", FAMILIES)
def test_feature_maps_and_images_are_channels_last(name: str) -> None:
    generator, critic = (fuse(network) for network in plain(name, (3, 16, 16)))
    seen: list[Tensor] = [generator(torch.randn(4, LATENT, dtype=torch.float64))]
    for module in [*generator.modules(), *critic.modules()]:
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
    critic(generator(torch.randn(4, LATENT, dtype=torch.float64)).contiguous())
    assert len(seen) > 2
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in seen)


def test_spectral_normalisation_does_one_power_iteration_per_pass() -> None:
    keys = {"dataset": "digits", "architecture": "resnet", "loss": "hinge", "critic": {"normalisation": "spectral"}}
    choice: Choice = complete_training({**keys, "steps": 1}, "test").critic
    network = apply_spectral_norm(plain("resnet", (1, 8, 8))[1], choice)
    together = fuse(copy.deepcopy(network))
    images = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    for _ in range(3):
        torch.testing.assert_close(together(images), network(images), rtol=1e-9, atol=1e-9)
    for name, buffer in network.named_buffers():
        torch.testing.assert_close(together.get_buffer(name), buffer, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FAMILIES)
def test_fused_networks_train_in_packs(name: str) -> None:
    """Run them by vmap, as on CUDA."""
    networks = [fuse(plain(name, (3, 16, 16), "layer")[1]) for _ in range(2)]
    images = torch.randn(2, 3, 3, 16, 16, dtype=torch.float64)
    alone = torch.stack([network(own) for network, own in zip(networks, images, strict=True)])
    torch.testing.assert_close(Stack(networks, rules=False)(images), alone, rtol=1e-9, atol=1e-9)


def test_a_network_without_convolutions_is_unchanged() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    assert fuse(network) is network
