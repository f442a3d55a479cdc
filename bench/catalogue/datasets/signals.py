"""Sounds and strings: how the numbers of a sample are read, and modes that a rule recognises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Recognised = tuple[NDArray[np.int64], NDArray[np.bool_]]


class Signal(NamedTuple):
    """What the numbers of samples [channels, length] are. One of the two fields is set.

    Attributes:
        sample_rate: Of sounds with one channel, in samples per second; 0 for strings.
        alphabet: Of strings, whose channels are letters: one letter per channel. "" for sounds.
    """

    sample_rate: int = 0
    alphabet: str = ""

    def describes(self, shape: tuple[int, ...]) -> bool:
        """Return whether samples can have a shape: one channel for sounds, one per letter for strings."""
        return (
            len(shape) == 2 and shape[0] == (len(self.alphabet) or 1) and bool(self.sample_rate) != bool(self.alphabet)
        )


@dataclass(frozen=True)
class RecognisedModes:
    """Modes that a rule recognises in a sample.

    Attributes:
        names: The name of each mode, [k].
        weights: The probability of each mode, [k], float64 with sum 1.
        recognise: Samples [n, channels, length] → the nearest mode of each, int64 [n], and whether it belongs to it.
    """

    names: tuple[str, ...]
    weights: NDArray[np.float64]
    recognise: Callable[[NDArray[np.float32]], Recognised]

    @property
    def shares(self) -> NDArray[np.float64]:
        """The probability of each mode, [k]."""
        return self.weights


def letters_of(samples: NDArray[np.floating], alphabet: str) -> list[str]:
    """Return the strings of samples [n, letters, length]: at each place the most probable letter."""
    return ["".join(alphabet[index] for index in row) for row in samples.argmax(axis=1)]


def as_read(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return strings [n, letters, length] with 1 for the most probable letter of each place and 0 for the others."""
    letters = np.arange(samples.shape[1])[:, None]
    return (samples.argmax(axis=1)[:, None] == letters).astype(np.float32)
