"""The sharpness of images: the variance of their Laplacian, against real data (Pech-Pacheco et al. 2000)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bench.catalogue import Options
from bench.catalogue.metrics.context import Context, Sampled

REFERENCE = 5_000  # training images, evenly spaced over the split
LAPLACIAN = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])


def prepare(context: Context, options: Options) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: the mean of ``laplacian_variance`` over samples, divided by that over training images.

    It is 1 for real data, below 1 for blurred samples, and above 1 for noisy ones.
    """

    @cache
    def reference() -> float:
        train = context.data.train
        return _mean(context, torch.from_numpy(np.array(train[:: -(-len(train) // REFERENCE)])))

    return lambda sampled: {"sharpness": _mean(context, sampled.samples) / reference()}


def _mean(context: Context, images: Tensor) -> float:
    return laplacian_variance(context.placed(images)).mean().item()


def laplacian_variance(images: Tensor) -> Tensor:
    """Return the variance over pixels of the Laplacian of each image in grey, [n, channels, h, w] → [n].

    Pixels at the edge, whose neighbours are not all in the image, are left out.
    """
    grey = images.double().mean(dim=1, keepdim=True)
    laplacian = F.conv2d(grey, LAPLACIAN.to(grey).view(1, 1, 3, 3))
    return laplacian.flatten(1).var(dim=1, correction=0)
