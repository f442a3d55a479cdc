"""Features of sounds and strings: log power in bands of the spectrum, and letters."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BANDS = 64
FLOOR = 1e-4  # relative to a sine of amplitude 1: 40 dB below it, so that silence differs little from near silence


def log_spectrum(sounds: Tensor) -> Tensor:
    """Return the logarithm of a sound's power in 64 bands of equal width, [n, 1, length] → [n, 64].

    The sound is weighted with a Hann window. Phases do not count.
    """
    window = torch.hann_window(sounds.shape[-1], periodic=True, dtype=torch.float64)
    spectrum = torch.fft.rfft(sounds[:, 0].double() * window)[:, 1:].abs().square() * (2 / window.sum()) ** 2
    power = F.adaptive_avg_pool1d(spectrum, BANDS) * (spectrum.shape[1] / BANDS)
    return (power + FLOOR).log().float()


def letters(strings: Tensor) -> Tensor:
    """Return one-hot numbers of the most probable letters, [n, letters, length] → [n, letters · length]."""
    most_probable = strings.argmax(dim=1, keepdim=True)
    return torch.zeros_like(strings).scatter_(1, most_probable, 1.0).flatten(1)


EXTRACTS = {"coordinates": lambda points: points, "spectrum": log_spectrum, "letters": letters}
