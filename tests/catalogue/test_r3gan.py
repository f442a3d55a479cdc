"""R3GAN: its blocks are the identity at first, its initialisation keeps variances, and its layers are the paper's."""

from __future__ import annotations

import pytest
import torch
from gradient_penalties import check_gradient_penalty
from torch import Tensor, nn

from bench.catalogue.architectures import R3ganOptions, r3gan

SMALL = R3ganOptions(width=4, widest=8, blocks=1)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def blocks_of(network: nn.Module) -> list[r3gan.Block]:
    return [module for module in network.modules() if isinstance(module, r3gan.Block)]


def test_blocks_are_the_identity_before_the_first_step_and_not_after() -> None:
    critic = r3gan.critic(SMALL, (1, 8, 8))
    block, features = blocks_of(critic)[0], torch.randn(2, 4, 8, 8)
    assert torch.equal(block(features), features)
    descent = torch.optim.SGD(critic.parameters(), lr=0.1)
    critic(torch.randn(4, 1, 8, 8)).square().sum().backward()
    descent.step()
    assert not torch.equal(block(features), features)


@pytest.mark.parametrize("stages", [1, 4])
def test_the_residuals_of_all_blocks_together_have_the_variance_of_one_input(stages: int) -> None:
    """Two layers are scaled by L^(−1/4), so the mean square of a residual before its last layer is 1/L."""
    options = R3ganOptions(width=64, widest=64, blocks=2)
    (block, _), count = r3gan._blocks(options, 64, stages), 2 * stages
    features = torch.randn(8, 64, 24, 24)
    first = block.residual[:2](features)
    assert first.square().mean().item() == pytest.approx(count**-0.5, rel=0.1)
    second = block.residual[2:4](first)[:, :, 1:-1, 1:-1]
    assert second.square().mean().item() == pytest.approx(1 / count, rel=0.15)


def test_all_other_layers_keep_the_mean_square() -> None:
    """The basis and the 1×1 convolutions; resampling, which smooths white noise, does not."""
    options = R3ganOptions(width=64, widest=128, blocks=1)
    generator, critic = r3gan.generator(options, 64, (3, 16, 16)), r3gan.critic(options, (3, 16, 16))
    assert generator[0](torch.randn(256, 64)).square().mean().item() == pytest.approx(1, rel=0.2)
    layers = [each for network in (generator, critic) for each in network if isinstance(each, nn.Conv2d)]
    assert len(layers) == 5  # a transition and a last or a first layer each, and the critic's basis
    for layer in layers:
        maps = torch.randn(64, layer.in_channels, 4, 4)
        assert layer(maps).square().mean().item() == pytest.approx(1, rel=0.35)
    assert critic[-2](torch.randn(9, 128)).shape == (9, 1)


def test_the_default_widths_and_groups_are_those_of_the_paper_at_256_pixels() -> None:
    """The preset FFHQ-256 of the authors: channels ¾ of 1024 1024 1024 1024 512 256 128, 3 × 32 32 32 32 16 8 4 groups."""
    options = R3ganOptions()
    widths = options.widths(7)
    assert widths == [3 * each // 4 for each in (1024, 1024, 1024, 1024, 512, 256, 128)]
    with torch.device("meta"):
        groups = [r3gan.Block(width, options.group, 14).residual[2].groups for width in widths]
    assert groups == [3 * each for each in (32, 32, 32, 32, 16, 8, 4)]


def test_the_layers_at_32_pixels_are_those_of_the_paper() -> None:
    """The preset CIFAR10: 768 channels everywhere, two blocks per size; no layer but activations has a bias."""
    options = R3ganOptions(width=768)
    with torch.device("meta"):
        generator, critic = r3gan.generator(options, 64, (3, 32, 32)), r3gan.critic(options, (3, 32, 32))
    block = 768 * 1536 + 1536 + 1536 * 16 * 9 + 1536 + 1536 * 768
    assert count(generator) == 768 * 16 + 64 * 768 + 8 * block + 768 * 3
    assert count(critic) == 3 * 768 + 8 * block + 768 * 16 + 768
    assert len(blocks_of(generator)) == len(blocks_of(critic)) == 8
    kernels = [tuple(m.weight.shape) for m in blocks_of(critic)[0].modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [(1536, 768, 1, 1), (1536, 16, 3, 3), (768, 1536, 1, 1)]
    assert not [m for m in generator.modules() if "Norm" in type(m).__name__]


def count(network: nn.Module) -> int:
    return sum(each.numel() for each in network.parameters())


@pytest.mark.parametrize(("channels", "size"), [(2, 4), (5, 10), (20, 20), (24, 16), (22, 22), (23, 23)])
def test_groups_divide_the_channels(channels: int, size: int) -> None:
    """At least 16 channels each, and of the numbers that divide the doubled channels the smallest."""
    grouped = r3gan.Block(channels, 16, 1).residual[2]
    assert grouped.in_channels // grouped.groups == size


def test_a_sample_of_the_generator_is_its_basis_resampled_at_first() -> None:
    """Without blocks nothing is nonlinear: the samples are linear in the latents."""
    generator = r3gan.generator(SMALL, 5, (3, 15, 15)).double()
    one, two = torch.randn(2, 3, 5).double().unbind()
    mixed: Tensor = generator(2 * one - 3 * two)
    torch.testing.assert_close(mixed, 2 * generator(one) - 3 * generator(two))


@pytest.mark.parametrize("size", [8, 9])
def test_second_derivatives_agree_with_finite_differences(size: int) -> None:
    critic = r3gan.critic(SMALL, (1, size, size)).double()
    for block in blocks_of(critic):
        nn.init.normal_(block.residual[-1].weight)
    check_gradient_penalty(critic, torch.randn(2, 1, size, size))
