"""Subnormal numbers: training as it is, compared with training in which they are not counted as zero."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from statistics import median
from typing import NamedTuple
from unittest import mock

import torch
from counterparts.many_runs import SHAPE, reals_of

from bench.compute.training import arithmetic
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite

STEPS, ROUNDS = 100, 5


class Timed(NamedTuple):
    """A run after some steps.

    Attributes:
        loss: Its loss.
        share: The share of the generator's first moments that are subnormal where these numbers are kept.
        kept: Seconds per step where subnormal numbers are kept.
        ours: Seconds per step where they count as zero.
    """

    loss: str
    share: float
    kept: float
    ours: float


def measure(before: int = 2000, steps: int = STEPS, rounds: int = ROUNDS) -> list[Timed]:
    """Time the first run of each loss of ring-reference, alternately in both ways, and return medians.

    Args:
        before: The number of steps before the first that is timed.
        steps: The number of steps of a round.
        rounds: The number of rounds.
    """
    runs = plan_runs(load_suite("ring-reference"), seeds=1)
    return [_measure(run, before, steps, rounds) for run in runs]


def _measure(run: Run, before: int, steps: int, rounds: int) -> Timed:
    kept, ours = _pack(run), _pack(run)
    with _subnormals_kept():
        _seconds(kept, 0, before)
    _seconds(ours, 0, before)
    share, times = _subnormal_share(kept), []
    for first in range(before, before + rounds * steps, steps):
        with _subnormals_kept():
            slow = _seconds(kept, first, steps)
        times.append((slow / steps, _seconds(ours, first, steps) / steps))
    return Timed(run.training.loss.name, share, *map(median, zip(*times, strict=True)))


def _pack(run: Run) -> Pack:
    reals = reals_of(run)
    device = torch.device("cpu")
    return assemble([run.training], [run.seed], SHAPE, lambda indices: reals[indices], len(reals), device)


def _seconds(pack: Pack, first: int, steps: int) -> float:
    began = time.perf_counter()
    for _ in train(pack, first, steps=first + steps):
        pass
    return time.perf_counter() - began


@contextmanager
def _subnormals_kept() -> Iterator[None]:
    with mock.patch.object(arithmetic, "without_subnormals", nullcontext):
        yield


def _subnormal_share(pack: Pack) -> float:
    moments = pack.state_dict(0)["generator_optimizer"]["exp_avg"]
    tiny = (moments != 0) & (moments.abs() < torch.finfo(moments.dtype).tiny)
    return float(tiny.float().mean())
