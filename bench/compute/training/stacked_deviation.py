"""Minibatch deviations of several runs at once: the rule of ``MinibatchDeviation`` for stacked layers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bench.catalogue.architectures.layers import MinibatchDeviation, deviation


def append_deviation(module: nn.Module, tensors: Mapping[str, Tensor], columns: Tensor) -> Tensor:
    """Append the deviation of each sample's group as one more feature, [s, features, n] → [s, features + 1, n]."""
    assert isinstance(module, MinibatchDeviation)
    count = columns.shape[2]
    size = module.size_of_groups(count)
    groups = columns.unflatten(2, (size, count // size))
    deviations = deviation(groups, dim=2).mean(dim=1, keepdim=True).repeat(1, 1, size)
    return torch.cat([columns, deviations.to(columns.dtype)], dim=1)
