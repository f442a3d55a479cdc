"""A U-Net (Ronneberger et al. 2015) that knows the time, with the resolutions and channels of DCGAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.catalogue.architectures import DcganOptions
from bench.catalogue.architectures.dcgan import feature_map_sizes
from bench.catalogue.families import Shape

GROUPS, LEAST = 8, 4  # of a group normalisation: at most so many, of no fewer channels, or it undoes the time's bias


class Unet(nn.Module):
    """Images and features of the time → images of the same shape, [n, channels, size, size].

    Like DCGAN, it halves the size down to 4 to 7 pixels, and ``width`` channels double each time. At every size but the
    image's, a residual block works on the way down and one on the way up, which also sees the features of the way down.
    The time enters every block, as in Ho et al. 2020.

    Args:
        options: The options of the architecture.
        shape: The shape of an image.
        times: The number of features of the time.
    """

    def __init__(self, options: DcganOptions, shape: Shape, times: int):
        super().__init__()
        sizes, width = feature_map_sizes(shape[1])[::-1], options.width
        channels = [shape[0], *(width * 2**level for level in range(len(sizes) - 1))]
        self.down, self.before, self.up, self.after = (nn.ModuleList() for _ in range(4))
        for size, outer, inner in zip(sizes, channels, channels[1:], strict=False):
            kernel = 4 - size % 2  # maps 2n or 2n − 1 to n, and back
            self.down.append(nn.Conv2d(outer, inner, kernel, stride=2, padding=1))
            self.before.append(TimedResidual(inner, inner, times))
            self.after.append(TimedResidual(2 * inner, inner, times))
            self.up.append(nn.ConvTranspose2d(inner, max(outer, width), kernel, stride=2, padding=1))
        self.middle = TimedResidual(channels[-1], channels[-1], times)
        self.last = nn.Sequential(
            nn.Conv2d(width + shape[0], width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, shape[0], 3, padding=1)
        )

    def forward(self, images: Tensor, times: Tensor) -> Tensor:
        """Return images, from images [n, channels, size, size] and features of the time [n, times]."""
        features, passed = images, []
        for down, before in zip(self.down, self.before, strict=True):
            features = before(down(features), times)
            passed.append(features)
        features = self.middle(features, times)
        for up, after in zip(reversed(self.up), reversed(self.after), strict=True):
            features = up(after(torch.cat([features, passed.pop()], dim=1), times))
        changed: Tensor = self.last(torch.cat([features, images], dim=1))
        return changed


class TimedResidual(nn.Module):
    """Two convolutions, and a bias that depends on the time, beside a shortcut: [n, inputs, h, w] → [n, outputs, h, w].

    Args:
        inputs: The number of channels.
        outputs: The number of channels of the result.
        times: The number of features of the time.
    """

    def __init__(self, inputs: int, outputs: int, times: int):
        super().__init__()
        self.first = nn.Sequential(_normalised(inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.time = nn.Sequential(nn.Linear(times, outputs), nn.SiLU(), nn.Linear(outputs, outputs))
        self.second = nn.Sequential(_normalised(outputs), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, padding=1))
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, features: Tensor, times: Tensor) -> Tensor:
        """Return the features of the shortcut plus those of the convolutions."""
        changed: Tensor = self.second(self.first(features) + self.time(times)[:, :, None, None])
        return self.shortcut(features) + changed


def _normalised(channels: int) -> nn.GroupNorm:
    groups = next(groups for groups in range(max(1, min(GROUPS, channels // LEAST)), 0, -1) if channels % groups == 0)
    return nn.GroupNorm(groups, channels)
