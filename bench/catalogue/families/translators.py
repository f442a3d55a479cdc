"""Networks that translate samples into samples of the same shape, in the style of an architecture."""

from __future__ import annotations

from math import prod

from torch import Tensor, nn

from bench.catalogue.architectures import DcganOptions
from bench.catalogue.architectures.layers import initialise_normal, normalisation
from bench.catalogue.architectures.mlp import generator
from bench.catalogue.families import Network, Shape

BLOCKS = 3  # residual blocks at the lowest resolution; 6 for images of 128 pixels in Zhu et al. 2017
HALVINGS, SMALLEST = 2, 7  # at most so many, and down to no smaller feature maps


def translator(network: Network, shape: Shape) -> nn.Module:
    """Return a translator, [n, *shape] → [n, *shape]: fully connected layers for "mlp", convolutions for "dcgan"."""
    if network.name == "mlp":
        return nn.Sequential(nn.Flatten(), *generator(network.options, prod(shape), shape))  # type: ignore[arg-type, misc]
    return convolutional(network.options, shape)  # type: ignore[arg-type]


def convolutional(options: DcganOptions, shape: Shape) -> nn.Module:
    """Return residual blocks between strided convolutions, as in Zhu et al. 2017; small images keep their size.

    The first feature maps have ``width`` channels, which double with every halving of the size. Normalisation is that
    of the architecture.
    """
    channels, width = shape[0], options.width
    sizes = [shape[1]]
    while len(sizes) <= HALVINGS and (half := (sizes[-1] + 1) // 2) >= SMALLEST:
        sizes.append(half)
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1), *_activated(options, width)]
    for size in sizes[:-1]:
        kernel = 4 - size % 2  # maps 2n or 2n − 1 to n, and back
        layers += [nn.Conv2d(width, 2 * width, kernel, stride=2, padding=1), *_activated(options, 2 * width)]
        width *= 2
    layers += [Residual(options, width) for _ in range(BLOCKS)]
    for size in reversed(sizes[:-1]):
        kernel = 4 - size % 2
        layers.append(nn.ConvTranspose2d(width, width // 2, kernel, stride=2, padding=1))
        width //= 2
        layers += _activated(options, width)
    return initialise_normal(nn.Sequential(*layers, nn.Conv2d(width, channels, 3, padding=1), nn.Tanh()))


def _activated(options: DcganOptions, width: int) -> list[nn.Module]:
    return [*normalisation(options.normalisation, width, images=True), nn.ReLU()]


class Residual(nn.Module):
    """Two convolutions beside a shortcut.

    Args:
        options: The options of the architecture.
        width: The number of channels.
    """

    def __init__(self, options: DcganOptions, width: int):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            *_activated(options, width),
            nn.Conv2d(width, width, 3, padding=1),
            *normalisation(options.normalisation, width, images=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the features plus those of the branch, [n, width, h, w]."""
        changed: Tensor = self.branch(features)
        return features + changed
