"""How cost grows: time over seeds, losses, steps and records; memory over pack size; overhead of the harness."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from counterparts.many_runs import SHAPE, reals_of, ring_runs
from counterparts.training import CPU, our_loop
from test_loading import write_copies

import bench
from bench.compute.engines.retries import attempt
from bench.compute.settings import Settings
from bench.compute.training.game import Game
from bench.compute.training.loop import train
from bench.compute.training.pack import assemble
from bench.compute.training.sampler import BatchSampler
from bench.plan.grouping import divide
from bench.plan.runs import Run

Row = tuple[Any, ...]


def of_seeds(counts: Sequence[int] = (1, 2, 4, 8, 16, 32, 64), steps: int = 50) -> list[Row]:
    """Return seeds, total seconds, seconds per seed: one loss, packs of at most eight runs, one worker."""
    return [(count, *_trained(ring_runs(count, ["non-saturating"]), steps)) for count in counts]


def of_losses(steps: int = 50) -> list[Row]:
    """Return losses, total seconds, seconds per run: four seeds per loss, one critic step."""
    names = ("minimax", "non-saturating", "hinge")
    return [(count, *_trained(ring_runs(4, names[:count]), steps)) for count in (1, 2, 3)]


def of_steps(counts: Sequence[int] = (50, 100, 200, 400)) -> list[Row]:
    """Return steps, total seconds, seconds per step: eight seeds."""
    runs = ring_runs(8, ["non-saturating"])
    return [(count, whole := _trained(runs, count)[0], whole / count) for count in counts]


def _trained(runs: list[Run], steps: int) -> tuple[float, float]:
    reals, whole = reals_of(runs[0]), 0.0
    for pack in divide(runs, lambda *_: 8, 1):
        loop = our_loop([run.training for run in pack], [run.seed for run in pack], SHAPE, reals)
        loop(3)
        began = time.perf_counter()
        loop(steps)
        whole += time.perf_counter() - began
    return whole, whole / len(runs)


def of_records(counts: Sequence[int] = (1, 10, 100, 1000, 10_000)) -> list[Row]:
    """Return records, seconds of ``bench.load``, milliseconds per record."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            folder = write_copies(Path(place) / "ring", count)
            bench.load(folder)
            began = time.perf_counter()
            bench.load(folder)
            taken = time.perf_counter() - began
        rows.append((count, taken, 1000 * taken / count))
    return rows


MEMORY = """
import sys, torch
sys.path[:0] = {path!r}
from counterparts.training import our_loop
from counterparts.many_runs import SHAPE, reals_of, ring_runs
from bench.compute import environment
torch.set_num_threads(1)
runs = ring_runs({size}, ["non-saturating"])
reals = reals_of(runs[0])
our_loop([runs[0].training], [0], SHAPE, reals)(3)
environment.set_up_device(torch.device("cpu"))
before = environment.peak_memory_bytes(torch.device("cpu"))
our_loop([run.training for run in runs], [run.seed for run in runs], SHAPE, reals)(10)
print((environment.peak_memory_bytes(torch.device("cpu")) - before) / 2**20)
"""


def of_memory(sizes: Sequence[int] = (1, 4, 16, 64)) -> list[Row]:
    """Return pack size, peak MiB in addition to a single run, MiB per run; each size in a separate process."""
    rows = []
    for size in sizes:
        code = MEMORY.format(path=sys.path, size=size)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        rows.append((size, float(done.stdout), float(done.stdout) / size))
    return rows


class Harness(NamedTuple):
    """Milliseconds per step of a pack.

    Attributes:
        same: The arithmetic alone, with one fixed batch.
        bare: The same with new batches from torch's global generator.
        loop: The training loop: named random streams, and a check of the losses.
        executed: Whole runs without evaluation: also probes, progress, checkpoints and records.
    """

    same: float
    bare: float
    loop: float
    executed: float


def of_harness(size: int, steps: int = 200, executed: int = 1000, rounds: int = 7) -> Harness:
    """Return medians over rounds; runs are evaluated as often as the suite says."""
    runs = ring_runs(size, ["non-saturating"])
    rows = [
        (_bare(runs, steps, Same), _bare(runs, steps, Plain), _loop(runs, steps), _executed(runs, executed))
        for _ in range(rounds)
    ]
    return Harness(*(median(column) for column in zip(*rows, strict=True)))


class Same(BatchSampler):
    """Returns the same batch each time."""

    def real_samples(self, stream: str = "data") -> torch.Tensor:
        return self._same("real samples", lambda: super(Same, self).real_samples(stream))

    def latents(self) -> torch.Tensor:
        return self._same("latents", super().latents)

    def _same(self, name: str, draw: Callable[[], torch.Tensor]) -> torch.Tensor:
        kept = self.__dict__.setdefault("_kept", {})
        if name not in kept:
            kept[name] = draw().clone()
        return kept[name]


class Plain(BatchSampler):
    """Draws batches from torch's global generator, as a plain loop does."""

    def real_samples(self, stream: str = "data") -> torch.Tensor:
        return self._look_up(torch.randint(self._count, (len(self._streams.seeds), self.size)))

    def latents(self) -> torch.Tensor:
        return torch.randn(len(self._streams.seeds), self.size, self._latent)


def _pack(runs: Sequence[Run]) -> Any:
    reals = reals_of(runs[0])
    trainings, seeds = [run.training for run in runs], [run.seed for run in runs]
    return assemble(trainings, seeds, SHAPE, lambda indices: reals[indices], len(reals), CPU), reals


def _bare(runs: Sequence[Run], steps: int, source: type[BatchSampler]) -> float:
    pack, reals = _pack(runs)
    game = Game(pack.trainings, pack.generator, pack.critic, CPU)
    sampler = source(pack.training, pack.seeds, lambda indices: reals[indices], len(reals), CPU)

    def step() -> None:
        _, gradients = game.critic_gradients(sampler, 0)
        pack.critic_descent.step(gradients)
        _, gradients = game.generator_gradients(sampler, 0)
        pack.generator_descent.step(gradients)

    step()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return 1000 * (time.perf_counter() - began) / steps


def _loop(runs: Sequence[Run], steps: int) -> float:
    pack, _ = _pack(runs)
    list(train(pack, steps=1))
    began = time.perf_counter()
    list(train(pack, 1, steps=1 + steps))
    return 1000 * (time.perf_counter() - began) / steps


def _executed(runs: Sequence[Run], steps: int) -> float:
    short = [replace(run, training=run.training.model_copy(update={"steps": steps})) for run in runs]
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        for _ in attempt(short, Settings(folder=Path(place)), lambda: False):
            pass
        whole = time.perf_counter() - began
        frame = bench.load(place)
    return 1000 * (whole - frame["evaluation_seconds"].sum()) / steps
