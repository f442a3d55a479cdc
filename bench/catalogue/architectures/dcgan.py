"""DCGAN (Radford et al. 2016): one definition for every square size."""

from __future__ import annotations

from torch import nn

from bench.catalogue.architectures import DcganOptions, Shape
from bench.catalogue.architectures.layers import initialise_normal, normalisation


def sizes(size: int) -> list[int]:
    """The widths of the feature maps, from the smallest to the image: 4 8 16 32; 7 14 28; 4 8 15 30."""
    steps = [size]
    while steps[0] >= 8:
        steps.insert(0, (steps[0] + 1) // 2)
    return steps


def generator(options: DcganOptions, latent: int, shape: Shape) -> nn.Module:
    """[n, latent] → [n, channels, size, size] in [−1, 1]; ReLU between transposed convolutions."""
    first, *rest = sizes(shape[1])
    width = options.width * 2 ** (len(rest) - 1)
    bias = options.normalisation != "batch"  # batch normalisation has its own
    layers: list[nn.Module] = [
        nn.Unflatten(1, (latent, 1, 1)),
        nn.ConvTranspose2d(latent, width, first, bias=bias),
    ]
    for size in rest:
        layers += [*normalisation(options.normalisation, width, images=True), nn.ReLU()]
        last = size == shape[1]
        channels = shape[0] if last else width // 2
        kernel = 4 - size % 2  # stride 2 gives 2n with a kernel of 4, and 2n − 1 with one of 3
        layers.append(nn.ConvTranspose2d(width, channels, kernel, stride=2, padding=1, bias=bias or last))
        width = channels
    return initialise_normal(nn.Sequential(*layers, nn.Tanh()))


def critic(options: DcganOptions, shape: Shape) -> nn.Module:
    """[n, channels, size, size] → logits [n]; LeakyReLU 0.2 between strided convolutions, the first not normalised."""
    smallest, *_ = steps = sizes(shape[1])
    channels, width = shape[0], options.width
    bias = options.normalisation != "batch"
    layers: list[nn.Module] = []
    for size in reversed(steps[1:]):
        first = size == shape[1]
        kernel = 4 - size % 2  # halves an even width, and takes 2n − 1 to n, the mirror of the generator
        layers.append(nn.Conv2d(channels, width, kernel, stride=2, padding=1, bias=bias or first))
        layers += [] if first else normalisation(options.normalisation, width, images=True)
        layers.append(nn.LeakyReLU(0.2))
        channels, width = width, width * 2
    return initialise_normal(nn.Sequential(*layers, nn.Conv2d(channels, 1, smallest), nn.Flatten(0)))
