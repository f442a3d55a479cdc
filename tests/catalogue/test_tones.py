"""Tones: modes are recognised by pitch and timbre, and features of the spectrum show the pitch of exact sines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.catalogue.datasets.checks import check_data
from bench.catalogue.datasets.signals import Signal
from bench.catalogue.datasets.tones import (
    LOUDNESS,
    PITCHES,
    SAMPLE_RATE,
    TIMBRES,
    TonesOptions,
    recognise,
    tone_modes,
    tones,
    waveforms,
)
from bench.catalogue.extractors.signal_features import BANDS, log_spectrum
from bench.catalogue.metrics.frechet import frechet_distance
from bench.catalogue.metrics.modes import mixture_modes
from bench.errors import SuiteError
from bench.plan.specification import choose

FEW = TonesOptions(tones=3000)


def sine(frequency: float, amplitude: float, length: int = 256) -> np.ndarray:
    return (
        amplitude * np.sin(2 * np.pi * frequency * np.arange(length) / SAMPLE_RATE + 1).astype(np.float32)[None, None]
    )


def test_every_real_tone_is_recognised_as_its_own_mode() -> None:
    data = tones(FEW)
    assert data.labels is not None
    assert data.train.shape == (3000, 1, 256)
    assert np.abs(data.train).max() < 1
    for samples, labels in ((data.train, data.labels.train), (data.test, data.labels.test)):
        mode, good = recognise(samples)
        assert good.all()
        assert (mode == labels).all()


def test_weights_sum_to_1_and_match_the_frequencies_of_modes() -> None:
    """With n draws, the standard error of a share is at most ½/√n = 0.009."""
    data, modes = tones(FEW), tone_modes()
    assert data.labels is not None
    assert len(modes.names) == len(PITCHES) * len(TIMBRES) == 15
    assert modes.weights.sum() == pytest.approx(1, abs=1e-12)
    shares = np.bincount(data.labels.train, minlength=15) / len(data.train)
    assert shares == pytest.approx(modes.weights, abs=0.03)
    assert modes.weights[0] == pytest.approx(0.3 * 0.5)


@pytest.mark.parametrize("length", [256, 512, 1024])
def test_the_loudness_is_the_one_asked_for(length: int) -> None:
    sounds = waveforms(np.arange(15), np.linspace(0, 6, 15), np.full(15, 0.3), length)
    assert np.sqrt((sounds**2).mean(axis=2)) == pytest.approx(0.3, rel=0.05)  # no whole number of periods fits


@pytest.mark.parametrize("name", PITCHES)
def test_an_exact_sine_is_the_pure_tone_of_its_pitch(name: str) -> None:
    mode, good = recognise(sine(PITCHES[name], 0.4))
    assert (tone_modes().names[mode[0]], good[0]) == (f"{name} pure", True)


@pytest.mark.parametrize(
    ("what", "sound"),
    [
        ("silence", np.zeros((1, 1, 256), np.float32)),
        ("a sine between two pitches", sine(245.0, 0.4)),
        ("a tone far too soft", sine(220.0, 0.02)),
        ("a tone far too loud", sine(220.0, 3.0)),
        ("noise", LOUDNESS * np.random.default_rng(0).standard_normal((1, 1, 256)).astype(np.float32)),
        ("two pitches at once", sine(220.0, 0.4) + sine(293.66, 0.4)),
        ("a timbre between two", sine(220.0, 0.4) + sine(660.0, 0.14)),
    ],
)
def test_other_sounds_belong_to_no_mode(what: str, sound: np.ndarray) -> None:
    mode, good = recognise(sound)
    assert not good[0], what
    assert 0 <= mode[0] < 15


def test_measures_of_modes_are_those_of_real_tones_and_of_silence() -> None:
    data, modes = tones(FEW), tone_modes()
    real = mixture_modes(torch.from_numpy(np.asarray(data.test)), modes)
    assert (real["modes"], real["high_quality"]) == (15, 1)
    assert real["overlap"] > 0.9
    silent = mixture_modes(torch.zeros(10, 1, 256), modes)
    assert (silent["modes"], silent["overlap"]) == (0, 0)


@pytest.mark.parametrize("length", [256, 512, 1024])
@pytest.mark.parametrize("frequency", [220.0, 500.0, 1234.0, 1900.0])
def test_the_largest_band_of_a_sine_has_its_frequency(frequency: float, length: int) -> None:
    """64 bands up to 2,000 Hz are 31.25 Hz wide."""
    bands = log_spectrum(torch.from_numpy(sine(frequency, 0.5, length)))
    assert bands.shape == (1, BANDS)
    width = SAMPLE_RATE / 2 / BANDS
    assert abs((int(bands.argmax()) + 0.5) * width - frequency) <= width


def test_features_do_not_depend_on_the_phase_but_on_the_amplitude() -> None:
    phases = np.linspace(0, 6, 8)
    bands = log_spectrum(torch.from_numpy(waveforms(np.zeros(8, int), phases, np.full(8, 0.3), 256)))
    assert (bands - bands[0]).abs().max() < 0.02
    twice = log_spectrum(torch.from_numpy(waveforms(np.zeros(1, int), phases[:1], np.full(1, 0.6), 256)))
    assert (twice - bands[:1]).max().item() == pytest.approx(2 * np.log(2), abs=0.01)  # four times the power


def test_the_spectral_distance_is_small_for_real_tones_and_grows_with_a_missing_pitch() -> None:
    data = tones(TonesOptions(tones=10_000))
    assert data.labels is not None
    train, test = (log_spectrum(torch.from_numpy(np.asarray(split))) for split in (data.train, data.test))
    same = frechet_distance(test, train)
    without = frechet_distance(test[torch.from_numpy(data.labels.test) >= 3], train)
    assert same < 1
    assert without > 20 * same


def test_tones_have_a_power_of_two_as_length() -> None:
    with pytest.raises(SuiteError, match="a power of two is needed, not 300; nearest: 256"):
        choose("dataset", {"name": "tones", "length": 300})
    assert check_data("tones", tones(TonesOptions(length=512, tones=20)), (1, 512)).signal == Signal(SAMPLE_RATE)
