"""The overlap with known modes: closed forms, the value of real data by simulation, and unequal weights."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from bench.catalogue.datasets.data import Modes
from bench.catalogue.datasets.synthetic import GridOptions, RingOptions, ring
from bench.catalogue.metrics.modes import class_modes, mixture_modes

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def points_at(*counts: int, astray: int = 0) -> torch.Tensor:
    """Return points on the four centres, and others that are 5 away from the first."""
    places = [*np.repeat(CENTRES, counts, axis=0), *[[-5.0, 0.0]] * astray]
    return torch.tensor(np.array(places), dtype=torch.float32)


@pytest.mark.parametrize(
    ("counts", "astray", "expected"),
    [
        ((25, 25, 25, 25), 0, 1.0),
        ((100, 0, 0, 0), 0, 0.25),
        ((50, 50, 0, 0), 0, 0.5),
        ((40, 20, 20, 20), 0, 0.85),
        ((10, 10, 10, 10), 60, 0.4),
        ((0, 0, 0, 0), 100, 0.0),
    ],
)
def test_overlap_by_hand(counts: tuple[int, ...], astray: int, expected: float) -> None:
    measured = mixture_modes(points_at(*counts, astray=astray), Modes(CENTRES, 1.0))
    assert measured["overlap"] == pytest.approx(expected, abs=1e-12)
    assert measured["overlap"] <= measured["high_quality"] + 1e-12


def test_overlap_and_kl_refer_to_the_true_weights() -> None:
    weights = np.array([0.4, 0.2, 0.2, 0.2])
    same = mixture_modes(points_at(40, 20, 20, 20), Modes(CENTRES, 1.0, weights))
    assert (same["overlap"], same["kl"]) == (pytest.approx(1), pytest.approx(0, abs=1e-12))
    equal = mixture_modes(points_at(25, 25, 25, 25), Modes(CENTRES, 1.0, weights))
    assert equal["overlap"] == pytest.approx(0.85)
    assert equal["kl"] == pytest.approx(0.25 * log(0.25 / 0.4) + 0.75 * log(0.25 / 0.2))


def test_real_data_has_an_overlap_of_0_972_on_the_ring() -> None:
    data = ring(RingOptions())
    assert data.modes is not None
    draws = np.array_split(np.asarray(data.train)[:100_000], 40)
    values = [mixture_modes(torch.from_numpy(draw), data.modes)["overlap"] for draw in draws]
    assert np.mean(values) == pytest.approx(0.972, abs=0.003)
    assert np.std(values) == pytest.approx(0.006, abs=0.003)


def test_weights_change_the_data_only_if_they_are_given() -> None:
    plain, weighted = ring(RingOptions(modes=3)), ring(RingOptions(modes=3, weights=(2.0, 1.0, 1.0)))
    assert plain.fingerprint != weighted.fingerprint
    assert weighted.modes is not None
    assert weighted.modes.shares == pytest.approx([0.5, 0.25, 0.25])
    assert mixture_modes(torch.from_numpy(np.asarray(weighted.test)), weighted.modes)["kl"] < 1e-3
    assert "weights" not in RingOptions().model_dump(exclude_defaults=True)


def test_weights_must_match_the_modes() -> None:
    with pytest.raises(ValueError, match="expected one for each of the 8 modes, not 2"):
        RingOptions(weights=(1.0, 2.0))
    with pytest.raises(ValueError, match="expected one for each of the 25 modes, not 1"):
        GridOptions(weights=(1.0,))


def test_overlap_of_classes_counts_confident_images_alone() -> None:
    logits = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.0, 9.0], [0.1, 0.0]])
    assert class_modes(logits)["overlap_confident"] == pytest.approx(0.75)
    assert "overlap" not in class_modes(logits)
