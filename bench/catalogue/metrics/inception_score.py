"""The Inception Score exp(E_x KL(p(y|x) ‖ p(y))) of class probabilities (Salimans et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from bench.catalogue.metrics import InceptionScoreOptions
from bench.catalogue.metrics.context import Context, Sampled

SEED = 2020  # torch-fidelity's, for the same splits


def prepare(context: Context, options: InceptionScoreOptions) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: the score by the classes of the extractor."""

    def measure(sampled: Sampled) -> dict[str, float]:
        if sampled.logits is None:
            raise ValueError("the extractor has no classes")
        return {"inception_score": inception_score(sampled.logits, options.splits)}

    return measure


def inception_score(logits: Tensor, splits: int) -> float:
    """Return the mean score of equal parts of the samples, in a random order that is always the same.

    Args:
        logits: Of the classes [n, classes].
        splits: Number of parts, 10 in the paper; with fewer samples than that, each is a part of its own.
    """
    count = len(logits)
    splits = min(splits, count)
    order = np.random.RandomState(SEED).permutation(count)
    log_probabilities = logits[torch.from_numpy(order)].double().log_softmax(dim=1)
    ends = [part * count // splits for part in range(splits + 1)]
    return fmean(_score(log_probabilities[begin:end]) for begin, end in pairwise(ends))


def _score(log_probabilities: Tensor) -> float:
    probabilities = log_probabilities.exp()
    log_marginal = log_probabilities.logsumexp(dim=0) - np.log(len(log_probabilities))
    terms = torch.where(probabilities > 0, probabilities * (log_probabilities - log_marginal), 0.0)
    return terms.sum(dim=1).mean().exp().item()
