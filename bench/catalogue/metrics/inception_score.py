"""The Inception Score exp(E_x KL(p(y|x) ‖ p(y))) of class probabilities (Salimans et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, isc_features_to_metric

from bench.catalogue.metrics import InceptionScoreOptions, name_of_score
from bench.catalogue.metrics.context import Context, Sampled

LEAST = -700.0  # logarithm of a probability; that of a smaller one is −∞ in double precision


def prepare(context: Context, options: InceptionScoreOptions) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: the score by the classes of the extractor."""
    name = name_of_score(context.extractor)

    def measure(sampled: Sampled) -> dict[str, float]:
        if sampled.logits is None:
            raise ValueError("the extractor has no classes")
        return {name: inception_score(sampled.logits, options.splits)}

    return measure


def inception_score(logits: Tensor, splits: int) -> float:
    """Return the mean score of equal parts of the samples, in a random order that is always the same.

    Args:
        logits: Of the classes [n, classes].
        splits: Number of parts, 10 in the paper; with fewer samples than that, each is a part of its own.
    """
    logits = logits.double()
    bounded = (logits - logits.amax(dim=1, keepdim=True)).clamp(min=LEAST)
    scores = isc_features_to_metric(bounded, splits=min(splits, len(logits)))
    return float(scores[KEY_METRIC_ISC_MEAN])
