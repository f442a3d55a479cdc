"""The Fréchet distance, by torch-fidelity's definition: ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) (Heusel et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from bench.evaluation import Context, Sampled
from bench.extractors import EXTRACTORS
from bench.options import Options


def prepare(context: Context, options: Options) -> Callable[[Sampled], dict[str, float]]:
    """The function that measures samples against the training split, whose statistics are computed here, once."""
    name = EXTRACTORS[context.extractor].distance
    reference = _statistics(context.train_features())
    return lambda sampled: {name: _distance(sampled.features, reference)}


def frechet_distance(features: Tensor, reference: Tensor) -> float:
    """Fréchet distance between two sets of features [n, d], [m, d]."""
    return _distance(features, _statistics(reference))


def _statistics(features: Tensor) -> dict[str, object]:
    statistics = fid_features_to_statistics(features)
    return {**statistics, "sigma": np.atleast_2d(statistics["sigma"])}  # of one feature numpy gives a number


def _distance(features: Tensor, reference: dict[str, object]) -> float:
    statistics = _statistics(features)
    return float(fid_statistics_to_metric(statistics, reference, verbose=False)[KEY_METRIC_FID])
