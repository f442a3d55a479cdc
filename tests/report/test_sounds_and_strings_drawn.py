"""Sounds are drawn as spectrograms and strings as text, on figures and page; their records say how to read them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_runs import record

from bench.catalogue.datasets.strings import ALPHABET, one_hot
from bench.catalogue.datasets.tones import PITCHES, SAMPLE_RATE, waveforms
from bench.compute.sample_pictures import picture
from bench.evidence.results import read_evidence
from bench.records.record import read_metadata
from bench.records.spectrograms import BRIGHTEST, spectrograms
from bench.report.figures import draw_all
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled
from bench.report.page.data import page_data
from bench.report.signal_views import as_shown

GOOD = (1.0, 0.5, 0.2, 0.1)


@pytest.mark.parametrize("length", [256, 512, 1024])
@pytest.mark.parametrize("side", [32, 64])
def test_a_spectrogram_is_dark_at_the_pitch(length: int, side: int) -> None:
    for number, frequency in enumerate(PITCHES.values()):
        (image,) = spectrograms(waveforms(np.array([3 * number]), np.ones(1), np.full(1, 0.35), length), side)
        assert image.shape == (1, side, side)
        rows = image[0].astype(float).mean(axis=1)[::-1]  # from low to high
        band = SAMPLE_RATE / 2 / side
        assert abs((rows.argmin() + 0.5) * band - frequency) <= 1.5 * band
        assert rows.min() < 40
        assert rows[side // 2 :] == pytest.approx(BRIGHTEST)  # a pure tone has nothing above 1,000 Hz


def test_silence_and_what_is_not_finite_have_a_spectrogram() -> None:
    assert (spectrograms(np.zeros((2, 1, 256))) == BRIGHTEST).all()
    assert spectrograms(np.full((2, 1, 256), np.nan)).shape == (2, 1, 64, 64)


def made(folder: Path, samples: dict[str, object]) -> Path:
    """Write records whose bytes are read as samples of another shape, and return their folder."""
    names = {"fingerprint": "f", "modes": {"names": ["a", "b"], "weights": [0.5, 0.5]}}
    for seed in (0, 1):
        record(folder, "hinge", seed, GOOD, samples=samples, data=names)
    return folder / "made"


@pytest.mark.parametrize(
    ("samples", "note", "key"),
    [
        ({"shape": [1, 1, 100], "dtype": "float32", "sample_rate": 4000}, "Spectrograms", "image"),
        ({"shape": [5, 4, 5], "dtype": "float32", "alphabet": "abcd"}, "A few strings of every run.", "strings"),
    ],
)
def test_signals_are_drawn_on_figures_and_page(tmp_path: Path, samples: dict[str, object], note: str, key: str) -> None:
    evidence = read_evidence(made(tmp_path, samples))
    with styled():
        drawings = [
            each for each in draw_all(evidence, Sheet(width=6.75)) if each.name.startswith(("samples-", "rank"))
        ]
        for drawing in drawings:
            drawing.figure.canvas.draw()
    assert len([each for each in drawings if each.name.startswith("samples-")]) == 1
    page = page_data(evidence)
    json.dumps(page, allow_nan=False)
    assert page["datasets"][0]["samples_note"].startswith(note)
    assert all(run["samples"][key] for run in page["runs"])
    assert evidence.modes("ring") == 2


def test_strings_are_shown_as_text(tmp_path: Path) -> None:
    path = next((made(tmp_path, {"shape": [5, 4, 5], "dtype": "float32", "alphabet": "abcd"}) / "records").glob("*"))
    metadata = read_metadata(path)
    letters = np.eye(4)[[[0, 1, 2, 3, 3], [2, 2, 2, 2, 2]]].transpose(0, 2, 1)
    assert as_shown(letters, metadata) == ["abcdd", "ccccc"]


@pytest.mark.parametrize(
    "samples", [{"shape": [1, 1, 100], "dtype": "float32"}, {"shape": [5, 4, 5], "dtype": "float32", "alphabet": "abc"}]
)
def test_samples_of_which_nothing_is_known_are_not_shown(tmp_path: Path, samples: dict[str, object]) -> None:
    page = page_data(read_evidence(made(tmp_path, samples)))
    assert "are not shown: pictures need images, sounds or strings" in page["datasets"][0]["samples_note"]


def test_those_who_watch_see_spectrograms_and_letters() -> None:
    sounds = waveforms(np.arange(4), np.zeros(4), np.full(4, 0.3), 256)
    grid = picture(sounds, sounds)
    assert grid.shape == (2 * 66, 2 * 66, 3)
    assert grid.min() < 40
    strings = one_hot(["the old cat ran."])
    assert (picture(strings, strings) == 0).any(axis=2).sum() >= 16  # one black pixel per place
    assert len(ALPHABET) == strings.shape[1]
