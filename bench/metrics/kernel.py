"""The kernel distance by torch-fidelity's definition, called KID only with Inception (Bińkowski et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

from bench.evaluation import Context, Sampled
from bench.extractors import EXTRACTORS
from bench.metrics import KernelOptions

SEED = 2020  # torch-fidelity's own, from which the subsets are drawn: values are those that it would give


def prepare(context: Context, options: KernelOptions) -> Callable[[Sampled], dict[str, float]]:
    """The function that measures samples against the whole training split, whose features are computed here, once."""
    name = {"fid": "kid", "fd": "kd"}[EXTRACTORS[context.extractor].distance]
    reference = context.train_features()
    return lambda sampled: {
        name: kernel_distance(sampled.features, reference, options.subsets, options.subset_size),
    }


def kernel_distance(features: Tensor, reference: Tensor, subsets: int, subset_size: int) -> float:
    """Mean over random subsets of the unbiased MMD² between features [n, d] and [m, d]; it may be below 0.

    Σ_{i≠j} k(xᵢ, xⱼ)/(s(s − 1)) + Σ_{i≠j} k(yᵢ, yⱼ)/(s(s − 1)) − 2 Σ_{ij} k(xᵢ, yⱼ)/s² with the kernel
    k(x, y) = (x·y/d + 1)³, on ``subsets`` of s samples each, ``subset_size`` or as many as there are.
    """
    size = min(subset_size, len(features), len(reference))
    values = kid_features_to_metric(
        features, reference, kid_subsets=subsets, kid_subset_size=size, rng_seed=SEED, verbose=False
    )
    return float(values[KEY_METRIC_KID_MEAN])
