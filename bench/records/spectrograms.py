"""Spectrograms of sounds as grey images: dark where there is much power."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DECIBELS = 45.0  # from white to black
BRIGHTEST = 235  # of 255, so that edges between images stay visible


def spectrograms(sounds: NDArray[Any], side: int = 64) -> NDArray[np.uint8]:
    """Return spectrograms of sounds, [n, 1, side, side]: time to the right, frequency upwards to half the sample rate.

    A Hann window of half the sound moves from its start to its end. Black is the power of a sine of amplitude ½ and
    more. If the spectrum has more frequencies than rows, each row has the largest power of several.

    Args:
        sounds: [n, 1, length], in [−1, 1].
        side: Rows and columns. Sounds with fewer than twice as many samples have fewer columns.
    """
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    count, _, length = sounds.shape
    window = length // 2
    hop = max(1, window // side)
    transform = ShortTimeFFT(hann(window, sym=False), hop, fs=1.0, mfft=max(window, 2 * side), scale_to="magnitude")
    first, last = transform.lower_border_end[1], transform.upper_border_begin(length)[1]
    power = transform.spectrogram(np.nan_to_num(sounds[:, 0].astype(np.float64)), p0=first, p1=max(last, first + 1))
    rows = power[:, : power.shape[1] // side * side].reshape(count, side, -1, power.shape[2]).max(axis=2)
    decibels = 10 * np.log10(np.maximum(rows, 1e-12) / (0.5 / 2) ** 2)
    darkness = np.clip(decibels / DECIBELS + 1, 0, 1)
    images = (BRIGHTEST * (1 - darkness)).round().astype(np.uint8)
    return np.asarray(images[:, None, ::-1, :side])
