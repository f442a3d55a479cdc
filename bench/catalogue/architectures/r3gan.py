"""R3GAN (Huang et al. 2024, "The GAN is dead; long live the GAN!"), for every square size.

Residual blocks of grouped convolutions without normalisation, which are the identity before the first step; low-pass
resampling; a learnt basis in place of a first and of a last fully connected layer. The images have no tanh: they are
clipped when they are measured. At 256×256 the default widths are the paper's for FFHQ. The loss of R3GAN is
"relativistic" with the penalties "r1" and "r2".

Source: the paper's section 3.3 and the authors' code (https://github.com/brownvc/R3GAN).
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from bench.catalogue.architectures import R3ganOptions, Shape
from bench.catalogue.architectures.dcgan import feature_map_sizes
from bench.catalogue.architectures.layers import minibatch_deviation
from bench.catalogue.architectures.resampling import Downsample, Upsample

SLOPE = 0.2
GAIN = sqrt(2 / (1 + SLOPE**2))  # of LeakyReLU: with it, a layer keeps the mean square
EXPANSION = 2


def generator(options: R3ganOptions, latent: int, shape: Shape) -> nn.Module:
    """Return the generator, [n, latent] → [n, channels, size, size]."""
    first, *rest = feature_map_sizes(shape[1])
    widest, *widths = options.widths(1 + len(rest))
    layers: list[nn.Module] = [GenerativeBasis(latent, widest, first), *_blocks(options, widest, 1 + len(rest))]
    inputs = widest
    for size, outputs in zip(rest, widths, strict=True):
        layers += [*_transition(inputs, outputs), Upsample(size), *_blocks(options, outputs, 1 + len(rest))]
        inputs = outputs
    return nn.Sequential(*layers, _convolution(inputs, shape[0], 1))


def critic(options: R3ganOptions, shape: Shape) -> nn.Module:
    """Return the critic, [n, channels, size, size] → logits [n]."""
    sizes = feature_map_sizes(shape[1])
    inputs, *widths = options.widths(len(sizes))[::-1]
    layers = [_convolution(shape[0], inputs, 1), *_blocks(options, inputs, len(sizes))]
    for outputs in widths:
        layers += [Downsample(), *_transition(inputs, outputs), *_blocks(options, outputs, len(sizes))]
        inputs = outputs
    deviation = minibatch_deviation(options)
    inputs += len(deviation)
    basis = nn.Conv2d(inputs, inputs, sizes[0], groups=inputs, bias=False)
    output = nn.Linear(inputs, 1, bias=False)
    for layer in (basis, output):
        _initialise(layer, 1.0)
    return nn.Sequential(*layers, *deviation, basis, nn.Flatten(), output, nn.Flatten(0))


class GenerativeBasis(nn.Module):
    """A learnt feature map per channel, times a linear function of the latents: [n, latent] → [n, c, size, size]."""

    def __init__(self, latent: int, channels: int, size: int):
        super().__init__()
        self.basis = nn.Parameter(torch.randn(channels, size, size))
        self.linear = nn.Linear(latent, channels, bias=False)
        _initialise(self.linear, 1.0)

    def forward(self, latents: Tensor) -> Tensor:
        """Return the scaled feature maps."""
        scale: Tensor = self.linear(latents)
        return scale[:, :, None, None] * self.basis


class Block(nn.Module):
    """The sum of its input and a bottleneck turned around: 1×1 to twice the channels, grouped 3×3, 1×1 back.

    The last convolution begins as zero. The other two are scaled by L^(−1/4), where L is the number of blocks of the
    network, so that all residuals together have about the variance of a single one (Zhang et al. 2019, "Fixup").

    Args:
        channels: The number of channels.
        group: The least number of channels in a group of the 3×3 convolution; the next divisor of all is taken.
        blocks: L.
    """

    def __init__(self, channels: int, group: int, blocks: int):
        super().__init__()
        expanded, gain = EXPANSION * channels, GAIN * blocks**-0.25
        size = next(size for size in range(min(group, expanded), expanded + 1) if expanded % size == 0)
        self.residual = nn.Sequential(
            _convolution(channels, expanded, 1, gain=gain, bias=True),
            nn.LeakyReLU(SLOPE),
            _convolution(expanded, expanded, 3, gain=gain, bias=True, groups=expanded // size),
            nn.LeakyReLU(SLOPE),
            _convolution(expanded, channels, 1, gain=0.0),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return input plus residual."""
        residual: Tensor = self.residual(features)
        return features + residual


def _blocks(options: R3ganOptions, channels: int, stages: int) -> list[nn.Module]:
    """Return the blocks of one of the stages of a network."""
    return [Block(channels, options.group, options.blocks * stages) for _ in range(options.blocks)]


def _transition(inputs: int, outputs: int) -> list[nn.Module]:
    """Return a 1×1 convolution if the number of channels changes."""
    return [] if inputs == outputs else [_convolution(inputs, outputs, 1)]


def _convolution(
    inputs: int, outputs: int, kernel: int, *, gain: float = 1.0, bias: bool = False, groups: int = 1
) -> nn.Conv2d:
    """Return a convolution that keeps the size of its input, initialised; the bias is that of the activation."""
    convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=bias)
    _initialise(convolution, gain)
    return convolution


def _initialise(layer: nn.Conv2d | nn.Linear, gain: float) -> None:
    """Draw weights from N(0, gain²/inputs) and set biases to 0 (He et al. 2015)."""
    nn.init.normal_(layer.weight, 0.0, gain / sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
