"""Conditional networks: one-hot labels that follow the latents, or the numbers of a sample, in one input."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from bench.catalogue.architectures import Shape
from bench.catalogue.architectures.layers import BatchNorm2d


def split(inputs: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the first ``count`` numbers of each input and the label after them, [n, count] and [n, k]."""
    return inputs[:, :count], inputs[:, count:]


class LabelPlanes(nn.Module):
    """An image and one constant channel for each number of its label, [n, c·h·w + k] → [n, c + k, h, w].

    Sounds and strings have a length in place of height and width.

    Source: Mirza & Osindero 2014, with the channels of many implementations for convolutions.

    Args:
        shape: The shape of one image, (c, h, w), or of one sound or string, (c, length).
    """

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape

    def forward(self, inputs: Tensor) -> Tensor:
        """Return images with the channels of their labels."""
        images, labels = split(inputs, prod(self.shape))
        planes = labels.unflatten(1, (-1, *[1] * (len(self.shape) - 1))).expand(-1, -1, *self.shape[1:])
        return torch.cat([images.unflatten(1, self.shape), planes], dim=1)


class ConditionalBatchNorm2d(nn.Module):
    """Batch normalisation with a scale and a shift for each class, at first 1 and 0.

    Source: de Vries et al. 2017; Dumoulin et al. 2017; as in the generator of Miyato & Koyama 2018.

    Args:
        classes: The number of classes, k.
        channels: The number of channels, c.
    """

    def __init__(self, classes: int, channels: int):
        super().__init__()
        self.normalise = BatchNorm2d(channels, affine=False)
        self.scale = nn.Parameter(torch.ones(classes, channels))
        self.shift = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Normalise features [n, c, h, w] over the batch, then scale and shift them by their labels, [n, k]."""
        scale, shift = ((labels @ table)[:, :, None, None] for table in (self.scale, self.shift))
        return self.normalise(features) * scale + shift
