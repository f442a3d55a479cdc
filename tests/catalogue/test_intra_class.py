"""Distances within classes and the accuracy of labels, against naive computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.catalogue import Options
from bench.catalogue.datasets.data import Labels, Modes, make_data
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.frechet import frechet_distance
from bench.catalogue.metrics.intra_class import prepare

NAMES = ("a", "b", "c")
RANDOM = np.random.default_rng(0)
TRAIN_LABELS = np.arange(90) % 3
TRAIN = (RANDOM.standard_normal((90, 2)) + 5 * TRAIN_LABELS[:, None]).astype(np.float32)


def context(
    names: tuple[str, ...] = NAMES, classes: tuple[str, ...] = (), modes: Modes | None = None, labels: object = None
) -> Context:
    given = TRAIN_LABELS if labels is None else np.asarray(labels)
    data = make_data(TRAIN, TRAIN, modes, labels=Labels(given, given, names))
    return Context(data, "coordinates", lambda points: (points, None), classes=classes)


def sampled(points: Tensor, labels: Tensor, logits: Tensor | None = None) -> Sampled:
    found = Sampled(points, points, logits)
    found.labels = labels
    return found


def test_the_distance_is_the_mean_of_those_between_samples_and_data_of_the_same_class() -> None:
    labels = torch.arange(60) % 3
    points = torch.randn(60, 2, generator=torch.Generator().manual_seed(1)) + 4 * labels[:, None]
    measures = prepare(context(), Options())(sampled(points, labels))
    naive = [
        frechet_distance(points[labels == label], torch.from_numpy(TRAIN[label == TRAIN_LABELS])) for label in range(3)
    ]
    assert measures == {"intra_fd": pytest.approx(sum(naive) / 3)}
    same = prepare(context(), Options())(sampled(torch.from_numpy(TRAIN), torch.from_numpy(TRAIN_LABELS)))
    assert same["intra_fd"] == pytest.approx(0, abs=1e-6)


def test_good_samples_with_wrong_labels_have_a_large_distance_within_classes() -> None:
    """Moved by one class, means differ by (5, 5) twice and by (10, 10) once: (50 + 50 + 200) / 3."""
    points, wrong = torch.from_numpy(TRAIN), (torch.from_numpy(TRAIN_LABELS) + 1) % 3
    found = prepare(context(), Options())(sampled(points, wrong))["intra_fd"]
    assert found == pytest.approx(100, rel=0.2)
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-6)


def test_classes_with_a_single_sample_are_left_out() -> None:
    points, labels = torch.from_numpy(TRAIN[:31]), torch.from_numpy(TRAIN_LABELS[:31]).clone()
    labels[labels == 2] = 0
    labels[0] = 2
    found = prepare(context(), Options())(sampled(points, labels))["intra_fd"]
    naive = [frechet_distance(points[labels == k], torch.from_numpy(TRAIN[k == TRAIN_LABELS])) for k in (0, 1)]
    assert found == pytest.approx(sum(naive) / 2)
    alone = prepare(context(), Options())(sampled(points[:1], labels[:1]))["intra_fd"]
    assert math.isnan(alone)
    rare = [2, *[k % 2 for k in range(89)]]  # a class with one training sample has no covariance either
    assert math.isfinite(prepare(context(labels=rare), Options())(sampled(points, labels))["intra_fd"])


def test_the_accuracy_is_the_share_of_samples_whose_label_is_the_most_probable_class() -> None:
    points, labels = torch.from_numpy(TRAIN[:4]), torch.tensor([0, 1, 2, 0])
    logits = torch.tensor([[3.0, 0, 0], [0, 1, 2], [0, 0, 1], [2, 3, 0]])
    judge = prepare(context(classes=NAMES), Options())
    assert judge(sampled(points, labels, logits))["class_accuracy"] == 0.5
    other_order = prepare(context(classes=("b", "a", "c")), Options())
    assert "class_accuracy" not in other_order(sampled(points, labels, logits))


def test_points_belong_to_the_nearest_mode() -> None:
    modes = Modes(np.array([[0.0, 0.0], [5.0, 5.0], [10.0, 10.0]]), 1.0)
    points, labels = torch.tensor([[0.1, 0.0], [4.0, 4.0], [4.0, 4.0], [99.0, 99.0]]), torch.tensor([0, 1, 2, 2])
    assert prepare(context(modes=modes), Options())(sampled(points, labels))["class_accuracy"] == 0.75


def test_samples_without_labels_are_an_error() -> None:
    with pytest.raises(ValueError, match="no labels"):
        prepare(context(), Options())(Sampled(torch.from_numpy(TRAIN), torch.from_numpy(TRAIN)))
