"""Layers with an equalised learning rate: weights are drawn from N(0, 1) and scaled whenever they are used.

Optimisers such as Adam change all weights by steps of about the same size, so with weights of the same size, all layers
learn at the same relative speed. Source: Karras et al. 2018, section 4.1.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2


def activate(features: Tensor) -> Tensor:
    """Apply LeakyReLU with slope 0.2, times √2, which almost keeps the mean square of normally distributed numbers."""
    return F.leaky_relu(features, SLOPE) * sqrt(2)


class ScaledLeakyReLU(nn.Module):
    """LeakyReLU with slope 0.2, times √2."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the activated features."""
        return activate(features)


class EqualisedLinear(nn.Module):
    """A fully connected layer, [n, inputs] → [n, outputs].

    Args:
        inputs: The number of inputs.
        outputs: The number of outputs.
        bias: The initial value of all biases.
        rate: A factor of the learning rate of weights and biases. Weights are drawn from N(0, 1/rate²) and, like the
            biases, multiplied by it when they are used: the layer begins as with rate 1 and learns more slowly.
    """

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0, rate: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.scale, self.rate = rate / sqrt(inputs), rate

    def forward(self, features: Tensor) -> Tensor:
        """Return W x + b, both scaled."""
        return F.linear(features, self.scale * self.weight, self.rate * self.bias)


class EqualisedConvolution(nn.Conv2d):
    """A convolution with stride 1 that keeps the size of its input."""

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        self.scale = 1 / sqrt(inputs * kernel**2)

    def scaled_weight(self) -> Tensor:
        """Return the weight as it is used, [outputs, inputs, kernel, kernel]."""
        return self.scale * self.weight

    def forward(self, features: Tensor) -> Tensor:
        """Return the convolved features."""
        return self._conv_forward(features, self.scaled_weight(), self.bias)
