"""Independent random streams, each identified by a seed and a name: drawing from one does not affect the others.

All streams live on the CPU, so a seed gives the same numbers on every device. Numbers are drawn in blocks of a fixed
size, whatever the size of a request, so a stream depends neither on the runs that share a pack nor on when a run is
evaluated.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

TRAINING_STREAMS = (
    *("data", "latents", "penalty", "noise", "generator data", "augmentation", "latent noise", "layer noise"),
    *("data flips", "generator data flips", "labels", "sources", "generator sources"),
)
INDICES = ("data", "generator data", "labels", "sources", "generator sources")
NORMALS_AT_ONCE = (
    16  # torch draws normal numbers in groups of this size, and treats an incomplete last group differently
)
BLOCK = NORMALS_AT_ONCE << 10
State = dict[str, dict[str, Any]]
Draw = Callable[[torch.Generator], Tensor]


def stream(seed: int, name: str) -> torch.Generator:
    """Return the random generator of a run's stream, derived from the run's seed by ``numpy.random.SeedSequence``."""
    sequence = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),))
    return torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0] >> 1))


class Drawn(NamedTuple):
    """Numbers of several seeds, [seeds, count], and the states of their generators before."""

    before: list[Tensor]
    numbers: Tensor


class Streams:
    """The training streams of the runs of a pack, or with a prefix, streams for whatever observes training.

    Runs with the same seed draw the same numbers, so each seed is drawn only once and gives one row.

    Args:
        seeds: The seed of each run.
        prefix: A prefix of the names of the streams.
        device: The device to put the numbers on.
        dtype: The type of normal and uniform numbers. They are drawn as float32, so all precisions see the same ones.
        indices_on: The device of the indices of real samples. [default: ``device``]
        ahead: Whether to draw the next block of each stream in a thread, while the device works on the last one. The
            numbers are the same. [default: on CUDA, for streams of training]
    """

    def __init__(
        self,
        seeds: Sequence[int],
        prefix: str = "",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        indices_on: torch.device | None = None,
        ahead: bool | None = None,
    ):
        self.seeds = list(dict.fromkeys(seeds))
        if ahead is None:
            ahead = torch.device(device).type == "cuda" and not prefix
        places = dict.fromkeys(INDICES, device if indices_on is None else indices_on)
        self._streams = {
            name: _Stream([stream(seed, prefix + name) for seed in self.seeds], places.get(name, device), dtype, ahead)
            for name in TRAINING_STREAMS
        }

    def normal(self, name: str, count: int) -> Tensor:
        """Draw standard normal numbers for each seed, [seeds, count].

        If ``count`` is a multiple of 16, blocks give the same numbers as separate draws. Otherwise they would not, so
        the numbers are drawn as requested.
        """
        if count % NORMALS_AT_ONCE:
            return self._streams[name].draw(lambda generator: torch.randn(count, generator=generator))
        return self._streams[name].take(count, _normal_block)

    def uniform(self, name: str, count: int) -> Tensor:
        """Draw numbers from U(0, 1) for each seed, [seeds, count]."""
        return self._streams[name].take(count, _uniform_block)

    def integers(self, name: str, count: int, high: int) -> Tensor:
        """Draw integers from 0 to ``high`` − 1 for each seed, [seeds, count]."""
        return self._streams[name].take(count, _integer_block(high))

    def keep(self, seeds: Sequence[int]) -> None:
        """Drop the streams of all other seeds."""
        rows = [index for index, seed in enumerate(self.seeds) if seed in seeds]
        self.seeds = [self.seeds[index] for index in rows]
        for seed_stream in self._streams.values():
            seed_stream.keep(rows)

    def state_dict(self, seed: int) -> State:
        """Return the state of every stream of a seed."""
        row = self.seeds.index(seed)
        return {name: seed_stream.state(row) for name, seed_stream in self._streams.items()}

    def load_state_dict(self, states: dict[int, State]) -> None:
        """Restore the streams of all seeds from states that were taken after the same number of steps."""
        for name, seed_stream in self._streams.items():
            if all(name in states[seed] for seed in self.seeds):  # checkpoints of earlier versions have fewer streams
                seed_stream.load([states[seed][name] for seed in self.seeds])


def _normal_block(generator: torch.Generator) -> Tensor:
    """Draw a block of standard normal numbers."""
    return torch.randn(BLOCK, generator=generator)


def _uniform_block(generator: torch.Generator) -> Tensor:
    """Draw a block of numbers from U(0, 1)."""
    return torch.rand(BLOCK, generator=generator)


@cache
def _integer_block(high: int) -> Draw:
    """Return what draws a block of integers from 0 to ``high`` − 1; the same function each time."""
    return lambda generator: torch.randint(high, (BLOCK,), generator=generator)


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "random numbers")


class _Stream:
    """One stream of several seeds: its current block, [seeds, BLOCK], and the state needed to draw it again.

    With ``ahead``, a thread draws the next block. Until it is needed, or found to be of another kind than what is
    needed, only the thread uses the generators.
    """

    def __init__(
        self,
        generators: list[torch.Generator],
        device: torch.device | str,
        dtype: torch.dtype,
        ahead: bool = False,
    ):
        self._generators, self._device, self._dtype, self._ahead = generators, torch.device(device), dtype, ahead
        self._block: Tensor | None = None
        self._before: list[Tensor] = []  # states of the generators when the block was drawn
        self._taken = 0
        self._next: tuple[Draw, Future[Drawn]] | None = None

    def take(self, count: int, draw: Draw) -> Tensor:
        """Take the next numbers of the block, [seeds, count], drawing further blocks as needed."""
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
        """Draw numbers for every seed and put them on the device, [seeds, count]."""
        self._forget_next()
        return self._placed(self._drawn(draw).numbers)

    def _placed(self, drawn: Tensor) -> Tensor:
        pinned = self._device.type == "cuda"  # only from pinned memory can a copy go on after this memory is freed
        if pinned:
            drawn = drawn.pin_memory()
        dtype = self._dtype if drawn.is_floating_point() else drawn.dtype
        return drawn.to(self._device, non_blocking=pinned).to(dtype)

    def _drawn(self, draw: Draw) -> Drawn:
        before = [generator.get_state() for generator in self._generators]
        return Drawn(before, torch.stack([draw(generator) for generator in self._generators]))

    def _refill(self, draw: Draw, taken: int) -> None:
        if self._next is not None and self._next[0] is draw:
            drawn, self._next = self._next[1].result(), None
        else:
            self._forget_next()
            drawn = self._drawn(draw)
        self._before, self._block, self._taken = drawn.before, self._placed(drawn.numbers), taken
        if self._ahead:
            self._next = draw, _thread().submit(self._drawn, draw)

    def _forget_next(self) -> None:
        """Put the generators back to where they were before the next block was drawn."""
        if self._next is not None:
            drawn, self._next = self._next[1].result(), None
            for generator, state in zip(self._generators, drawn.before, strict=True):
                generator.set_state(state)

    def keep(self, rows: list[int]) -> None:
        self._forget_next()
        self._generators = [self._generators[row] for row in rows]
        if self._block is not None:
            self._block, self._before = self._block[rows], [self._before[row] for row in rows]

    def state(self, row: int) -> dict[str, Any]:
        if self._block is None:
            self._forget_next()
        drawn = self._block is not None
        state = self._before[row] if drawn else self._generators[row].get_state()
        return {"state": state, "taken": self._taken}

    def load(self, states: list[dict[str, Any]]) -> None:
        self._forget_next()
        for generator, state in zip(self._generators, states, strict=True):
            generator.set_state(state["state"])
        (self._taken,) = {int(state["taken"]) for state in states}
        self._block = None  # drawn again on the next request
