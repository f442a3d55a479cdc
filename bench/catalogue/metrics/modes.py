"""Mode coverage: by the true modes of the data, or by the classes of a classifier."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.catalogue.datasets.data import Modes
from bench.catalogue.datasets.signals import RecognisedModes
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


def mixture_modes(samples: Tensor, modes: Modes | RecognisedModes, minimum: int = 1) -> dict[str, float]:
    """Return overlap, modes covered, fraction of high-quality samples, and KL(generated ‖ true) in nats.

    A mode is covered if it has at least ``minimum`` high-quality samples. The KL is over all samples, each of which
    counts for its nearest mode.

    The overlap is Σₖ min(hₖ, pₖ), where hₖ is the share of all samples that are of high quality and belong to mode k,
    and pₖ is the true weight of mode k: one minus the total variation distance between the two distributions over the
    modes and "none of them".

    Source: Lin et al. 2018, section 4.
    """
    nearest, high_quality = nearest_modes(samples, modes)
    weights = torch.from_numpy(modes.shares)
    count = len(weights)
    return {
        "overlap": overlap(nearest[high_quality], len(samples), weights),
        "modes": covered(nearest[high_quality], count, minimum),
        "high_quality": high_quality.double().mean().item(),
        "kl": kl_to_uniform(nearest, count) if modes.weights is None else kl_divergence(nearest, weights),
    }


def nearest_modes(samples: Tensor, modes: Modes | RecognisedModes) -> tuple[Tensor, Tensor]:
    """Return the nearest mode of each sample, int64 [n], and whether the sample is of high quality.

    Of points [n, d], that is the nearest centre, and a point within 3σ of it is of high quality. Where a rule
    recognises the modes, the rule decides.
    """
    if isinstance(modes, RecognisedModes):
        mode, good = modes.recognise(samples.cpu().numpy())
        return torch.from_numpy(mode), torch.from_numpy(good)
    distance, nearest = torch.cdist(samples.double(), torch.from_numpy(modes.centres)).min(dim=1)
    return nearest, distance <= WITHIN * modes.sigma


def class_modes(logits: Tensor, minimum: int = 1, confidence: float = 0.9) -> dict[str, float]:
    """Return measures of logits [n, classes].

    They are the classes covered by all samples and by confident samples, the fraction of confident samples, the overlap
    of confident samples with equally likely classes, and KL(generated ‖ uniform) in nats over all samples.

    A sample belongs to its most probable class, and is confident if that probability is at least ``confidence``. A
    class is covered if it has at least ``minimum`` samples. Confidence is not quality: a classifier can be confident
    of noise.
    """
    probability, label = logits.double().softmax(dim=1).max(dim=1)
    confident = probability >= confidence
    count = logits.shape[1]
    uniform = torch.full((count,), 1 / count, dtype=torch.float64)
    return {
        "overlap_confident": overlap(label[confident], len(label), uniform),
        "modes": covered(label, count, minimum),
        "modes_confident": covered(label[confident], count, minimum),
        "confident": confident.double().mean().item(),
        "kl": kl_to_uniform(label, count),
    }


def covered(labels: Tensor, count: int, minimum: int) -> float:
    """Return how many of ``count`` modes occur at least ``minimum`` times among the labels [n]."""
    return float((torch.bincount(labels, minlength=count) >= minimum).sum())


def overlap(labels: Tensor, total: int, weights: Tensor) -> float:
    """Return Σₖ min(share of mode k among all samples, weight of mode k): 1 if equal, 0 if disjoint.

    Args:
        labels: The modes of the good samples, [m].
        total: The number of all samples, good or not.
        weights: The true weights of the modes, [k], float64 with sum 1.
    """
    share = torch.bincount(labels.cpu(), minlength=len(weights)).double() / total
    return float(torch.minimum(share, weights).sum())


def kl_to_uniform(labels: Tensor, count: int) -> float:
    """Return KL(histogram of the labels ‖ uniform) in nats: 0 if all modes are equal, log(count) for a single mode."""
    share = torch.bincount(labels, minlength=count).double() / len(labels)
    return float(torch.special.xlogy(share, share * count).sum())


def kl_divergence(labels: Tensor, weights: Tensor) -> float:
    """Return KL(histogram of the labels ‖ weights) in nats; 0 if they are equal.

    Args:
        labels: [n].
        weights: The true weights of the modes, [k], float64 with sum 1 and none of them 0.
    """
    share = torch.bincount(labels, minlength=len(weights)).double() / len(labels)
    return float(torch.special.xlogy(share, share / weights).sum())
