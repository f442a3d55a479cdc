"""Each part of StyleGAN2 agrees with a naive twin: modulation, equalised rates, noise, the skip generator."""

from __future__ import annotations

import warnings
from math import sqrt

import pytest
import torch
from gradient_penalties import check_gradient_penalty
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue.architectures import StyleganOptions, stylegan
from bench.catalogue.architectures.equalised import EqualisedConvolution, EqualisedLinear, activate
from bench.catalogue.architectures.layers import MinibatchDeviation
from bench.catalogue.architectures.resampling import Upsample, low_pass_kernel
from bench.errors import SuiteError
from bench.plan.specification import complete_training

SMALL = StyleganOptions(width=4, widest=8, mapping_depth=2)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def with_random_biases(network: nn.Module) -> nn.Module:
    """Return the network in double precision with all biases and noise strengths drawn at random."""
    for name, parameter in network.named_parameters():
        if name.endswith(("bias", "strength")):
            nn.init.normal_(parameter, 0.5)
    return network.double()


def convolved_one_by_one(layer: stylegan.ModulatedConvolution, features: Tensor, style: Tensor) -> Tensor:
    """Convolve each sample with weights of its own, which are modulated and then normalised explicitly."""
    images = []
    for sample, scale in zip(features, layer.modulation(style), strict=True):
        weight = layer.convolution.weight * layer.convolution.scale * scale[None, :, None, None]
        if layer.demodulate:
            weight = torch.stack([kernel / (kernel.square().sum() + 1e-8).sqrt() for kernel in weight])
        if layer.doubled is None:
            images.append(F.conv2d(sample[None], weight, padding=weight.shape[2] // 2)[0])
            continue
        size = features.shape[2]
        spread = sample.new_zeros(sample.shape[0], 2 * size - 1, 2 * size - 1)
        spread[:, ::2, ::2] = sample
        full = F.conv2d(spread[None], weight.flip(2, 3), padding=2)
        kernel = 4 * low_pass_kernel().double()
        blurred = torch.cat([F.conv2d(each[None, None], kernel[None, None], padding=1)[0] for each in full[0]])
        images.append(blurred[:, : layer.doubled, : layer.doubled])
    return torch.stack(images)


@pytest.mark.parametrize("demodulate", [True, False])
@pytest.mark.parametrize(("kernel", "doubled"), [(3, None), (1, None), (3, 10), (3, 9)])
def test_modulated_convolutions_equal_weights_of_each_sample(
    demodulate: bool, kernel: int, doubled: int | None
) -> None:
    layer = stylegan.ModulatedConvolution(3, 4, kernel, 6, demodulate=demodulate, doubled=doubled)
    with_random_biases(layer)
    features, style = torch.randn(5, 3, 5, 5).double(), torch.randn(5, 6).double()
    expected = convolved_one_by_one(layer, features, style)
    torch.testing.assert_close(layer(features, style), expected, rtol=1e-9, atol=1e-9)


def test_demodulation_gives_variance_one_for_every_style() -> None:
    layer = stylegan.ModulatedConvolution(32, 64, 3, 8)
    for size in (0.1, 1.0, 30.0):
        features = layer(torch.randn(4, 32, 16, 16), size * torch.randn(4, 8))
        assert features[:, :, 1:-1, 1:-1].var().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("build", ["generator", "critic"])
def test_every_equalised_layer_keeps_the_mean_square_at_initialisation(build: str) -> None:
    """Zeros around 3×3 convolutions lower it by up to a third at 4×4; the activation multiplies it by 1.04."""
    options = StyleganOptions(width=64, widest=64, mapping_depth=3)
    network = (
        stylegan.generator(options, 32, (3, 16, 16)) if build == "generator" else stylegan.critic(options, (3, 16, 16))
    )
    ratios = []

    def measure(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        (features,) = given
        bias = 0 if layer.bias is None else layer.bias[0] * getattr(layer, "rate", 1)  # that of a modulation is 1
        ratios.append(((out - bias).square().mean() / features.square().mean()).item())

    for layer in network.modules():
        if isinstance(layer, EqualisedLinear | EqualisedConvolution):
            layer.register_forward_hook(measure)
    network(torch.randn(32, 32) if build == "generator" else torch.randn(32, 3, 16, 16))
    assert len(ratios) >= 7
    one_output = ratios.pop() if build == "critic" else 1.0  # the logit: one draw of weights
    assert 0 < one_output < 10
    assert all(0.55 < ratio < 1.5 for ratio in ratios), ratios
    assert activate(torch.randn(10**6)).square().mean().item() == pytest.approx(1.04, rel=0.01)


def test_a_rate_slows_a_layer_down_and_changes_nothing_else() -> None:
    """The layer begins alike; a step of Adam moves what it uses of its weights and biases 100 times less."""
    outputs, steps = [], []
    for rate in (1.0, 0.01):
        torch.manual_seed(3)
        layer, inputs = EqualisedLinear(6, 4, bias=0.5, rate=rate).double(), torch.randn(9, 6).double()
        used = [layer.scale * layer.weight.detach().clone(), rate * layer.bias.detach().clone()]
        outputs.append(layer(inputs).detach())
        layer(inputs).square().sum().backward()
        torch.optim.Adam(layer.parameters(), lr=0.01, eps=1e-12).step()
        steps.append([layer.scale * layer.weight.detach() - used[0], rate * layer.bias.detach() - used[1]])
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-5, atol=1e-5)
    assert steps[0][1].abs().tolist() == pytest.approx([0.01] * 4)
    for fast, slow in zip(*steps, strict=True):
        torch.testing.assert_close(slow, 0.01 * fast, rtol=1e-6, atol=1e-12)


def test_the_mapping_network_begins_with_normalised_latents_and_learns_slowly() -> None:
    generator = stylegan.StyleGenerator(SMALL, 5, (1, 8, 8))
    latents = torch.randn(3, 5)
    torch.testing.assert_close(generator.mapping(latents), generator.mapping(7 * latents))
    rows = generator.mapping[0](latents)
    assert rows.square().mean(dim=1).tolist() == pytest.approx([1.0] * 3, rel=1e-5)
    assert [layer.rate for layer in generator.mapping if isinstance(layer, EqualisedLinear)] == [0.01, 0.01]
    others = [layer.rate for name, layer in generator.named_modules() if name.endswith("modulation")]
    assert set(others) == {1.0}
    assert len(others) == 3 + 2  # convolutions, and layers to the image


def test_the_image_is_the_sum_of_all_stages_each_upsampled_to_the_next() -> None:
    generator = with_random_biases(stylegan.StyleGenerator(SMALL, 5, (3, 15, 15)))
    added: list[Tensor] = []
    for layer in generator.to_image:
        layer.register_forward_hook(lambda layer, given, out: added.append(out))
    found = generator(torch.randn(2, 5).double())
    assert [image.shape[2] for image in added] == [4, 8, 15]
    expected = added[0]
    for image, size in zip(added[1:], (8, 15), strict=True):
        expected = image + Upsample(size).double()(expected)
    torch.testing.assert_close(found, expected)


def test_a_layer_adds_noise_bias_and_activation_in_this_order() -> None:
    layer = with_random_biases(stylegan.SynthesisLayer(3, 4, 6))
    features, style, noise = (
        torch.randn(2, 3, 5, 5).double(),
        torch.randn(2, 6).double(),
        torch.randn(2, 1, 5, 5).double(),
    )
    before = convolved_one_by_one(layer.convolution, features, style)
    expected = before + layer.strength.item() * noise + layer.bias.view(1, 4, 1, 1)
    expected = torch.where(expected > 0, expected, 0.2 * expected) * sqrt(2)
    torch.testing.assert_close(layer(features, style, noise), expected)


def test_every_pixel_of_every_layer_has_noise_of_its_own() -> None:
    generator = stylegan.StyleGenerator(SMALL, 5, (1, 15, 15))
    assert generator.noise_numbers == 4**2 + 2 * 8**2 + 2 * 15**2
    latents, noise = torch.randn(2, 5), torch.randn(2, generator.noise_numbers)
    given = torch.cat([latents, noise], dim=1)
    torch.testing.assert_close(generator(given), generator(latents))  # strengths begin at 0
    with_random_biases(generator).float()
    given.requires_grad_()
    (slopes,) = torch.autograd.grad(generator(given)[0].square().sum(), given)
    assert slopes[0, 5:].ne(0).all()
    assert not slopes[1].any()


def test_latents_alone_take_constant_noise() -> None:
    generator = with_random_biases(stylegan.StyleGenerator(SMALL, 5, (1, 9, 9)))
    latents = torch.randn(3, 5).double()
    constant = torch.cat([latents, generator.constant_noise.expand(3, -1)], dim=1)
    assert torch.equal(generator(latents), generator(constant))
    other = torch.cat([latents, torch.randn_like(constant[:, 5:])], dim=1)
    assert not torch.allclose(generator(latents), generator(other))


def test_noise_can_be_left_out() -> None:
    generator = stylegan.StyleGenerator(SMALL.model_copy(update={"noise": False}), 5, (1, 8, 8))
    assert generator.noise_numbers == 0
    assert not [name for name in generator.state_dict() if "noise" in name or "strength" in name]
    assert generator(torch.randn(2, 5)).shape == (2, 1, 8, 8)


@pytest.mark.parametrize("size", [8, 9])
def test_a_block_of_the_critic_equals_its_parts(size: int) -> None:
    block = with_random_biases(stylegan.CriticBlock(3, 5))
    features = torch.randn(2, 3, size, size).double()
    padded = F.pad(features, (0, size % 2, 0, size % 2))
    kernel = low_pass_kernel().double()[None, None]

    def blurred(maps: Tensor, padding: int) -> Tensor:
        return torch.cat([F.conv2d(maps[:, i : i + 1], kernel, padding=padding) for i in range(3)], dim=1)

    first, second, skip = block.first, block.second, block.shortcut[1]
    residual = activate(F.conv2d(features, first.weight / sqrt(27), first.bias, padding=1))
    residual = blurred(F.pad(residual, (0, size % 2, 0, size % 2)), 2)
    residual = activate(F.conv2d(residual, second.weight / sqrt(27), second.bias)[:, :, ::2, ::2])
    shortcut = F.conv2d(blurred(padded, 1)[:, :, ::2, ::2], skip.weight / sqrt(3))
    torch.testing.assert_close(block(features), (residual + shortcut) / sqrt(2))


def test_the_critic_compares_groups_of_four_before_its_last_convolution() -> None:
    table = {"dataset": "digits", "loss": "hinge", "architecture": {"name": "stylegan", "width": 4}}
    options = complete_training(table, "test").critic.options
    assert isinstance(options, StyleganOptions)
    critic = stylegan.critic(options, (1, 8, 8))
    assert isinstance(critic, nn.Sequential)
    kinds = [type(layer) for layer in critic]
    index = kinds.index(MinibatchDeviation)
    assert critic[index].group_size == 4
    assert (critic[index + 1].in_channels, critic[index + 1].out_channels) == (9, 8)
    assert len(kinds) - index == 8  # convolution, activation, flatten, linear, activation, linear, flatten


def test_channels_double_with_every_halving_up_to_the_limit() -> None:
    assert StyleganOptions().widths(7) == [512, 512, 512, 512, 256, 128, 64]
    assert StyleganOptions(width=512).widths(4) == [512] * 4
    table = {"dataset": "digits", "loss": "hinge", "architecture": {"name": "stylegan", "width": 600}}
    with pytest.raises(SuiteError, match="widest = 512 is below width = 600"):
        complete_training(table, "test")


@pytest.mark.parametrize("size", [8, 9])
def test_the_gradient_of_a_gradient_penalty_agrees_with_finite_differences(size: int) -> None:
    critic = stylegan.critic(SMALL.model_copy(update={"minibatch_deviation": 2}), (1, size, size)).double()
    check_gradient_penalty(critic, torch.randn(4, 1, size, size))


def test_the_generator_can_be_traced_for_every_number_of_samples() -> None:
    generator = with_random_biases(stylegan.StyleGenerator(SMALL, 5, (1, 9, 9))).eval()
    few, more = torch.randn(2, 5).double(), torch.randn(7, 5).double()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        traced = torch.jit.trace(generator, few)
    torch.testing.assert_close(traced(more), generator(more))
