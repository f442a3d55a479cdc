"""DCGAN (Radford et al. 2016), for every square size."""

from __future__ import annotations

from torch import nn

from bench.catalogue.architectures import DcganOptions, Shape
from bench.catalogue.architectures.layers import initialise_normal, lipschitz, minibatch_deviation, normalisation


def feature_map_sizes(size: int) -> list[int]:
    """Return the sizes of the feature maps in pixels, up to the image's: 4 8 16 32; 7 14 28; 4 8 15 30."""
    sizes = [size]
    while sizes[0] >= 8:
        sizes.insert(0, (sizes[0] + 1) // 2)
    return sizes


def generator(options: DcganOptions, latent: int, shape: Shape) -> nn.Module:
    """Return transposed convolutions with ReLU: [n, latent] → [n, channels, size, size] in [−1, 1]."""
    first, *rest = feature_map_sizes(shape[1])
    width = options.width * 2 ** (len(rest) - 1)
    bias = options.normalisation != "batch"  # batch normalisation has its own bias
    layers: list[nn.Module] = [
        nn.Unflatten(1, (latent, 1, 1)),
        nn.ConvTranspose2d(latent, width, first, bias=bias),
    ]
    for size in rest:
        layers += [*normalisation(options.normalisation, width, images=True), nn.ReLU()]
        last = size == shape[1]
        channels = shape[0] if last else width // 2
        kernel = 4 - size % 2  # with stride 2, a kernel of 4 maps n to 2n, and a kernel of 3 to 2n − 1
        layers.append(nn.ConvTranspose2d(width, channels, kernel, stride=2, padding=1, bias=bias or last))
        width = channels
    return initialise_normal(nn.Sequential(*layers, nn.Tanh()))


def critic(options: DcganOptions, shape: Shape) -> nn.Module:
    """Return strided convolutions with LeakyReLU 0.2: [n, channels, size, size] → logits [n].

    The first convolution is not normalised.
    """
    return initialise_normal(nn.Sequential(*_body(options, shape, 1), nn.Flatten(0), *lipschitz(options)))


def encoder(options: DcganOptions, shape: Shape, outputs: int) -> nn.Module:
    """Return a network like the critic with several outputs, [n, channels, size, size] → [n, outputs]."""
    return initialise_normal(nn.Sequential(*_body(options, shape, outputs), nn.Flatten()))


def _body(options: DcganOptions, shape: Shape, outputs: int) -> list[nn.Module]:
    smallest, *rest = feature_map_sizes(shape[1])
    channels, width = shape[0], options.width
    bias = options.normalisation != "batch"
    layers: list[nn.Module] = []
    for size in reversed(rest):
        first = size == shape[1]
        kernel = 4 - size % 2  # maps 2n or 2n − 1 to n, the inverse of the generator's
        layers.append(nn.Conv2d(channels, width, kernel, stride=2, padding=1, bias=bias or first))
        layers += [] if first else normalisation(options.normalisation, width, images=True)
        layers.append(nn.LeakyReLU(0.2))
        channels, width = width, width * 2
    deviation = minibatch_deviation(options)
    return [*layers, *deviation, nn.Conv2d(channels + len(deviation), outputs, smallest)]
