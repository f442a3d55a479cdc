"""The Inception Score: closed forms, torch-fidelity's own, and which extractors give it."""

from __future__ import annotations

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from bench.catalogue import find
from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.metrics import name_of_score
from bench.catalogue.metrics.inception_score import inception_score


@pytest.mark.parametrize("classes", [2, 7])
def test_equally_frequent_certain_classes_score_their_number(classes: int) -> None:
    logits = 1e4 * torch.eye(classes).repeat(50, 1)
    assert inception_score(logits, 1) == pytest.approx(classes)


def test_a_class_that_no_sample_has_changes_nothing() -> None:
    assert inception_score(1e4 * torch.eye(7)[:3].repeat(50, 1), 1) == pytest.approx(3)


def test_only_inception_gives_an_inception_score() -> None:
    assert [name_of_score(name) for name in ("inception", "digits")] == ["inception_score", "classifier_score"]


@pytest.mark.parametrize("splits", [1, 10])
def test_equal_predictions_score_one(splits: int) -> None:
    assert inception_score(torch.randn(1, 12).expand(100, -1), splits) == pytest.approx(1)


@pytest.mark.parametrize(("count", "splits"), [(1000, 10), (103, 10), (50, 1)])
def test_the_score_is_that_of_torch_fidelity(count: int, splits: int) -> None:
    logits = 3 * torch.randn(count, 10, generator=torch.Generator().manual_seed(0))
    theirs = isc_features_to_metric(logits, splits=splits, shuffle=True, rng_seed=2020)
    assert inception_score(logits, splits) == pytest.approx(theirs["inception_score_mean"], rel=1e-12)


def test_fewer_samples_than_splits_are_parts_of_one_sample() -> None:
    assert inception_score(torch.randn(3, 5), 10) == pytest.approx(1)


def test_it_needs_class_probabilities() -> None:
    needs = find("metric", "inception-score").needs
    given = {name for name in EXTRACTORS if needs(name, False) is None}
    assert given == {
        *("digits", "fashion-mnist", "mnist", "stacked-digits", "stacked-fashion", "stacked-mnist"),
        *("inception", "trained"),
    }
