"""Layers that several families share: activations, normalisations, the output layer, and initialisation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.catalogue.architectures import Activation, Normalisation, Shape
from bench.catalogue.architectures.critic_options import CriticOptions, GroupOptions

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
}


def activation(name: Activation) -> nn.Module:
    """Return the activation of this name; the slope of LeakyReLU is 0.2 (Radford et al. 2016)."""
    return _ACTIVATIONS[name]()


def normalisation(name: Normalisation, channels: int, *, images: bool, eps: float = 1e-5) -> list[nn.Module]:
    """Return at most one layer, for features [n, channels] or, with ``images``, [n, channels, height, width].

    Spectral normalisation is not a layer: it is applied to the weights of the finished network.
    """
    if name == "batch":
        return [BatchNorm2d(channels, eps=eps) if images else nn.BatchNorm1d(channels, eps=eps)]
    if name == "layer":  # for images, GroupNorm with one group normalises over the whole sample
        return [nn.GroupNorm(1, channels, eps=eps) if images else nn.LayerNorm(channels, eps=eps)]
    return []


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose arithmetic on GPUs is float32 also for features in bfloat16.

    With running statistics in float32, packs cannot be differentiated there otherwise (torch 2.11).
    """

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features [n, channels, height, width]."""
        if features.dtype == torch.bfloat16 and features.device.type != "cpu":
            return super().forward(features.float()).to(features.dtype)
        return super().forward(features)


def output_range(shape: Shape) -> list[nn.Module]:
    """Return tanh for images, sounds and strings, which are in [−1, 1], and no layer for points."""
    return [nn.Tanh()] if len(shape) > 1 else []


class Maxout(nn.Module):
    """The maximum of ``pieces`` linear maps, [n, width · pieces] → [n, width] (Goodfellow et al. 2013)."""

    def __init__(self, pieces: int):
        super().__init__()
        self.pieces = pieces

    def forward(self, features: Tensor) -> Tensor:
        """Return the maximum over the pieces."""
        return features.unflatten(-1, (-1, self.pieces)).amax(dim=-1)


class Scale(nn.Module):
    """Multiplication by a constant."""

    def __init__(self, factor: float):
        super().__init__()
        self.factor = factor

    def forward(self, features: Tensor) -> Tensor:
        """Return the features times the factor."""
        return self.factor * features


class MinibatchDeviation(nn.Module):
    """One more feature that says how much samples differ, [n, c, ...] → [n, c + 1, ...].

    Samples i, i + n/g, i + 2n/g, ... form a group of g. The feature is √(variance over the group + 1e-8), averaged over
    all channels and pixels, and the same for all samples of the group.

    Source: Karras et al. 2018, section 3; the groups are those of their code and of Karras et al. 2020 (StyleGAN2).
    """

    def __init__(self, group_size: int):
        super().__init__()
        self.group_size = group_size

    def forward(self, features: Tensor) -> Tensor:
        """Return the features and the deviation of each sample's group."""
        size = self.size_of_groups(len(features))
        groups = features.flatten(1).unflatten(0, (size, len(features) // size))
        deviations = deviation(groups, dim=0).mean(dim=1).repeat(size).to(features.dtype)
        return torch.cat([features, deviations.view(-1, *[1] * (features.dim() - 1)).expand_as(features[:, :1])], dim=1)

    def size_of_groups(self, count: int) -> int:
        """Return the largest size of equal groups of ``count`` samples that is at most ``group_size``."""
        return next(size for size in range(min(self.group_size, count), 0, -1) if count % size == 0)


def deviation(groups: Tensor, dim: int) -> Tensor:
    """Return √(variance + 1e-8) over a dimension, in at least float32."""
    groups = groups.float() if groups.dtype is torch.bfloat16 else groups
    return (groups.var(dim=dim, correction=0) + 1e-8).sqrt()


def minibatch_deviation(options: GroupOptions) -> list[nn.Module]:
    """Return at most one layer, which adds one channel."""
    return [MinibatchDeviation(options.minibatch_deviation)] if options.minibatch_deviation else []


def lipschitz(options: CriticOptions) -> list[nn.Module]:
    """Return at most one layer, which multiplies the logits."""
    return [Scale(options.lipschitz)] if options.lipschitz != 1 else []


def initialise_normal(network: nn.Module) -> nn.Module:
    """Draw weights from N(0, 0.02²) and those of normalisations from N(1, 0.02²); return the network.

    Source: Radford et al. 2016, section 3.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)
    return network
