"""Nearest-neighbour upsampling followed by convolutions, for square images of any asked size.

The simple implementation of DCGAN found in many tutorials, whose images come out at another size than asked for where
that is not a multiple of 4, and whose critic fails where it is not a multiple of 16. Here every feature map is
upsampled to the size that it must have. The tutorials' dropout in the critic is left out: it would be a second source
of noise inside the comparison of losses.
"""

from __future__ import annotations

from torch import nn

from bench.catalogue.architectures import DcganUpsampleOptions, Shape
from bench.catalogue.architectures.layers import initialise_normal, normalisation


def generator(options: DcganUpsampleOptions, latent: int, shape: Shape) -> nn.Module:
    """[n, latent] → [n, channels, size, size] in [−1, 1]; 128–128–64 channels at width 128."""
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
    """[n, channels, size, size] → logits [n]; 3×3 convolutions of stride 2, 16–32–64–128 channels at width 128."""
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
    return initialise_normal(nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * size**2, 1), nn.Flatten(0)))
