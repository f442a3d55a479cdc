"""Usefulness of generated samples where real ones are scarce, with the usual augmentation as their rival."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.catalogue.metrics.classifier_options import UsefulnessOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.small_classifier import Labelled, accuracy_of_classifier, training_samples


def prepare(context: Context, options: UsefulnessOptions) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: the accuracy of classifiers that learn from a run's real examples, with and without more.

    All are trained in the same number of steps from the same first weights. Half of a batch is generated where
    generated samples are used. Differences between them are measures too, because they are paired: tables then give
    the interval of the mean difference over seeds.
    """

    def accuracy(seed: int | None, augmented: bool, *generated: Labelled) -> float:
        sources = [_examples(context, seed), *generated]
        return accuracy_of_classifier(context, sources, options, seed, augmentation if augmented else None)

    def augmentation(images: Tensor, generator: torch.Generator) -> Tensor:
        return augment(options, images, generator)

    without_generated = cache(accuracy)  # the same at every evaluation of a run, and for its average

    def measure(sampled: Sampled) -> dict[str, float]:
        if sampled.labels is None:
            raise ValueError("the samples have no labels")
        samples = Labelled(sampled.samples, sampled.labels)
        alone, augmented = (without_generated(sampled.seed, changed) for changed in (False, True))
        generated, both = (accuracy(sampled.seed, changed, samples) for changed in (False, True))
        return {
            "examples_accuracy": alone,
            "generated_accuracy": generated,
            "augmented_accuracy": augmented,
            "both_accuracy": both,
            "gain": generated - alone,
            "gain_over_augmentation": generated - augmented,
            "gain_beside_augmentation": both - augmented,
        }

    return measure


def augment(options: UsefulnessOptions, images: Tensor, generator: torch.Generator) -> Tensor:
    """Return images [n, channels, height, width], each shifted and rotated and, if asked for, mirrored at random.

    Values between pixels are interpolated linearly; beyond the border, the pixels of the border are repeated.

    Args:
        options: The largest shift, as a share of the sides, the largest rotation, and whether to mirror half of them.
        images: The images.
        generator: Draws the numbers, on the CPU.
    """
    numbers = torch.rand(len(images), 4, generator=generator).to(images.device)
    angle, across, down = (2 * numbers[:, :3] - 1).unbind(dim=1)
    angle = angle * math.radians(options.degrees)
    across, down = 2 * options.shift * across, 2 * options.shift * down  # the side of an image has the length 2
    mirror = torch.where(numbers[:, 3] < 0.5, -1.0, 1.0) if options.flips else torch.ones_like(angle)
    first = torch.stack([mirror * angle.cos(), -angle.sin(), across], dim=1)
    second = torch.stack([mirror * angle.sin(), angle.cos(), down], dim=1)
    places = F.affine_grid(torch.stack([first, second], dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, places, padding_mode="border", align_corners=False)


@cache
def _examples(context: Context, seed: int | None) -> Labelled:
    """Return the real examples of a run; all training samples without a seed, or if the run trains on all."""
    positions = None if seed is None else context.data.examples(seed)
    return training_samples(context, None if positions is None else torch.from_numpy(positions))
