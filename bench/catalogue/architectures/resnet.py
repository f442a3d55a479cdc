"""Residual networks of Gulrajani et al. 2017 (appendix C) and Miyato et al. 2018 (appendix B.4), for every square size.

At 32×32 these are their networks for CIFAR-10, table 4 of the latter: three blocks that double 4×4, and a critic of
two blocks that halve and two that do not. As in Gulrajani et al. the critic takes the mean over its last feature map,
where Miyato et al. take the sum.
"""

from __future__ import annotations

from torch import Tensor, nn

from bench.catalogue.architectures import Normalisation, ResnetOptions, Shape
from bench.catalogue.architectures.dcgan import sizes
from bench.catalogue.architectures.layers import normalisation

SMALLEST = 8  # the critic's feature maps are halved while they are larger


class ResidualBlock(nn.Module):
    """Two ways from the input to the output, [n, c, h, w] → [n, c', h', w'], and their sum."""

    def __init__(self, residual: list[nn.Module], shortcut: list[nn.Module]):
        super().__init__()
        self.residual = nn.Sequential(*residual)
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, features: Tensor) -> Tensor:
        """Shortcut plus residual."""
        return self.shortcut(features) + self.residual(features)


def generator(options: ResnetOptions, latent: int, shape: Shape) -> nn.Module:
    """[n, latent] → [n, channels, size, size] in [−1, 1]."""
    channels, size, _ = shape
    first, *rest = sizes(size)
    width = options.width
    return initialised(
        nn.Sequential(
            nn.Linear(latent, width * first**2),
            nn.Unflatten(1, (width, first, first)),
            *[_up(width, larger, options.normalisation) for larger in rest],
            *_activation(width, options.normalisation),
            _conv(width, channels),
            nn.Tanh(),
        )
    )


def critic(options: ResnetOptions, shape: Shape) -> nn.Module:
    """[n, channels, size, size] → logits [n]; a normalisation stands before each ReLU but the first block's."""
    channels, size, _ = shape
    width = options.width
    blocks = [_first(channels, width)]
    size = (size + 1) // 2
    while size > SMALLEST:
        blocks.append(_down(width, options.normalisation))
        size = (size + 1) // 2
    return initialised(
        nn.Sequential(
            *blocks,
            ResidualBlock(_twice(width, options.normalisation), []),
            ResidualBlock(_twice(width, options.normalisation), []),
            *_activation(width, options.normalisation),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 1),
            nn.Flatten(0),
        )
    )


def _up(width: int, size: int, norm: Normalisation) -> ResidualBlock:
    """Enlarges feature maps to ``size``, by nearest neighbours."""

    def enlarge() -> nn.Module:
        return nn.Upsample(size=(size, size))

    residual = [*_activation(width, norm), enlarge(), _conv(width, width), *_activation(width, norm)]
    return ResidualBlock([*residual, _conv(width, width)], [enlarge(), _conv(width, width, 1)])


def _first(channels: int, width: int) -> ResidualBlock:
    """Halves the image; it begins without a ReLU, which would cut the pixels below 0."""
    residual = [_conv(channels, width), nn.ReLU(), _conv(width, width), _halve()]
    return ResidualBlock(residual, [_halve(), _conv(channels, width, 1)])


def _down(width: int, norm: Normalisation) -> ResidualBlock:
    """Halves feature maps."""
    return ResidualBlock([*_twice(width, norm), _halve()], [_conv(width, width, 1), _halve()])


def _twice(width: int, norm: Normalisation) -> list[nn.Module]:
    """Normalisation, ReLU and convolution, two times."""
    return [*_activation(width, norm), _conv(width, width), *_activation(width, norm), _conv(width, width)]


def _activation(width: int, norm: Normalisation) -> list[nn.Module]:
    return [*normalisation(norm, width, images=True), nn.ReLU()]


def _conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def _halve() -> nn.Module:
    """Means over 2×2, at the edge of an odd size over what is there: n → ⌈n/2⌉."""
    return nn.AvgPool2d(2, ceil_mode=True)


def initialised(network: nn.Module) -> nn.Module:
    """Xavier's uniform weights, with gain √2 for the convolutions on residual ways (the code of Miyato et al. 2018)."""
    residual = {each for block in network.modules() if isinstance(block, ResidualBlock) for each in block.residual}
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain=2**0.5 if module in residual else 1.0)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return network
