"""DCGAN with nearest-neighbour upsampling and convolutions, as in many tutorials, for every square size.

In the tutorials, images have the wrong size if it is not a multiple of 4, and the critic fails if it is not a multiple
of 16. Here every feature map is upsampled to the exact size. The tutorials' dropout in the critic is omitted: it would
be another source of noise when losses are compared.
"""

from __future__ import annotations

from torch import nn

from bench.catalogue.architectures import DcganUpsampleOptions, Shape
from bench.catalogue.architectures.layers import initialise_normal, lipschitz, minibatch_deviation, normalisation


def generator(options: DcganUpsampleOptions, latent: int, shape: Shape) -> nn.Module:
    """Return the generator, [n, latent] → [n, channels, size, size] in [−1, 1]; 128–128–64 channels at width 128."""
    channels, size, _ = shape
    half, quarter = (size + 1) // 2, (size + 3) // 4
    wide, narrow = options.width, max(1, options.width // 2)
    return initialise_normal(
        nn.Sequential(
            nn.Linear(latent, wide * quarter**2),
            nn.Unflatten(1, (wide, quarter, quarter)),
            *normalisation(options.normalisation, wide, images=True),
            nn.Upsample(size=(half, half)),
            nn.Conv2d(wide, wide, 3, padding=1),
            *normalisation(options.normalisation, wide, images=True, eps=options.normalisation_eps),
            nn.LeakyReLU(0.2),
            nn.Upsample(size=(size, size)),
            nn.Conv2d(wide, narrow, 3, padding=1),
            *normalisation(options.normalisation, narrow, images=True, eps=options.normalisation_eps),
            nn.LeakyReLU(0.2),
            nn.Conv2d(narrow, channels, 3, padding=1),
            nn.Tanh(),
        )
    )


def critic(options: DcganUpsampleOptions, shape: Shape) -> nn.Module:
    """Return the critic, [n, channels, size, size] → logits [n].

    It has four 3×3 convolutions with stride 2, and 16–32–64–128 channels at width 128.
    """
    channels, size, _ = shape
    layers: list[nn.Module] = []
    for level in range(4):
        width = max(1, options.width >> (3 - level))
        layers.append(nn.Conv2d(channels, width, 3, stride=2, padding=1))
        if level > 0:
            eps = options.normalisation_eps
            layers += normalisation(options.normalisation, width, images=True, eps=eps)
        layers.append(nn.LeakyReLU(0.2))
        channels, size = width, (size + 1) // 2
    deviation = minibatch_deviation(options)
    output = [nn.Flatten(), nn.Linear((channels + len(deviation)) * size**2, 1), nn.Flatten(0)]
    return initialise_normal(nn.Sequential(*layers, *deviation, *output, *lipschitz(options)))
