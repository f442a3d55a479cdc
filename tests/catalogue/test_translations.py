"""Datasets of translations have the answers that they say, and the metric of translations the values of a loop by hand."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import morphological_gradient

from bench.catalogue import Options
from bench.catalogue.datasets import DATASETS, images
from bench.catalogue.datasets import translations as made
from bench.catalogue.datasets.checks import check_data
from bench.catalogue.datasets.data import Data, Modes, Sources, make_data
from bench.catalogue.metrics.context import Context, Sampled, Translated
from bench.catalogue.metrics.frechet import frechet_distance
from bench.catalogue.metrics.translation import mean_error, prepare, variety
from bench.errors import DataError, SuiteError
from bench.plan.datasets import load_dataset
from bench.plan.specification import choose

TRANSLATIONS = [name for name, entry in DATASETS.items() if entry.translates]


def loaded(name: str, **options: Any) -> tuple[Data, Sources]:
    data = load_dataset(choose("dataset", {"name": name, **options}), download=False)
    assert data.sources is not None
    return data, data.sources


@pytest.mark.parametrize("name", TRANSLATIONS)
def test_each_sample_has_a_source_of_its_shape(name: str) -> None:
    data, sources = loaded(name)
    for split in ("train", "test"):
        samples, given = getattr(data, split), getattr(sources, split)
        assert (samples.shape, samples.dtype) == (given.shape, given.dtype)
        assert not np.array_equal(samples, given)
    assert data.fingerprint == loaded(name)[0].fingerprint
    assert data.labels is None


@pytest.mark.parametrize(("angle", "shift"), [(20.0, 0.3), (90.0, -1.0)])
def test_points_are_rotated_and_shifted(angle: float, shift: float) -> None:
    data, sources = loaded("moved-points", angle=angle, shift=shift, points=500)
    turn = np.exp(1j * np.deg2rad(angle))
    for samples, given in ((data.train, sources.train), (data.test, sources.test)):
        moved = (given[:, 0] + 1j * given[:, 1]) * turn + shift * (1 + 1j)
        assert np.allclose(samples, np.stack([moved.real, moved.imag], axis=1), atol=1e-6)
    assert isinstance(data.modes, Modes)
    nearest = np.linalg.norm(data.train[:, None] - data.modes.centres, axis=2).min(axis=1)
    assert np.quantile(nearest, 0.99) < 4 * data.modes.sigma


def test_only_one_assignment_of_modes_keeps_their_weights() -> None:
    """So a translation that is continuous and keeps the distribution has no other choice than the answer."""
    keeping = [order for order in permutations(range(4)) if [made.WEIGHTS[place] for place in order] == [*made.WEIGHTS]]
    assert keeping == [(0, 1, 2, 3)]
    data, _ = loaded("moved-points")
    assert isinstance(data.modes, Modes)
    shares = np.bincount(np.linalg.norm(data.train[:, None] - data.modes.centres, axis=2).argmin(axis=1)) / len(
        data.train
    )
    assert np.allclose(shares, made.WEIGHTS, atol=0.02)


@pytest.mark.parametrize("turns", range(4))
def test_digits_are_inverted_and_rotated(turns: int) -> None:
    data, sources = loaded("inverted-digits", quarter_turns=turns)
    digits = images.digits(Options())
    assert np.array_equal(data.test, digits.test)
    for answer, source in zip(data.test[:5, 0], sources.test[:5, 0], strict=True):
        assert np.array_equal(np.rot90(source, -turns), 255 - answer)


@pytest.mark.parametrize(("name", "factor"), [("low-resolution-digits", 2), ("low-resolution-fashion-mnist", 7)])
def test_low_resolutions_are_averages_of_squares(name: str, factor: int) -> None:
    data, sources = loaded(name, factor=factor)
    for answer, source in zip(data.test[:3, 0], sources.test[:3, 0], strict=True):
        for top in range(0, len(answer), factor):
            for left in range(0, len(answer), factor):
                square = np.s_[top : top + factor, left : left + factor]
                assert set(source[square].ravel()) == {np.uint8(np.rint(np.float32(answer[square].mean())))}


def test_contours_are_the_morphological_gradient() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 1, 9, 9)).astype(np.uint8)
    expected = morphological_gradient(pictures, size=(1, 1, 3, 3), mode="nearest")
    assert np.array_equal(made.contours(pictures), expected)
    assert not made.contours(np.full((1, 1, 5, 5), 200, np.uint8)).any()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("low-resolution-digits", {"factor": 3}),
        ("inverted-digits", {"quarter_turns": 4}),
        ("moved-points", {"sigma": 0.0}),
    ],
)
def test_options_that_mean_nothing_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(SuiteError, match=next(iter(options))):
        choose("dataset", {"name": name, **options})


def test_sources_must_match_samples_and_be_declared() -> None:
    points = np.zeros((4, 2), np.float32)
    with pytest.raises(DataError, match=r"training samples are float32 \[4, 2\], its sources float32 \[3, 2\]"):
        make_data(points, points, sources=Sources(points[:3], points))
    with pytest.raises(DataError, match=r"dataset 'ring' has sources, but does not say so"):
        check_data("ring", make_data(points, points, sources=Sources(points, points)), (2,))
    with pytest.raises(DataError, match=r"dataset 'moved-points' says that it translates sources"):
        check_data("moved-points", make_data(points, points), (2,))
    broken = points.copy()
    broken[1, 1] = np.nan
    with pytest.raises(DataError, match="1 of 8 test source values is not finite"):
        check_data("moved-points", make_data(points, points, sources=Sources(points, broken)), (2,))


def test_sources_are_part_of_the_fingerprint() -> None:
    points = np.arange(8, dtype=np.float32).reshape(4, 2)
    one, other = (make_data(points, points, sources=Sources(each, points)) for each in (points, points[::-1]))
    assert len({one.fingerprint, other.fingerprint, make_data(points, points).fingerprint}) == 3


def test_the_metric_gives_the_values_of_a_loop_by_hand() -> None:
    drawn = torch.Generator().manual_seed(0)
    samples, answers, sources, back, cycle, back_cycle, train = torch.randn(7, 30, 2, generator=drawn).unbind()
    data = make_data(train.numpy(), answers.numpy(), sources=Sources(train.flip(1).numpy(), sources.numpy()))
    context = Context(data, "coordinates", lambda points: (points, None))
    sampled = Sampled(samples, samples)
    sampled.translated = Translated(sources, answers, back, cycle, back_cycle)

    def by_hand(one: torch.Tensor, other: torch.Tensor) -> float:
        return sum(abs(a - b) for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True)) / one.numel()

    expected = {
        "answer_error": by_hand(samples, answers),
        "variety": (samples[:, 0].var() + samples[:, 1].var()).item()
        / (answers[:, 0].var() + answers[:, 1].var()).item(),
        "back_error": by_hand(back, sources),
        "back_fd": frechet_distance(back, train.flip(1)),
        "cycle_error": by_hand(cycle, sources),
        "back_cycle_error": by_hand(back_cycle, answers),
    }
    assert prepare(context, Options())(sampled) == pytest.approx(expected, rel=1e-5)
    sampled.translated = Translated(sources, answers)
    assert prepare(context, Options())(sampled).keys() == {"answer_error", "variety"}


def test_errors_of_images_are_shares_of_the_grey_levels() -> None:
    black, white = torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.full((3, 1, 2, 2), 255, dtype=torch.uint8)
    assert mean_error(black, white) == 1
    assert mean_error(black, black) == 0
    assert variety(black, torch.cat([black, white])) == 0
    assert variety(torch.cat([white, black]), torch.cat([black, white])) == 1
