"""Stacked images: three independent images of the same split as colour channels."""

from __future__ import annotations

import numpy as np
import pytest

from bench.catalogue import Options
from bench.catalogue.datasets import images, stacked
from bench.report.figures.sample_square import image_grid


def test_the_channels_are_images_of_the_same_split() -> None:
    base, data = images.digits(Options()), stacked.stacked_digits(stacked.StackedOptions(images=400))
    assert (data.train.shape, data.test.shape, data.train.dtype) == ((400, 3, 8, 8), (80, 3, 8, 8), np.uint8)
    known = {split: {each.tobytes() for each in getattr(base, split)} for split in ("train", "test")}
    assert not known["train"] & known["test"]
    for split, singles in known.items():
        assert {channel.tobytes() for channel in getattr(data, split).reshape(-1, 8, 8)} <= singles
    twin = [[base.train[i, 0] for i in row] for row in triplets(400, len(base.train))]
    assert np.array_equal(data.train, np.array(twin))


def triplets(count: int, singles: int) -> np.ndarray:
    return stacked.triplets(count, singles, np.random.SeedSequence(0).spawn(2)[0])


def test_triplets_are_independent_and_uniform() -> None:
    """Each of 10 images has probability 1/10 in each channel, and each pair in two channels 1/100."""
    chosen = triplets(100_000, 10)
    for channel in chosen.T:
        assert np.bincount(channel, minlength=10) / len(chosen) == pytest.approx(0.1, abs=0.005)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        pairs = np.bincount(10 * chosen[:, one] + chosen[:, other], minlength=100)
        assert pairs / len(chosen) == pytest.approx(0.01, abs=0.002)


def test_stacked_images_are_reproducible_and_the_fingerprint_depends_on_their_number() -> None:
    one, again, fewer = (stacked.stacked_digits(stacked.StackedOptions(images=n)) for n in (300, 300, 299))
    assert one.fingerprint == again.fingerprint != fewer.fingerprint
    assert len(fewer.test) == 59
    assert stacked.StackedOptions().images == 50_000


def test_a_contact_sheet_of_stacked_images_is_in_colour() -> None:
    data = stacked.stacked_digits(stacked.StackedOptions(images=50))
    grid = image_grid(data.test[:4])
    assert grid.shape == (17, 17, 3)
    assert np.array_equal(grid[:8, 9:], data.test[1].transpose(1, 2, 0))
    assert (grid.max(axis=2) != grid.min(axis=2)).any()
