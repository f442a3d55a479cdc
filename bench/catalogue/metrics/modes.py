"""Mode coverage: by the true modes of a mixture, or by the classes of a classifier."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.catalogue.datasets.data import Modes
from bench.catalogue.metrics import ModesOptions
from bench.catalogue.metrics.context import Context, Sampled

WITHIN = 3.0  # standard deviations; in the plane, 1 − e^(−4.5) = 98.9% of real points are within it


def prepare(context: Context, options: ModesOptions) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: by the true modes if the data have them, else by the classifier."""
    modes = context.data.modes
    if modes is not None:
        return lambda sampled: mixture_modes(sampled.samples, modes, options.minimum)

    def classes(sampled: Sampled) -> dict[str, float]:
        if sampled.logits is None:
            raise ValueError("the extractor has no classes")
        return class_modes(sampled.logits, options.minimum, options.confidence)

    return classes


def mixture_modes(points: Tensor, modes: Modes, minimum: int = 1) -> dict[str, float]:
    """Return modes covered, fraction of high-quality points, and KL(generated ‖ uniform) in nats, of points [n, d].

    A point belongs to the nearest centre. It is of high quality if it is within 3σ of that centre. A mode is covered
    if it has at least ``minimum`` high-quality points. The KL is over all points.

    Source: Lin et al. 2018, section 4.
    """
    distance, nearest = torch.cdist(points.double(), torch.from_numpy(modes.centres)).min(dim=1)
    high_quality = distance <= WITHIN * modes.sigma
    count = len(modes.centres)
    return {
        "modes": covered(nearest[high_quality], count, minimum),
        "high_quality": high_quality.double().mean().item(),
        "kl": kl_to_uniform(nearest, count),
    }


def class_modes(logits: Tensor, minimum: int = 1, confidence: float = 0.9) -> dict[str, float]:
    """Return measures of logits [n, classes].

    They are the classes covered by all samples and by confident samples, the fraction of confident samples, and
    KL(generated ‖ uniform) in nats over all samples.

    A sample belongs to its most probable class, and is confident if that probability is at least ``confidence``. A
    class is covered if it has at least ``minimum`` samples. Confidence is not quality: a classifier can be confident
    of noise.
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
    """Return how many of ``count`` modes occur at least ``minimum`` times among the labels [n]."""
    return float((torch.bincount(labels, minlength=count) >= minimum).sum())


def kl_to_uniform(labels: Tensor, count: int) -> float:
    """Return KL(histogram of the labels ‖ uniform) in nats: 0 if all modes are equal, log(count) for a single mode."""
    share = torch.bincount(labels, minlength=count).double() / len(labels)
    return float(torch.special.xlogy(share, share * count).sum())
