"""Precision, recall, density and coverage from balls around samples that reach to their k-th nearest neighbour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.catalogue.metrics import NeighboursOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.real_features import comparable, reference_features

ROWS = 1000  # of a matrix of distances at a time: 10,000 columns of them take 80 MB
EXACT = 16  # features up to which differences are summed; beyond, products in double precision are much faster
ROUNDING = 1e-13  # of squared norms: squared distances below are none, so that equal features have distance 0
TIES = 1e-9  # of a radius: a sample on the edge of a ball is in it, whatever the last digits of two products say


def prepare(context: Context, options: NeighboursOptions) -> Callable[[Sampled], dict[str, float]]:
    """The function that measures samples against as many of the training split, whose radii are computed once."""

    @cache
    def reference(count: int) -> tuple[Tensor, Tensor]:
        real = reference_features(context, count)
        return real, neighbour_distances(real, options.k)

    def measure(sampled: Sampled) -> dict[str, float]:
        count = comparable(context, len(sampled.features))
        real, radii = reference(count)
        return neighbours(sampled.features[:count], real, options.k, radii)

    return measure


def neighbours(fake: Tensor, real: Tensor, k: int, real_radii: Tensor | None = None) -> dict[str, float]:
    """Precision, recall, density and coverage of generated features [n, d] beside real ones [m, d].

    With B(x) the closed ball around x that reaches to its k-th nearest neighbour in its own set:

    - precision: share of generated samples within B(r) of any real r; recall: share of real samples within B(f) of any
      generated f (Kynkäänniemi et al. 2019, eq. 1 and 2; their k is 3);
    - density: 1/(kn) Σ_f #{r : f ∈ B(r)}, which may exceed 1; coverage: share of real r with any f ∈ B(r) (Naeem et al.
      2020, eq. 3 and 4). For equal distributions and n = m the density is 1 and the coverage
      1 − Π_{i=1..k} (n − i)/(2n − i) in the mean.

    Args:
        fake: Generated features.
        real: Real features.
        k: Neighbours; of smaller sets, all but the sample itself.
        real_radii: ``neighbour_distances(real, k)``, where they are known.
    """
    radii = _closed(neighbour_distances(real, k) if real_radii is None else real_radii)
    fake_radii = _closed(neighbour_distances(fake, k))
    precise = torch.zeros(len(fake), dtype=torch.bool)
    inside = recalled = covered = 0
    for start, distance in distances(real, fake):
        hit = distance <= radii[start : start + ROWS, None]
        precise |= hit.any(dim=0)
        inside += int(np.count_nonzero(hit.numpy()))
        covered += int(hit.any(dim=1).sum())
        recalled += int((distance <= fake_radii).any(dim=1).sum())
    return {
        "precision": precise.double().mean().item(),
        "recall": recalled / len(real),
        "density": inside / (min(k, len(real) - 1) * len(fake)),
        "coverage": covered / len(real),
    }


def _closed(radii: Tensor) -> Tensor:
    """Radii of balls that hold their edge, and no sample that is too far away for a number."""
    return (radii * (1 + TIES)).clamp(max=torch.finfo(radii.dtype).max)


def neighbour_distances(features: Tensor, k: int) -> Tensor:
    """Distance [n] of each of the features [n, d] to its k-th nearest neighbour among the others."""
    nearest = min(k + 1, len(features))  # the nearest is the sample itself
    rows = distances(features, features)
    return torch.cat([distance.topk(nearest, dim=1, largest=False).values[:, -1] for _, distance in rows])


def distances(one: Tensor, other: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Euclidean distances between features [n, d] and [m, d] by rows: the first row's number and [rows, m].

    Few features are subtracted, many are multiplied in double precision; equal ones have distance 0 either way.
    """
    if one.shape[1] <= EXACT:
        for start in range(0, len(one), ROWS):
            yield start, torch.cdist(one[start : start + ROWS], other, compute_mode="donot_use_mm_for_euclid_dist")
        return
    one, other = one.double(), other.double()
    norms, other_norms = ((1 - ROUNDING) * each.square().sum(dim=1) for each in (one, other))
    for start in range(0, len(one), ROWS):
        squared = torch.addmm(other_norms, one[start : start + ROWS], other.T, alpha=-2)
        yield start, squared.add_(norms[start : start + ROWS, None]).clamp_(min=0).sqrt_()
