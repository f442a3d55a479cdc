"""The global random generators of torch, numpy and Python as streams of a run, for code that draws from them.

ganbench itself draws only from ``bench.compute.training.random_streams``. Layers such as dropout, and losses,
penalties or optimisers of other packages, may draw from the global generators. While such code works for a run, these
generators continue a stream of that run; afterwards they are as they were before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.compute.training.random_streams import stream

CPU = torch.device("cpu")


class GlobalState(NamedTuple):
    """The states of all global generators; on the CPU there is no generator of the device."""

    torch: Tensor
    device: Tensor | None
    numpy: Any
    python: Any

    def equals(self, other: GlobalState) -> bool:
        """Return whether nothing was drawn between the two states."""
        tensors = zip((self.torch, self.device), (other.torch, other.device), strict=True)
        return (
            all(one is two or (one is not None and two is not None and torch.equal(one, two)) for one, two in tensors)
            and all(np.array_equal(one, two) for one, two in zip(self.numpy, other.numpy, strict=True))
            and self.python == other.python
        )

    def pack(self) -> dict[str, Any]:
        """Return the state in types that a checkpoint can hold."""
        name, keys, *position = self.numpy
        numpy = [name, torch.from_numpy(keys.astype(np.int64)), *position]
        return {"torch": self.torch, "device": self.device, "numpy": numpy, "python": self.python}

    @classmethod
    def unpack(cls, packed: dict[str, Any]) -> GlobalState:
        """Return the state that ``pack`` packed."""
        name, keys, *position = packed["numpy"]
        return cls(**{**packed, "numpy": (name, keys.numpy().astype(np.uint32), *position)})


def global_state(device: torch.device) -> GlobalState:
    """Return the present states of the global generators."""
    on_device = None
    if device.type != "cpu":
        on_device = torch.get_device_module(device).get_rng_state()
    return GlobalState(torch.get_rng_state(), on_device, np.random.get_state(), random.getstate())


def set_global_state(state: GlobalState, device: torch.device) -> None:
    """Put the global generators into a state."""
    torch.set_rng_state(state.torch)
    if state.device is not None and device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state.device)
    np.random.set_state(state.numpy)
    random.setstate(state.python)


def initial_state(seed: int, name: str, device: torch.device = CPU) -> GlobalState:
    """Return the states with which the stream of a run begins."""
    generator = stream(seed, name)
    number = generator.initial_seed()
    on_device = None if device.type == "cpu" else torch.Generator(device).manual_seed(number).get_state()
    numpy = np.random.RandomState(number % 2**32).get_state()
    return GlobalState(generator.get_state(), on_device, numpy, random.Random(number).getstate())


class GlobalStream:
    """What the global generators draw for one run.

    Args:
        seed: The seed of the run.
        name: The name of the stream.
        device: The device that the run trains on.

    Attributes:
        drawn: Whether anything was drawn in the last ``active`` block.
    """

    def __init__(self, seed: int, name: str, device: torch.device = CPU):
        self._state, self._device, self.drawn = initial_state(seed, name, device), device, False

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let the global generators continue this stream inside the block, and restore them afterwards."""
        outside = global_state(self._device)
        set_global_state(self._state, self._device)
        try:
            yield
        finally:
            before, self._state = self._state, global_state(self._device)
            set_global_state(outside, self._device)
            self.drawn = not self._state.equals(before)

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""
        return self._state.pack()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state from a checkpoint."""
        self._state = GlobalState.unpack(state)


@contextmanager
def drawing_from(seed: int, name: str, device: torch.device = CPU) -> Iterator[None]:
    """Let the global generators begin a stream of a run inside the block, and restore them afterwards."""
    with GlobalStream(seed, name, device).active():
        yield
