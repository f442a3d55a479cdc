"""Samples in evaluations: the latents and labels, or the sources, that they are made of, and what is measured."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.catalogue.architectures import Shape
from bench.catalogue.datasets import Data
from bench.catalogue.metrics.context import Translated
from bench.compute.training.players import latent_numbers
from bench.compute.training.random_streams import stream
from bench.compute.translated import evaluated_places, sources_at, translated
from bench.plan.specification import Training


def evaluation_latents(
    training: Training,
    shape: Shape,
    samples: int,
    seed: int,
    stream_name: str = "evaluation",
    data: Data | None = None,
) -> Tensor:
    """Return the latents of a run's evaluations, [samples, latent]: the same at every step.

    Of translators these are sources of the test split, [n, *shape], see ``bench.compute.translated``.

    Args:
        training: How the run is trained.
        shape: The shape of one sample.
        samples: The number of samples.
        seed: The seed of the run.
        stream_name: The name of the stream.
        data: The dataset; only translators need it.
    """
    if training.translates:
        assert data is not None
        return sources_at(data, evaluated_places(data, samples, seed, stream_name))
    return torch.randn(samples, latent_numbers(training, shape), generator=stream(seed, stream_name))


class Inputs(NamedTuple):
    """What the generator of a run makes the samples of an evaluation of.

    Attributes:
        rows: Latents, with labels as one-hot numbers if it is conditional, [n, numbers]; or sources [n, *shape].
        labels: The class of each sample, int64 [n], or None.
        places: The places of the sources in the test split, int64 [n]; None if the generator does not translate.
        data: The dataset.
        seed: The seed of the run.
    """

    rows: Tensor
    labels: Tensor | None
    places: Tensor | None
    data: Data
    seed: int

    def compared(self, network: nn.Module, samples: Tensor) -> Translated | None:
        """Return what translations by a network are compared with; None if samples are no translations."""
        return None if self.places is None else translated(network, samples, self.data, self.places)


def inputs_of(latents: Tensor, training: Training, data: Data, seed: int, stream_name: str = "evaluation") -> Inputs:
    """Return the inputs of an evaluation with these latents, which ``evaluation_latents`` returned for the stream."""
    rows, labels = with_labels(latents, training, data, seed, stream_name)
    places = evaluated_places(data, len(latents), seed, stream_name) if training.translates else None
    return Inputs(rows, labels, places, data, seed)


def with_labels(
    latents: Tensor, training: Training, data: Data, seed: int, stream_name: str = "evaluation"
) -> tuple[Tensor, Tensor | None]:
    """Return the inputs of a run's generator, and the class of each sample that it is to generate.

    Args:
        latents: The latents, [n, latent].
        training: How the run is trained.
        data: The dataset. Each class is drawn as often as it occurs in the training split.
        seed: The seed of the run.
        stream_name: The name of the stream of the latents; labels have one of their own.

    Returns:
        The latents with the labels as one-hot numbers, [n, latent + classes], and the classes, int64 [n]. For a
        generator without labels, the latents and None.
    """
    if not training.conditional:
        return latents, None
    assert data.labels is not None
    places = torch.randint(len(data.train), (len(latents),), generator=stream(seed, f"{stream_name} labels"))
    classes = torch.from_numpy(data.labels.train)[places]
    return torch.cat([latents, torch.eye(len(data.labels.names))[classes]], dim=1), classes


def quantised(samples: Tensor, like: NDArray[np.generic]) -> Tensor:
    """Return generated images in [−1, 1] as uint8 if the real ones are stored that way; points stay unchanged."""
    if like.dtype != np.uint8:
        return samples
    return ((samples + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
