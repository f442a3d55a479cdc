"""The sliced Wasserstein distance of points in the plane (Rabin et al. 2011; Bonneel et al. 2015)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.catalogue.metrics import SlicedWassersteinOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.real_features import comparable, reference_features


def prepare(context: Context, options: SlicedWassersteinOptions) -> Callable[[Sampled], dict[str, float]]:
    """The function that measures points against as many of the training split."""
    reference = cache(lambda count: ordered_projections(reference_features(context, count), options.projections))

    def measure(sampled: Sampled) -> dict[str, float]:
        count = comparable(context, len(sampled.features))
        return {"swd": _distance(ordered_projections(sampled.features[:count], options.projections), reference(count))}

    return measure


def sliced_wasserstein(points: Tensor, reference: Tensor, projections: int = 64) -> float:
    """Mean over directions u in [0, π) of the Wasserstein-1 distance between the projections of points [n, 2], [n, 2].

    On a line W₁ = 1/n Σ |x₍ᵢ₎ − y₍ᵢ₎| over the order statistics. The directions are equally spaced, not drawn: a shift
    by s gives 2‖s‖/π as their number grows. Points [n, 1] lie on a line already.
    """
    return _distance(*(ordered_projections(each, projections) for each in (points, reference)))


def _distance(one: Tensor, other: Tensor) -> float:
    return (one - other).abs().mean().item()


def ordered_projections(points: Tensor, projections: int) -> Tensor:
    """Projections of points [n, 2] on each of the directions, in order from the least: [projections, n]."""
    angles = torch.arange(projections, dtype=torch.float64) * (math.pi / projections)
    directions = torch.stack([angles.cos(), angles.sin()], dim=1)
    if points.shape[1] == 1:
        directions = directions.new_ones(1, 1)
    return torch.from_numpy(np.sort((directions @ points.double().T).numpy(), axis=1))  # thrice as fast as torch's
