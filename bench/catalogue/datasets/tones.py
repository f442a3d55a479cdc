"""Tones: short waveforms of a few pitches and timbres, each pair of which is a mode.

The pitches are a pentatonic scale, so no two of them are an octave apart. A timbre is the amplitudes of four harmonics.
A tone starts at a random phase, and its loudness varies a little. Nothing else varies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from bench.catalogue import Options
from bench.catalogue.datasets.data import Data, Labels, make_data
from bench.catalogue.datasets.signals import Recognised, RecognisedModes, Signal

SAMPLE_RATE = 4_000  # samples per second
SHORTEST, LONGEST = 256, 1_024
PITCHES = {"A3": 220.00, "C4": 261.63, "D4": 293.66, "E4": 329.63, "G4": 392.00}  # Hz, equal temperament
PITCH_WEIGHTS = (0.30, 0.25, 0.20, 0.15, 0.10)
TIMBRES = {"pure": (1.0, 0.0, 0.0, 0.0), "hollow": (1.0, 0.0, 0.75, 0.0), "bright": (1.0, 0.8, 0.6, 0.4)}
TIMBRE_WEIGHTS = (0.5, 0.3, 0.2)
LOUDNESS, SOFTEST = 0.35, 0.7  # the root mean square of the loudest tones, and the share of it that the softest have

HARMONIC, ALIKE = 0.9, 0.97  # least share of energy in the harmonics, least cosine between amplitudes of harmonics
FACTOR = 2.0  # by which the loudness of a recognised tone may leave that of real ones


class TonesOptions(Options):
    """Options of the tones.

    ``length``: samples in a waveform, a power of two from 256 (default, 64 ms) to 1,024.
    ``tones``: number of tones in the training split, by default 20,000; the test split has a fifth of it.
    """

    length: int = Field(default=SHORTEST, ge=SHORTEST, le=LONGEST)
    tones: int = Field(default=20_000, ge=10, le=1_000_000)

    @field_validator("length")
    @classmethod
    def _power_of_two(cls, length: int) -> int:
        if length & (length - 1):
            lower = 1 << (length.bit_length() - 1)
            nearest = lower if length - lower <= 2 * lower - length else 2 * lower
            raise ValueError(f"a power of two is needed, not {length}; nearest: {nearest}")
        return length


def tones_shape(options: TonesOptions) -> tuple[int, ...]:
    """Return the shape of one sample, (1, length)."""
    return 1, options.length


def tones(options: TonesOptions) -> Data:
    """Return tones, float32 [n, 1, length] in (−1, 1), with their modes and labels."""
    modes = tone_modes()
    train, test = np.random.SeedSequence(0).spawn(2)
    first, second = _draw(modes, options, options.tones, train), _draw(modes, options, options.tones // 5, test)
    labels = Labels(first[1], second[1], modes.names)
    return make_data(first[0], second[0], modes, labels=labels, signal=Signal(sample_rate=SAMPLE_RATE))


def tone_modes() -> RecognisedModes:
    """Return the modes: every pitch with every timbre, at the product of their probabilities."""
    names = tuple(f"{pitch} {timbre}" for pitch in PITCHES for timbre in TIMBRES)
    return RecognisedModes(names, np.outer(PITCH_WEIGHTS, TIMBRE_WEIGHTS).ravel(), recognise)


def waveforms(
    modes: NDArray[np.int64], phases: NDArray[np.float64], loudness: NDArray[np.float64], length: int
) -> NDArray[np.float32]:
    """Return tones, [n, 1, length].

    Args:
        modes: The mode of each tone, [n].
        phases: The phase of its first harmonic at the start, [n], in radians. Harmonic h has h times that phase: a tone
            is one waveform, shifted in time.
        loudness: The root mean square of each over many periods, [n].
        length: The number of samples.
    """
    frequency = np.array(list(PITCHES.values()))[modes // len(TIMBRES)]
    amplitudes = np.array(list(TIMBRES.values()))[modes % len(TIMBRES)]
    amplitudes = amplitudes * (loudness * np.sqrt(2) / np.linalg.norm(amplitudes, axis=1))[:, None]
    angle = 2 * np.pi * frequency[:, None] * np.arange(length) / SAMPLE_RATE + phases[:, None]
    harmonics = 1 + np.arange(amplitudes.shape[1])
    sounds = sum(amplitudes[:, h - 1, None] * np.sin(h * angle) for h in harmonics)
    return np.asarray(sounds, dtype=np.float32)[:, None]


def recognise(samples: NDArray[np.float32]) -> Recognised:
    """Return the nearest mode of each sound, [n], and whether the sound is a tone of that mode.

    The pitch is the one whose four harmonics hold the largest share of the sound's energy, in a least-squares fit of
    sines of any phase. The timbre is the one with the largest cosine between its amplitudes and the fitted ones. The
    sound is a tone of that mode if the share is at least ``HARMONIC``, the cosine at least ``ALIKE``, and the loudness
    within a factor of ``FACTOR`` of that of real tones.

    Args:
        samples: Sounds, [n, 1, length].
    """
    sounds = samples[:, 0].astype(np.float64)
    power = np.maximum((sounds**2).mean(axis=1), np.finfo(np.float64).tiny)
    shares, amplitudes = zip(*(_fit(sounds, frequency) for frequency in PITCHES.values()), strict=True)
    pitch = np.argmax(shares, axis=0)
    harmonic = np.max(shares, axis=0) / power
    fitted = np.array(amplitudes)[pitch, np.arange(len(sounds))]
    fitted = fitted / np.maximum(np.linalg.norm(fitted, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    known = np.array(list(TIMBRES.values()))
    cosines = fitted @ (known / np.linalg.norm(known, axis=1, keepdims=True)).T
    timbre, loudness = cosines.argmax(axis=1), np.sqrt(power)
    good = (harmonic >= HARMONIC) & (cosines.max(axis=1) >= ALIKE)
    good &= (loudness >= LOUDNESS * SOFTEST / FACTOR) & (loudness <= LOUDNESS * FACTOR)
    return (pitch * len(TIMBRES) + timbre).astype(np.int64), good


def _fit(sounds: NDArray[np.float64], frequency: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the power of the harmonics of a pitch in sounds [n, length], [n], and their amplitudes, [n, 4]."""
    length, count = sounds.shape[1], len(next(iter(TIMBRES.values())))
    angle = 2 * np.pi * frequency * np.arange(length) / SAMPLE_RATE
    waves = np.stack([wave(h * angle) for h in range(1, count + 1) for wave in (np.cos, np.sin)], axis=1)
    orthonormal, triangle = np.linalg.qr(waves)
    inside = sounds @ orthonormal
    pairs = np.linalg.solve(triangle, inside.T).T.reshape(-1, count, 2)
    return (inside**2).sum(axis=1) / length, np.linalg.norm(pairs, axis=2)


def _draw(
    modes: RecognisedModes, options: TonesOptions, count: int, seed: np.random.SeedSequence
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return tones [count, 1, length] and the mode of each."""
    generator = np.random.Generator(np.random.PCG64(seed))
    labels = generator.choice(len(modes.names), size=count, p=modes.weights).astype(np.int64)
    phases = generator.uniform(0, 2 * np.pi, count)
    loudness = LOUDNESS * generator.uniform(SOFTEST, 1, count)
    return waveforms(labels, phases, loudness, options.length), labels
