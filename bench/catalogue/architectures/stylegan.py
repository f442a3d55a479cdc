"""StyleGAN2 (Karras et al. 2020, configuration E), for every square size; without path lengths and style mixing.

The skip generator and the residual critic are those of the paper, with a learning rate of 0.01 for the mapping network,
noise for every pixel, and low-pass resampling. The images have no tanh: they are clipped when they are measured.
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue.architectures import Shape, StyleganOptions
from bench.catalogue.architectures.dcgan import feature_map_sizes
from bench.catalogue.architectures.equalised import EqualisedConvolution, EqualisedLinear, ScaledLeakyReLU, activate
from bench.catalogue.architectures.layers import minibatch_deviation
from bench.catalogue.architectures.resampling import Downsample, Upsample, even, low_pass, low_pass_kernel

MAPPING_RATE = 0.01  # of the learning rate of all other layers
EPSILON = 1e-8


def generator(options: StyleganOptions, latent: int, shape: Shape) -> nn.Module:
    """Return the generator, [n, latent] → [n, channels, size, size]."""
    return StyleGenerator(options, latent, shape)


def critic(options: StyleganOptions, shape: Shape) -> nn.Module:
    """Return the critic, [n, channels, size, size] → logits [n]."""
    channels, size, _ = shape
    smallest, *_ = feature_map_sizes(size)
    widths = options.widths(len(feature_map_sizes(size)))[::-1]
    deviation = minibatch_deviation(options)
    return nn.Sequential(
        EqualisedConvolution(channels, widths[0], 1),
        ScaledLeakyReLU(),
        *[CriticBlock(inputs, outputs) for inputs, outputs in pairwise(widths)],
        *deviation,
        EqualisedConvolution(widths[-1] + len(deviation), widths[-1], 3),
        ScaledLeakyReLU(),
        nn.Flatten(),
        EqualisedLinear(widths[-1] * smallest**2, widths[-1]),
        ScaledLeakyReLU(),
        EqualisedLinear(widths[-1], 1),
        nn.Flatten(0),
    )


class UnitMeanSquare(nn.Module):
    """Scales each row to a mean square of 1, [n, latent] → [n, latent]."""

    def forward(self, latents: Tensor) -> Tensor:
        """Return the scaled rows."""
        return latents * (latents.square().mean(dim=1, keepdim=True) + EPSILON).rsqrt()


def _mapping(latent: int, style: int, depth: int) -> nn.Module:
    """Return the mapping network, [n, latent] → styles [n, style]."""
    layers: list[nn.Module] = [UnitMeanSquare()]
    for inputs, outputs in pairwise([latent, *[style] * depth]):
        layers += [EqualisedLinear(inputs, outputs, rate=MAPPING_RATE), ScaledLeakyReLU()]
    return nn.Sequential(*layers)


class ModulatedConvolution(nn.Module):
    """A convolution whose inputs each sample scales by its style, and whose outputs are scaled back on average.

    With the scale sᵢ of input i for a sample, its weights are wₒᵢₖ sᵢ / √(Σᵢₖ (wₒᵢₖ sᵢ)²). Here features are scaled
    instead of weights, before and after one convolution of all samples.

    Source: Karras et al. 2020, section 2.2, equations 1 and 3.

    Args:
        inputs: The number of input channels.
        outputs: The number of output channels.
        kernel: The size of the kernel.
        style: The size of a style.
        demodulate: Whether outputs are scaled back.
        doubled: The size of the outputs if the convolution also doubles the size of its input.
    """

    low_pass: Tensor

    def __init__(
        self, inputs: int, outputs: int, kernel: int, style: int, *, demodulate: bool = True, doubled: int | None = None
    ):
        super().__init__()
        self.modulation = EqualisedLinear(style, inputs, bias=1.0)
        self.convolution = EqualisedConvolution(inputs, outputs, kernel, bias=False)
        self.demodulate, self.doubled = demodulate, doubled
        if doubled:
            self.register_buffer("low_pass", 4 * low_pass_kernel(), persistent=False)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Return the convolved features, [n, inputs, h, w] and [n, style] → [n, outputs, h', w']."""
        scale, weight = self.modulation(style), self.convolution.scaled_weight()
        convolved = self._convolve(features * _per_pixel(scale), weight)
        if not self.demodulate:
            return convolved
        power = scale.square() @ weight.square().sum(dim=(2, 3)).t()
        return convolved * _per_pixel((power + EPSILON).rsqrt())

    def _convolve(self, features: Tensor, weight: Tensor) -> Tensor:
        if not self.doubled:
            return F.conv2d(features, weight, padding=self.convolution.padding)
        doubled = F.conv_transpose2d(features, weight.transpose(0, 1), stride=2)  # 2h + 1 pixels
        return low_pass(doubled, self.low_pass, padding=1)[:, :, : self.doubled, : self.doubled]


def _per_pixel(values: Tensor) -> Tensor:
    return values[:, :, None, None]


class SynthesisLayer(nn.Module):
    """A modulated convolution, noise with one learnt strength for all pixels, a bias and the activation."""

    def __init__(self, inputs: int, outputs: int, style: int, doubled: int | None = None, *, noise: bool = True):
        super().__init__()
        self.convolution = ModulatedConvolution(inputs, outputs, 3, style, doubled=doubled)
        self.strength = nn.Parameter(torch.zeros(1)) if noise else None
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, features: Tensor, style: Tensor, noise: Tensor | None) -> Tensor:
        """Return the features, [n, inputs, h, w], [n, style] and noise [n, 1, h', w'] → [n, outputs, h', w']."""
        features = self.convolution(features, style)
        if noise is not None and self.strength is not None:
            features = features + self.strength * noise
        return activate(features + self.bias[:, None, None])


class ImageLayer(nn.Module):
    """A modulated 1×1 convolution to the channels of an image, without demodulation."""

    def __init__(self, inputs: int, channels: int, style: int):
        super().__init__()
        self.convolution = ModulatedConvolution(inputs, channels, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Return the contribution of these features to the image."""
        image: Tensor = self.convolution(features, style)
        return image + self.bias[:, None, None]


class StyleGenerator(nn.Module):
    """The generator: latents → style; a learnt constant → feature maps of growing size, which add up to the image.

    Attributes:
        noise_numbers: How many normal numbers per sample it takes after the latents, one for each pixel of each layer.
            Given latents alone, it takes constant ones, so that evaluated samples are a function of the latents.
    """

    constant_noise: Tensor

    def __init__(self, options: StyleganOptions, latent: int, shape: Shape):
        super().__init__()
        channels, size, _ = shape
        sizes = feature_map_sizes(size)
        widths = options.widths(len(sizes))
        style = widths[0]
        self.mapping = _mapping(latent, style, options.mapping_depth)
        self.constant = nn.Parameter(torch.randn(widths[0], sizes[0], sizes[0]))
        layers = [SynthesisLayer(widths[0], widths[0], style, noise=options.noise)]
        for (inputs, outputs), doubled in zip(pairwise(widths), sizes[1:], strict=True):
            layers.append(SynthesisLayer(inputs, outputs, style, doubled, noise=options.noise))
            layers.append(SynthesisLayer(outputs, outputs, style, noise=options.noise))
        self.layers = nn.ModuleList(layers)
        self.to_image = nn.ModuleList(ImageLayer(width, channels, style) for width in widths)
        self.upsample = nn.ModuleList(Upsample(size) for size in sizes[1:])
        self._latent, self._sizes = latent, [sizes[0], *(size for size in sizes[1:] for _ in range(2))]
        self.noise_numbers = sum(size**2 for size in self._sizes) if options.noise else 0
        if options.noise:
            self.register_buffer("constant_noise", torch.randn(self.noise_numbers))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return images, [n, latent] or [n, latent + noise_numbers] → [n, channels, size, size]."""
        style, noise = self.mapping(inputs[:, : self._latent]), self._noise(inputs[:, self._latent :])
        features = self.constant.expand(inputs.shape[0], -1, -1, -1)
        features = self.layers[0](features, style, noise[0])
        image: Tensor = self.to_image[0](features, style)
        for stage, (upsample, to_image) in enumerate(zip(self.upsample, self.to_image[1:], strict=True)):
            for index in (2 * stage + 1, 2 * stage + 2):
                features = self.layers[index](features, style, noise[index])
            image = upsample(image) + to_image(features, style)
        return image

    def _noise(self, numbers: Tensor) -> list[Tensor] | list[None]:
        """Return the noise of each layer, [n, 1, size, size] or [1, 1, size, size]."""
        if not self.noise_numbers:
            return [None] * len(self._sizes)
        rows = numbers if numbers.shape[1] else self.constant_noise.unsqueeze(0)
        maps = rows.split([size**2 for size in self._sizes], dim=1)
        return [each.unflatten(1, (1, size, size)) for each, size in zip(maps, self._sizes, strict=True)]


class CriticBlock(nn.Module):
    """Two convolutions, the second of which halves feature maps, and a shortcut: [n, c, h, w] → [n, c', h', w']."""

    low_pass: Tensor

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first = EqualisedConvolution(inputs, inputs, 3)
        self.second = EqualisedConvolution(inputs, outputs, 3)
        self.shortcut = nn.Sequential(Downsample(), EqualisedConvolution(inputs, outputs, 1, bias=False))
        self.register_buffer("low_pass", low_pass_kernel(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return (shortcut + residual) / √2, which keeps the mean square."""
        residual = activate(self.first(features))
        residual = low_pass(even(residual), self.low_pass, padding=2)
        residual = F.conv2d(residual, self.second.scaled_weight(), self.second.bias, stride=2)
        shortcut: Tensor = self.shortcut(features)
        return (shortcut + activate(residual)) * sqrt(0.5)
