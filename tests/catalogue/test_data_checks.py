"""Loaded data: what training cannot use is refused in one line that names the dataset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.catalogue import Options, entries
from bench.catalogue.datasets import Dataset
from bench.catalogue.datasets.data import Data, Modes, make_data
from bench.errors import DataError, PluginError
from bench.plan.datasets import load_dataset
from bench.plan.specification import choose

POINTS = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
IMAGES = np.zeros((20, 1, 8, 8), np.uint8)


def changed(array: Any, value: float, *places: int) -> Any:
    copy = array.copy()
    copy.flat[list(places)] = value
    return copy


def load(monkeypatch: pytest.MonkeyPatch, loader: Callable[[Any], Any], shape: Any, extractor: str) -> Data:
    entry = Dataset("made", Options, lambda options: shape, loader, extractor)
    monkeypatch.setitem(entries("dataset"), "made", entry)  # type: ignore[arg-type]
    return load_dataset(choose("dataset", "made"), download=False)


@pytest.mark.parametrize(
    ("train", "test", "told"),
    [
        (changed(POINTS, np.nan, 3), POINTS, "1 of 40 training values is not finite"),
        (changed(POINTS, np.inf, 3, 4), POINTS, "2 of 40 training values are not finite"),
        (POINTS, changed(POINTS, -np.inf, 0), "1 of 40 test values is not finite"),
        (POINTS.astype(np.float64), POINTS, r"train split is float64 \[20, 2\], expected float32 points.*astype"),
        (POINTS[:, :, None], POINTS, r"declares shape \(2,\), but its samples have shape \(2, 1\)"),
        (POINTS, IMAGES, r"training samples are float32 \[2\], but its test samples uint8 \[1, 8, 8\]"),
        (POINTS, POINTS[:1], "needs at least 2 training and 2 test samples; it has 20 and 1"),
        (POINTS.tolist(), POINTS, "train split is a list, expected a numpy array"),
    ],
)
def test_points_that_cannot_be_used_are_refused(
    monkeypatch: pytest.MonkeyPatch, train: Any, test: Any, told: str
) -> None:
    with pytest.raises(DataError, match=f"dataset 'made':? .*{told}"):
        load(monkeypatch, lambda options: Data(train, test, ""), (2,), "coordinates")


@pytest.mark.parametrize(
    ("sigma", "weights", "told"),
    [
        (0.1, [0.5, 0.1, 0.1], "the weights of its modes add up to 0.7, expected probabilities that sum to 1"),
        (0.1, [1.5, -0.3, -0.2], "a weight of its modes is -0.3, expected probabilities"),
        (0.1, [0.5, 0.5], r"its 3 modes have weights \[2\], expected one for each mode"),
        (0.0, None, "its modes have sigma 0.0, expected a number above 0"),
        (float("nan"), None, "its modes have sigma nan, expected a number above 0"),
    ],
)
def test_modes_that_cannot_be_are_refused(
    monkeypatch: pytest.MonkeyPatch, sigma: float, weights: list[float] | None, told: str
) -> None:
    modes = Modes(np.zeros((3, 2)), sigma, None if weights is None else np.array(weights))
    with pytest.raises(DataError, match=f"dataset 'made': {told}"):
        load(monkeypatch, lambda options: make_data(POINTS, POINTS, modes), (2,), "coordinates")


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(0, 1, r"values from 0 to 1, .*\(255 \* images\)"), (-1, 1, r"127.5 \* \(images \+ 1\)"), (0, 255, "0 to 255")],
)
def test_float_images_are_refused_with_the_way_to_convert_them(
    monkeypatch: pytest.MonkeyPatch, low: float, high: float, told: str
) -> None:
    """Generators make images in [−1, 1], so floats from 0 to 1 would be compared with twice as bright ones."""
    images = np.linspace(low, high, 20 * 64).reshape(20, 1, 8, 8).astype(np.float32)
    with pytest.raises(DataError, match=told):
        load(monkeypatch, lambda options: make_data(images, images), (1, 8, 8), "digits")


def test_other_faults_of_a_loader_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"its loader returned a tuple, expected bench.make_data"):
        load(monkeypatch, lambda options: (POINTS, POINTS), (2,), "coordinates")
    with pytest.raises(DataError, match="unknown extractor 'coordinate'; did you mean 'coordinates'"):
        load(monkeypatch, lambda options: make_data(POINTS, POINTS), (2,), "coordinate")
    with pytest.raises(DataError, match="its samples are images, so its extractor must be"):
        load(monkeypatch, lambda options: make_data(IMAGES, IMAGES), (1, 8, 8), "coordinates")
    with pytest.raises(DataError, match=r"modes have centres \[8, 3\]"):
        modes = Modes(np.zeros((8, 3)), 0.1)
        load(monkeypatch, lambda options: make_data(POINTS, POINTS, modes), (2,), "coordinates")
    with pytest.raises(PluginError, match=r"dataset 'made' raised KeyError: 'path' \(test_data_checks.py, line "):
        load(monkeypatch, lambda options: {}["path"], (2,), "coordinates")


def test_sound_data_are_returned_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_data(POINTS, POINTS[:5])
    assert load(monkeypatch, lambda options: data, [2], "coordinates") is data
