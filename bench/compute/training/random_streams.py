"""One seed, independent named streams: adding a draw to one of them changes none of the others.

All streams live on the CPU, so that a seed gives the same numbers on every device. Numbers are drawn in blocks of one
size, whatever is asked for: what a stream gives depends neither on who shares a pack nor on when a run is evaluated.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

TRAINING_STREAMS = ("data", "latents", "penalty", "noise", "generator data")
SIXTEEN = 16  # torch draws so many normal numbers at once, and the last of them together
BLOCK = SIXTEEN << 10
State = dict[str, dict[str, Any]]
Draw = Callable[[torch.Generator], Tensor]


def stream(seed: int, name: str) -> torch.Generator:
    """The generator of a run's stream ``name``, derived by ``numpy.random.SeedSequence`` from the run's seed."""
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),))
    return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))


class Streams:
    """The streams of the runs of a pack; with a prefix, others that look at training draw from.

    Runs of one seed have the same streams, for they train alike: each is drawn from once, and gives one row.

    Args:
        seeds: Of the runs.
        prefix: Of the streams' names.
        device: Where the numbers are wanted.
        dtype: What normal and uniform numbers are wanted as; drawn as float32, so that every precision sees the same.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        prefix: str = "",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        self.seeds = list(dict.fromkeys(seeds))
        self._streams = {
            name: _Rows([stream(seed, prefix + name) for seed in self.seeds], device, dtype)
            for name in TRAINING_STREAMS
        }

    def normal(self, name: str, count: int) -> Tensor:
        """So many standard normal numbers of each seed, [seeds, count].

        In blocks they are those that one draw after the other gives, where each is of whole sixteens; else they are
        drawn as they are asked for.
        """
        if count % SIXTEEN:
            return self._streams[name].draw(lambda generator: torch.randn(count, generator=generator))
        return self._streams[name].take(count, lambda generator: torch.randn(BLOCK, generator=generator))

    def uniform(self, name: str, count: int) -> Tensor:
        """So many numbers of U(0, 1) of each seed, [seeds, count]."""
        return self._streams[name].take(count, lambda generator: torch.rand(BLOCK, generator=generator))

    def integers(self, name: str, count: int, high: int) -> Tensor:
        """So many of 0 … high − 1 of each seed, [seeds, count]."""
        return self._streams[name].take(count, lambda generator: torch.randint(high, (BLOCK,), generator=generator))

    def keep(self, seeds: Sequence[int]) -> None:
        """Leaves the streams of all other seeds aside."""
        rows = [index for index, seed in enumerate(self.seeds) if seed in seeds]
        self.seeds = [self.seeds[index] for index in rows]
        for each in self._streams.values():
            each.keep(rows)

    def state_dict(self, seed: int) -> State:
        """The state of every stream of a seed."""
        row = self.seeds.index(seed)
        return {name: each.state(row) for name, each in self._streams.items()}

    def load_state_dict(self, states: dict[int, State]) -> None:
        """Continues from the states of all seeds, taken after the same number of steps."""
        for name, each in self._streams.items():
            each.load([states[seed][name] for seed in self.seeds])


class _Rows:
    """One stream of several seeds: the block that is drawn from, [seeds, BLOCK], and how it can be drawn again."""

    def __init__(self, generators: list[torch.Generator], device: torch.device | str, dtype: torch.dtype):
        self._generators, self._device, self._dtype = generators, torch.device(device), dtype
        self._block: Tensor | None = None
        self._before: list[Tensor] = []  # states of the generators when the block was drawn
        self._taken = 0

    def take(self, count: int, draw: Draw) -> Tensor:
        if self._block is None:
            self._refill(draw, self._taken)
        assert self._block is not None
        if self._taken + count <= BLOCK:
            self._taken += count
            return self._block[:, self._taken - count : self._taken]
        pieces = []
        while count:
            if self._taken == BLOCK:
                self._refill(draw, 0)
            piece = self._block[:, self._taken : self._taken + count]
            pieces.append(piece)
            count -= piece.shape[1]
            self._taken += piece.shape[1]
        return torch.cat(pieces, dim=1)

    def draw(self, draw: Draw) -> Tensor:
        """Numbers of every seed, [seeds, count], where they are wanted."""
        drawn = torch.stack([draw(generator) for generator in self._generators])
        if self._device.type == "cuda":  # the copy does not wait for what the device is busy with
            drawn = drawn.pin_memory()
        dtype = self._dtype if drawn.is_floating_point() else drawn.dtype
        return drawn.to(self._device, non_blocking=True).to(dtype)

    def _refill(self, draw: Draw, taken: int) -> None:
        self._before = [generator.get_state() for generator in self._generators]
        self._block, self._taken = self.draw(draw), taken

    def keep(self, rows: list[int]) -> None:
        self._generators = [self._generators[row] for row in rows]
        if self._block is not None:
            self._block, self._before = self._block[rows], [self._before[row] for row in rows]

    def state(self, row: int) -> dict[str, Any]:
        drawn = self._block is not None
        state = self._before[row] if drawn else self._generators[row].get_state()
        return {"state": state, "taken": self._taken}

    def load(self, states: list[dict[str, Any]]) -> None:
        for generator, state in zip(self._generators, states, strict=True):
            generator.set_state(state["state"])
        (self._taken,) = {int(state["taken"]) for state in states}
        self._block = None  # drawn anew when it is asked for


@contextmanager
def initialising(seed: int, name: str) -> Iterator[None]:
    """Lets modules draw their first weights from stream ``name``, and leaves the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(stream(seed, name).get_state())
        yield
