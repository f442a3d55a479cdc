"""What networks of one-dimensional convolutions share: normalisations and initialisation."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from bench.catalogue.architectures import Normalisation


class BatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation whose arithmetic on GPUs is float32 also for features in bfloat16, as in ``BatchNorm2d``."""

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features [n, channels, length]."""
        if features.dtype == torch.bfloat16 and features.device.type != "cpu":
            return super().forward(features.float()).to(features.dtype)
        return super().forward(features)


def normalisation_1d(name: Normalisation, channels: int) -> list[nn.Module]:
    """Return at most one layer, for features [n, channels, length]; "layer" normalises over the whole sample.

    Spectral normalisation is not a layer: it is applied to the weights of the finished network.
    """
    if name == "batch":
        return [BatchNorm1d(channels)]
    return [nn.GroupNorm(1, channels)] if name == "layer" else []


def initialise_xavier(network: nn.Module, residual: Iterable[nn.Module] = ()) -> nn.Module:
    """Draw Xavier-uniform weights, with gain √2 for the layers ``residual``; biases are 0; return the network.

    Source: the code of Gulrajani et al. 2017 and of Donahue et al. 2019.
    """
    followed = set(residual)
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain=2**0.5 if module in followed else 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
