"""Equal numbers of generated and of real samples, for metrics whose value depends on how many there are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.evaluation import Context


def comparable(context: Context, samples: int) -> int:
    """How many of the samples are compared with as many of the training split: all that both splits can match.

    The test split counts too, so that generated and real samples are measured under one protocol on small datasets.
    """
    return min(samples, len(context.data.train), len(context.data.test))


def first_features(context: Context, count: int) -> Tensor:
    """Features [count, d] of the first samples of the training split, which is in random order."""
    return context.extract(torch.from_numpy(np.array(context.data.train[:count])))[0]
