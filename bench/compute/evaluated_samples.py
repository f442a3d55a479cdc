"""Samples in evaluations: the latents and labels that they are generated from, and the form that is measured."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.catalogue.architectures import Shape
from bench.catalogue.datasets import Data
from bench.compute.training.players import latent_numbers
from bench.compute.training.random_streams import stream
from bench.plan.specification import Training


def evaluation_latents(
    training: Training, shape: Shape, samples: int, seed: int, stream_name: str = "evaluation"
) -> Tensor:
    """Return the latents of a run's evaluations, [samples, latent]: the same at every step.

    Args:
        training: How the run is trained.
        shape: The shape of one sample.
        samples: The number of samples.
        seed: The seed of the run.
        stream_name: The name of the stream.
    """
    return torch.randn(samples, latent_numbers(training, shape), generator=stream(seed, stream_name))


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
