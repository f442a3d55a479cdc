"""One seed, independent named streams: adding a draw to one of them changes none of the others.

All streams live on the CPU, so that a seed gives the same numbers on every device.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

TRAINING_STREAMS = ("data", "latents", "penalty", "noise", "generator data")


def stream(seed: int, name: str) -> torch.Generator:
    """The generator of a run's stream ``name``, derived by ``numpy.random.SeedSequence`` from the run's seed."""
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),))
    return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))


class Streams:
    """The streams that training draws from, and their state; with a prefix, others that look at training draw from."""

    def __init__(self, seed: int, prefix: str = ""):
        self._generators = {name: stream(seed, prefix + name) for name in TRAINING_STREAMS}

    def __getitem__(self, name: str) -> torch.Generator:
        return self._generators[name]

    def state_dict(self) -> dict[str, Tensor]:
        """The state of every stream, uint8 tensors."""
        return {name: generator.get_state() for name, generator in self._generators.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continues from a state."""
        for name, generator in self._generators.items():
            generator.set_state(state[name])


@contextmanager
def initialising(seed: int, name: str) -> Iterator[None]:
    """Lets modules draw their first weights from stream ``name``, and leaves the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(stream(seed, name).get_state())
        yield
