"""Which modes of the data the samples cover: true modes of a mixture, or the classes of a classifier."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.catalogue.datasets.data import Modes
from bench.catalogue.metrics import ModesOptions
from bench.catalogue.metrics.context import Context, Sampled

WITHIN = 3.0  # standard deviations: in the plane 1 − e^(−4.5) = 98.9 % of the real points


def prepare(context: Context, options: ModesOptions) -> Callable[[Sampled], dict[str, float]]:
    """The function that measures samples: by the true modes where the data has them, else by the classifier."""
    modes = context.data.modes
    if modes is not None:
        return lambda sampled: mixture_modes(sampled.samples, modes, options.minimum)

    def classes(sampled: Sampled) -> dict[str, float]:
        if sampled.logits is None:
            raise ValueError("the extractor has no classes")
        return class_modes(sampled.logits, options.minimum, options.confidence)

    return classes


def mixture_modes(points: Tensor, modes: Modes, minimum: int = 1) -> dict[str, float]:
    """Modes covered, share of high quality and KL(generated ‖ uniform) of points [n, d].

    A point belongs to the nearest centre; it is of high quality iff it lies within 3σ of it; a mode is covered by at
    least ``minimum`` points of high quality. The KL, in nats, is over all points (Lin et al. 2018, section 4).
    """
    distance, nearest = torch.cdist(points.double(), torch.from_numpy(modes.centres)).min(dim=1)
    good = distance <= WITHIN * modes.sigma
    count = len(modes.centres)
    return {
        "modes": covered(nearest[good], count, minimum),
        "high_quality": good.double().mean().item(),
        "kl": kl_to_uniform(nearest, count),
    }


def class_modes(logits: Tensor, minimum: int = 1, confidence: float = 0.9) -> dict[str, float]:
    """Classes covered, by any sample and by confident ones, share of confident samples and KL of logits [n, classes].

    A sample counts for its most probable class; it is confident where that probability is at least ``confidence``.
    Confidence is not quality: a classifier can be sure of noise. The KL, in nats, is over all samples.
    """
    probability, label = logits.double().softmax(dim=1).max(dim=1)
    confident = probability >= confidence
    count = logits.shape[1]
    return {
        "modes": covered(label, count, minimum),
        "modes_confident": covered(label[confident], count, minimum),
        "confident": confident.double().mean().item(),
        "kl": kl_to_uniform(label, count),
    }


def covered(labels: Tensor, count: int, minimum: int) -> float:
    """How many of ``count`` modes have at least ``minimum`` of the labels."""
    return float((torch.bincount(labels, minlength=count) >= minimum).sum())


def kl_to_uniform(labels: Tensor, count: int) -> float:
    """KL(histogram of the labels ‖ uniform) in nats: 0 for equal shares, log(count) for one mode."""
    share = torch.bincount(labels, minlength=count).double() / len(labels)
    return float(torch.special.xlogy(share, share * count).sum())
