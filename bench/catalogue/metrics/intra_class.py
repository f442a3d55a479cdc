"""Measures of conditional generators: the Fréchet distance within each class, and how often a classifier agrees."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from statistics import fmean

import torch
from torch import Tensor

from bench.catalogue import Options
from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.frechet import distance_to_statistics, feature_statistics
from bench.catalogue.metrics.frechet_on_device import device_distance, device_statistics
from bench.catalogue.metrics.modes import nearest_modes

LEAST = 2  # samples that have a covariance
Distance = Callable[[Tensor], float]


def prepare(context: Context, options: Options) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: the mean over classes of the distance to the training samples of the class, and the accuracy.

    The accuracy is the share of samples whose most probable class is their label or, where modes are known, whose
    nearest mode is. There is none if the extractor has other classes than the dataset.

    Source: Miyato & Koyama 2018, section 4.1 (intra FID).
    """
    name = f"intra_{EXTRACTORS[context.extractor].distance}"

    def measure(sampled: Sampled) -> dict[str, float]:
        if sampled.labels is None:
            raise ValueError("the samples have no labels")
        measures = {name: mean_distance(_distances(context), sampled.features, sampled.labels)}
        predicted = _predicted(context, sampled)
        if predicted is not None:
            measures["class_accuracy"] = (predicted == sampled.labels).double().mean().item()
        return measures

    return measure


def mean_distance(distances: dict[int, Distance], features: Tensor, labels: Tensor) -> float:
    """Return the mean of the distances within classes; NaN if none can be computed.

    Args:
        distances: Class → the distance of features [m, d] to the real ones of this class.
        features: Features of all samples, [n, d].
        labels: Their classes, int64 [n]. Classes with fewer than two samples are left out.
    """
    found = [(distance, features[labels == label]) for label, distance in distances.items()]
    values = [distance(members) for distance, members in found if len(members) >= LEAST]
    return fmean(values) if values else math.nan


def _predicted(context: Context, sampled: Sampled) -> Tensor | None:
    """Return the class that a classifier assigns to each sample, int64 [n], if it knows the dataset's classes."""
    labels, modes = context.data.labels, context.data.modes
    assert labels is not None
    if modes is not None:
        return nearest_modes(sampled.samples, modes)[0]
    if sampled.logits is None or context.classes != labels.names:
        return None
    return sampled.logits.argmax(dim=1).cpu()


@cache
def _distances(context: Context) -> dict[int, Distance]:
    """Return for each class with at least two training samples the distance of features [m, d] to theirs."""
    assert context.data.labels is not None
    labels = torch.from_numpy(context.data.labels.train)
    members = {label: context.train_features[labels == label] for label in labels.unique().tolist()}
    return {label: _distance(context, features) for label, features in members.items() if len(features) >= LEAST}


def _distance(context: Context, real: Tensor) -> Distance:
    if context.device.type == "cpu":
        reference = feature_statistics(real)
        return lambda features: distance_to_statistics(reference, features)
    on_device = device_statistics(context.placed(real))
    return lambda features: device_distance(on_device, context.placed(features))
