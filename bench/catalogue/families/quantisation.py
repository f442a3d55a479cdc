"""Samples as sequences of bins, as autoregressive models see them, and bins drawn from their probabilities."""

from __future__ import annotations

import torch
from torch import Tensor


class Quantisation:
    """Equal bins of an interval, and back.

    Args:
        levels: The number of bins.
        low: The lower end of the first.
        high: The upper end of the last; numbers outside of the interval belong to the nearest bin.
    """

    def __init__(self, levels: int, low: float, high: float):
        self.levels, self.low, self.width = levels, low, (high - low) / levels

    def bins(self, values: Tensor) -> Tensor:
        """Return the bin of each value, int64 from 0."""
        return ((values - self.low) / self.width).floor().clamp(0, self.levels - 1).long()

    def values(self, bins: Tensor, within: Tensor | float = 0.5) -> Tensor:
        """Return a value of each bin, by default its centre; ``within`` is a share of the bin's width."""
        return self.low + (bins + within) * self.width


def draw(logits: Tensor, quantiles: Tensor) -> tuple[Tensor, Tensor]:
    """Return the bins that quantiles [n] fall into, and the places within them, for logits [n, levels]."""
    ends = logits.double().softmax(dim=1).cumsum(dim=1)
    levels = logits.shape[1]
    bins = (ends < quantiles.double().unsqueeze(1)).sum(dim=1).clamp(max=levels - 1)
    end = ends.gather(1, bins.unsqueeze(1)).squeeze(1)
    begin = torch.where(bins > 0, ends.gather(1, (bins - 1).clamp(min=0).unsqueeze(1)).squeeze(1), 0.0)
    within = ((quantiles.double() - begin) / (end - begin)).clamp(0, 1).nan_to_num(0.5)
    return bins, within.to(quantiles.dtype)


def one_hot(bins: Tensor, levels: int) -> Tensor:
    """Return vectors with a single one, [...] → [..., levels]; unlike torch's own, it does not wait for the device."""
    return bins.unsqueeze(-1) == torch.arange(levels, device=bins.device)


def to_sequence(samples: Tensor) -> Tensor:
    """Return samples as sequences, [n, *shape] → [n, d]: pixel by pixel, the channels of a pixel in turn."""
    return (samples.movedim(1, -1) if samples.dim() > 2 else samples).flatten(1)


def from_sequence(sequences: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return sequences as samples, [n, d] → [n, *shape]."""
    return sequences.unflatten(1, (*shape[1:], shape[0])).movedim(-1, 1) if len(shape) > 1 else sequences
