"""Resampling of feature maps with the low-pass filter [1, 3, 3, 1], as in StyleGAN2 and R3GAN, for every size.

Doubling puts zeros between the pixels and filters them. Halving filters and keeps every second pixel. Outside of a
feature map are zeros. Source: Karras et al. 2020 (StyleGAN2), with the filter of their code; Zhang 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)


def low_pass_kernel() -> Tensor:
    """Return the filter in both directions, [4, 4], with sum 1."""
    taps = torch.tensor(TAPS) / sum(TAPS)
    return torch.outer(taps, taps)


def low_pass(features: Tensor, kernel: Tensor, padding: int, stride: int = 1) -> Tensor:
    """Filter each channel, [n, c, h, w] → [n, c, h', w'], with ``padding`` zeros on each side."""
    channels = features.shape[1]
    return F.conv2d(features, _per_channel(kernel, channels), stride=stride, padding=padding, groups=channels)


def even(features: Tensor) -> Tensor:
    """Append a row and a column of zeros to feature maps of an odd size, so that halving gives ⌈n/2⌉ pixels."""
    return F.pad(features, (0, 1, 0, 1)) if features.shape[2] % 2 else features


def double(features: Tensor, kernel: Tensor, size: int) -> Tensor:
    """Double feature maps [n, c, h, w] to ``size`` pixels in each direction, 2h or 2h − 1."""
    channels = features.shape[1]
    doubled = F.conv_transpose2d(features, _per_channel(4 * kernel, channels), stride=2, padding=1, groups=channels)
    return doubled[:, :, :size, :size]


def _per_channel(kernel: Tensor, channels: int) -> Tensor:
    return kernel.expand(channels, 1, *kernel.shape)


class Upsample(nn.Module):
    """Doubles feature maps to ``size`` pixels in each direction."""

    kernel: Tensor

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.register_buffer("kernel", low_pass_kernel(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return the doubled feature maps."""
        return double(features, self.kernel, self.size)


class Downsample(nn.Module):
    """Halves feature maps: n → ⌈n/2⌉ pixels in each direction."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", low_pass_kernel(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return the halved feature maps."""
        return low_pass(even(features), self.kernel, padding=1, stride=2)
