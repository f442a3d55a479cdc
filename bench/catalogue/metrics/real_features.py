"""Equal numbers of generated and of real samples, for metrics whose value depends on how many there are."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.catalogue.metrics.context import Context


def comparable(context: Context, samples: int) -> int:
    """How many of the samples are compared with as many of the training split: all that both splits can match.

    The test split counts too, so that generated and real samples are measured under one protocol on small datasets.
    """
    return min(samples, len(context.data.train), len(context.data.test))


@cache
def reference_features(context: Context, count: int) -> Tensor:
    """Features [count, d] of samples of the training split, always the same, extracted once for all metrics.

    Points were drawn in random order, and the first are taken; images can be sorted (scikit-learn's digits are, by
    their writers), and are picked at random.
    """
    train = context.data.train
    if train.dtype != np.uint8:
        picked = np.arange(count)
    else:
        picked = np.sort(np.random.default_rng(0).choice(len(train), count, replace=False))
    return context.extract(torch.from_numpy(np.array(train[picked])))[0]
