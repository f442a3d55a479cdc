"""How samples are shown that are more than images or points: sounds, strings, and translations of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.datasets.signals import Signal, letters_of
from bench.records.pairs import pairs_of
from bench.records.schema import Metadata
from bench.records.spectrograms import spectrograms
from bench.report.translated_views import in_threes

SOUNDS, STRINGS = 9, 9  # of a run that are shown


def signal_of(metadata: Metadata) -> Signal | None:
    """Return what the samples of a run are, if they are sounds or strings that can be shown."""
    samples = metadata.samples
    signal = Signal(samples.sample_rate, samples.alphabet)
    return signal if signal.describes((samples.shape or ())[1:]) else None


def as_shown(samples: NDArray[Any], metadata: Metadata, side: int = 64) -> NDArray[Any] | list[str]:
    """Return a few sounds as images, uint8 [n, 1, side, side], a few strings as text, and other samples unchanged.

    Translated images come with their sources and answers.

    Args:
        samples: The samples of one evaluation, [n, ...].
        metadata: The run.
        side: Pixels on a side of a spectrogram.
    """
    signal = signal_of(metadata)
    if signal is None:
        pairs = pairs_of(metadata) if samples.dtype == np.uint8 else None
        return samples if pairs is None else in_threes(samples, pairs)
    if signal.alphabet:
        return letters_of(samples[:STRINGS], signal.alphabet)
    return spectrograms(samples[:SOUNDS], side)


def describe_signal(signal: Signal) -> str:
    """Return what a picture of sounds or strings shows, as a sentence."""
    if signal.alphabet:
        return "A few strings of every run."
    top = f"{signal.sample_rate / 2:,.0f} Hz"
    return f"Spectrograms of a few sounds of every run, frequency upwards to {top}."


def text_of(frames: NDArray[Any], alphabet: str, count: int) -> list[list[str]]:
    """Return the first strings of each evaluation, [evaluations, n, letters, length] → evaluations of strings."""
    return [letters_of(np.asarray(frame[:count]), alphabet) for frame in frames]
