"""Equal numbers of generated and real samples, for metrics that depend on the sample size."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.catalogue.metrics.context import Context


def comparable(context: Context, samples: int) -> int:
    """Return how many of the samples to compare with as many training samples.

    The number is limited by both splits: test samples, as a reference, are then measured by the same protocol.
    """
    return min(samples, len(context.data.train), len(context.data.test))


@cache
def reference_features(context: Context, count: int) -> Tensor:
    """Return features [count, d] of training samples, always the same, extracted once for all metrics.

    Points are in random order, so the first ones are used. Images can be sorted (scikit-learn's digits are sorted by
    writer), so they are chosen at random.
    """
    train = context.data.train
    if train.dtype != np.uint8:
        chosen = np.arange(count)
    else:
        chosen = np.sort(np.random.default_rng(0).choice(len(train), count, replace=False))
    return context.extract(torch.from_numpy(np.array(train[chosen])))[0]
