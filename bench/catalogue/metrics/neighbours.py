"""Precision, recall, density and coverage from balls around samples up to their k-th nearest neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.catalogue.metrics import NeighboursOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.real_features import comparable, reference_features

ROWS = 1000  # rows of the distance matrix that are computed at once: with 10,000 columns they take 80 MB
EXACT = 16  # with more features, matrix products in double precision are much faster than summing differences
ROUNDING = (
    1e-13  # relative to squared norms: smaller squared distances become 0, so that equal features have distance 0
)
TIES = 1e-9  # relative to a radius: a sample on the surface of a ball is inside despite rounding


def prepare(context: Context, options: NeighboursOptions) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: a comparison with as many training samples, whose radii are computed once."""

    @cache
    def reference(count: int) -> tuple[Tensor, Tensor]:
        real = context.placed(reference_features(context, count))
        return real, neighbour_distances(real, options.k)

    def measure(sampled: Sampled) -> dict[str, float]:
        count = comparable(context, len(sampled.features))
        real, radii = reference(count)
        return neighbours(context.placed(sampled.features[:count]), real, options.k, radii)

    return measure


def neighbours(fake: Tensor, real: Tensor, k: int, real_radii: Tensor | None = None) -> dict[str, float]:
    """Return precision, recall, density and coverage of generated features [n, d] with respect to real ones [m, d].

    B(x) is the closed ball around x up to its k-th nearest neighbour in the same set.

    - Precision is the fraction of generated samples in B(r) of any real r; recall is the fraction of real samples in
      B(f) of any generated f (Kynkäänniemi et al. 2019, eq. 1 and 2, who use k = 3).
    - Density is 1/(kn) Σ_f #{r : f ∈ B(r)}, which can exceed 1; coverage is the fraction of real r with any f ∈ B(r)
      (Naeem et al. 2020, eq. 3 and 4). For equal distributions and n = m, the expected density is 1 and the expected
      coverage 1 − Π_{i=1..k} (n − i)/(2n − i).

    Args:
        fake: Generated features.
        real: Real features.
        k: Number of neighbours, at most the size of the set minus 1.
        real_radii: ``neighbour_distances(real, k)``, if already computed.
    """
    radii = _closed(neighbour_distances(real, k) if real_radii is None else real_radii)
    fake_radii = _closed(neighbour_distances(fake, k))
    precise = torch.zeros(len(fake), dtype=torch.bool, device=fake.device)
    pairs = recalled = covered = 0
    for start, distance in distances(real, fake):
        inside = distance <= radii[start : start + ROWS, None]
        precise |= inside.any(dim=0)
        pairs += count_true(inside)
        covered += int(inside.any(dim=1).sum())
        recalled += int((distance <= fake_radii).any(dim=1).sum())
    return {
        "precision": precise.double().mean().item(),
        "recall": recalled / len(real),
        "density": pairs / (min(k, len(real) - 1) * len(fake)),
        "coverage": covered / len(real),
    }


def count_true(conditions: Tensor) -> int:
    """Return how many conditions are true."""
    on_cpu = conditions.device.type == "cpu"  # where numpy counts faster than torch
    return int(np.count_nonzero(conditions.numpy()) if on_cpu else torch.count_nonzero(conditions))


def _closed(radii: Tensor) -> Tensor:
    """Return radii [n] of balls that include their surface, but no sample at an infinite distance."""
    return (radii * (1 + TIES)).clamp(max=torch.finfo(radii.dtype).max)


def neighbour_distances(features: Tensor, k: int) -> Tensor:
    """Return the distances [n] of features [n, d] to their k-th nearest neighbours among the others."""
    nearest = min(k + 1, len(features))  # the nearest is the sample itself
    blocks = distances(features, features)
    return torch.cat([block.topk(nearest, dim=1, largest=False).values[:, -1] for _, block in blocks])


def distances(one: Tensor, other: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield Euclidean distances between features [n, d] and [m, d] in blocks: the first row's index, and [rows, m].

    Up to ``EXACT`` features, differences are summed; with more, matrix products in double precision are used. Equal
    features have distance 0 in both cases.
    """
    if one.shape[1] <= EXACT:
        for start in range(0, len(one), ROWS):
            yield start, torch.cdist(one[start : start + ROWS], other, compute_mode="donot_use_mm_for_euclid_dist")
        return
    one, other = one.double(), other.double()
    norms, other_norms = ((1 - ROUNDING) * features.square().sum(dim=1) for features in (one, other))
    for start in range(0, len(one), ROWS):
        squared = torch.addmm(other_norms, one[start : start + ROWS], other.T, alpha=-2)
        yield start, squared.add_(norms[start : start + ROWS, None]).clamp_(min=0).sqrt_()
