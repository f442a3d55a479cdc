"""Residual networks of Gulrajani et al. 2017 (appendix C) and Miyato et al. 2018 (appendix B.4), for every square size.

At 32×32 these are the papers' networks for CIFAR-10 (table 4 of Miyato et al.): three blocks double the size from 4×4;
in the critic two blocks halve it and two keep it. The critic averages its last feature map as in Gulrajani et al., or
sums it as in the code of Miyato et al. (https://github.com/pfnet-research/sngan_projection, snresnet_32.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from bench.catalogue.architectures import Normalisation, ResnetOptions, Shape
from bench.catalogue.architectures.dcgan import feature_map_sizes
from bench.catalogue.architectures.layers import Scale, lipschitz, minibatch_deviation, normalisation

SMALLEST = 8  # the critic halves larger feature maps


class ResidualBlock(nn.Module):
    """The sum of a residual and a shortcut, [n, c, h, w] → [n, c', h', w']."""

    def __init__(self, residual: list[nn.Module], shortcut: list[nn.Module]):
        super().__init__()
        self.residual = nn.Sequential(*residual)
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, features: Tensor) -> Tensor:
        """Return shortcut plus residual."""
        return self.shortcut(features) + self.residual(features)


def generator(options: ResnetOptions, latent: int, shape: Shape) -> nn.Module:
    """Return the generator, [n, latent] → [n, channels, size, size] in [−1, 1]."""
    channels, size, _ = shape
    first, *rest = feature_map_sizes(size)
    width = options.width
    return initialise_xavier(
        nn.Sequential(
            nn.Linear(latent, width * first**2),
            nn.Unflatten(1, (width, first, first)),
            *[_upsampling_block(width, larger, options.normalisation) for larger in rest],
            *_activation(width, options.normalisation),
            conv(width, channels),
            nn.Tanh(),
        )
    )


def critic(options: ResnetOptions, shape: Shape) -> nn.Module:
    """Return the critic, [n, channels, size, size] → logits [n].

    Every ReLU but that of the first block is preceded by the normalisation.
    """
    deviation = minibatch_deviation(options)
    return initialise_xavier(
        nn.Sequential(
            *critic_features(options, shape),
            nn.Linear(options.width + len(deviation), 1),
            *lipschitz(options),
            nn.Flatten(0),
        )
    )


def critic_features(options: ResnetOptions, shape: Shape) -> list[nn.Module]:
    """Return the critic's layers before its output, [n, channels, size, size] → [n, width], one more with deviation."""
    channels, size, _ = shape
    width = options.width
    blocks = [_input_block(channels, width)]
    size = (size + 1) // 2
    while size > SMALLEST:
        blocks.append(_downsampling_block(width, options.normalisation))
        size = (size + 1) // 2
    return [
        *blocks,
        ResidualBlock(_two_convolutions(width, options.normalisation), []),
        ResidualBlock(_two_convolutions(width, options.normalisation), []),
        *_activation(width, options.normalisation),
        *minibatch_deviation(options),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        *([Scale(size**2)] if options.pooling == "sum" else []),
    ]


def _upsampling_block(width: int, size: int, norm: Normalisation) -> ResidualBlock:
    """Return a block that upsamples feature maps to ``size`` by nearest neighbours."""

    def upsample() -> nn.Module:
        return nn.Upsample(size=(size, size))

    residual = [*_activation(width, norm), upsample(), conv(width, width), *_activation(width, norm)]
    return ResidualBlock([*residual, conv(width, width)], [upsample(), conv(width, width, 1)])


def _input_block(channels: int, width: int) -> ResidualBlock:
    """Return a block that halves the image. It has no ReLU at its start, which would remove pixels below 0."""
    residual = [conv(channels, width), nn.ReLU(), conv(width, width), _halve()]
    return ResidualBlock(residual, [_halve(), conv(channels, width, 1)])


def _downsampling_block(width: int, norm: Normalisation) -> ResidualBlock:
    """Return a block that halves feature maps."""
    return ResidualBlock([*_two_convolutions(width, norm), _halve()], [conv(width, width, 1), _halve()])


def _two_convolutions(width: int, norm: Normalisation) -> list[nn.Module]:
    """Return normalisation, ReLU and convolution, twice."""
    return [*_activation(width, norm), conv(width, width), *_activation(width, norm), conv(width, width)]


def _activation(width: int, norm: Normalisation) -> list[nn.Module]:
    return [*normalisation(norm, width, images=True), nn.ReLU()]


def conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    """Return a convolution that keeps the size of feature maps."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def _halve() -> nn.Module:
    """Return the mean over 2×2, at the edge of an odd size over fewer pixels: n → ⌈n/2⌉."""
    return nn.AvgPool2d(2, ceil_mode=True)


def initialise_xavier(network: nn.Module, residuals: Iterable[nn.Module] = ()) -> nn.Module:
    """Draw Xavier-uniform weights, with gain √2 for convolutions of residuals; return the network.

    Args:
        network: The network.
        residuals: The layers of residuals that are not in a ``ResidualBlock``.

    Source: the code of Miyato et al. 2018.
    """
    blocks = [block for block in network.modules() if isinstance(block, ResidualBlock)]
    residual = {*residuals, *(layer for block in blocks for layer in block.residual)}
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain=2**0.5 if module in residual else 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
