"""Labels of the samples of a batch: how they reach the critics, the generators, and the networks' construction.

A label is one-hot numbers. The real and the generated sample at one place of a batch share it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from bench.catalogue import find
from bench.catalogue.architectures import CONCATENATION, Shape
from bench.catalogue.architectures.conditional import LabelPlanes
from bench.compute.training.packing_degree import joined
from bench.compute.training.sampler import BatchSampler
from bench.plan.specification import Choice, Training

Build = Callable[..., nn.Module]


def classes_of(training: Training, real_samples: object) -> int:
    """Return the number of classes that the networks of a run are conditioned on, or 0.

    Args:
        training: The settings of the run.
        real_samples: Looks up real samples; its ``labels`` look up theirs.
    """
    return int(real_samples.labels.classes) if training.conditional else 0  # type: ignore[attr-defined]


def real_batch(sampler: BatchSampler, stream: str = "data") -> tuple[Tensor, Tensor | None]:
    """Return real samples [s, n, *shape] and their labels [s, n, k], or None if the runs are not conditional."""
    samples = sampler.real_samples(stream)
    return samples, sampler.real_labels(stream) if sampler.conditional else None


def conditioned(
    networks: Callable[[Tensor], Tensor], labels: Tensor | None, degree: int = 1
) -> Callable[[Tensor], Tensor]:
    """Return players as functions of samples or latents alone, with given labels, so that nothing changes the labels.

    Args:
        networks: Critics of flattened samples followed by labels, [s, n, numbers + k] → [s, n], or generators of
            latents followed by labels.
        labels: The labels, [s, n, k], which are repeated for 2n, 3n, ... samples; None if the players take none.
        degree: The number of samples that critics judge together, whose labels are joined as they are.
    """
    if labels is None:
        return networks
    of_joined = joined(labels, degree)

    def with_labels(inputs: Tensor) -> Tensor:
        repeated = of_joined.repeat(1, inputs.shape[1] // of_joined.shape[1], 1)
        return networks(torch.cat([inputs.flatten(2), repeated], dim=2))

    return with_labels


def build_conditional_generator(build: Build, architecture: Choice, latent: int, classes: int, shape: Shape) -> Any:
    """Return a generator of latents that are followed by labels, [n, latent + classes] → [n, *shape].

    Args:
        build: (architecture, "generator", *arguments) → the network that its module builds.
        architecture: The architecture.
        latent: The dimension of the latents.
        classes: The number of classes.
        shape: The shape of one sample.
    """
    module = find("architecture", architecture.name).conditional
    if module == CONCATENATION:
        return build(architecture, "generator", latent + classes, shape)
    return build(architecture, "generator", latent, classes, shape, module=module)


def build_conditional_critic(build: Build, architecture: Choice, classes: int, shape: Shape) -> Any:
    """Return a critic of flattened samples that are followed by labels, [n, numbers + classes] → logits [n].

    Args:
        build: (architecture, "critic", *arguments) → the network that its module builds.
        architecture: The architecture.
        classes: The number of numbers of a label; if several samples are judged together, of all their labels.
        shape: The shape of one sample; of joined samples if several are judged together.
    """
    entry = find("architecture", architecture.name)
    if entry.conditional != CONCATENATION:
        return build(architecture, "critic", classes, shape, module=entry.conditional)
    flat = (prod(shape) + classes,)
    if entry.fits(flat) is None:
        return build(architecture, "critic", flat)
    return nn.Sequential(LabelPlanes(shape), build(architecture, "critic", (shape[0] + classes, *shape[1:])))
