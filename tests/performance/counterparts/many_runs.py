"""Many runs of points (the suite ring): packs on workers compared with a plain loop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from counterparts.training import Apart, our_loops, plain_loop

from bench.compute.pack_tuning import pack_sizer
from bench.compute.settings import Settings
from bench.compute.training.real_data import cached_dataset
from bench.plan.grouping import divide
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite

CORES = 2
STEPS, ROUNDS = 20, 5
SHAPE = (2,)


class Throughput(NamedTuple):
    """Seconds for one step of all runs."""

    what: str
    runs: int
    packs: list[int]
    plain: dict[int, float]  # threads → seconds
    ours: float


def ring_runs(seeds: int = 16, losses: Sequence[str] | None = None) -> list[Run]:
    """Return runs of many_losses.toml."""
    filters = {"loss": set(losses)} if losses else {}
    return plan_runs(load_suite(str(Path(__file__).with_name("many_losses.toml"))), seeds=seeds, filters=filters)


def reals_of(run: Run) -> torch.Tensor:
    """What it is trained on."""
    return torch.from_numpy(cached_dataset(run.training.dataset).train.copy())


def measure(what: str, runs: list[Run], steps: int = STEPS, rounds: int = ROUNDS, workers: int = CORES) -> Throughput:
    """Measure packs and plain loop alternately, so that a slow phase of the machine affects both, and return medians.

    The plain loop is timed with one seed per loss, because all seeds cost the same.
    """
    reals = reals_of(runs[0])
    size = pack_sizer("auto", [Settings(folder=Path())] * workers, None, lambda notice: None)
    packs = divide(runs, size, workers)
    ours: list[float] = []
    plain: dict[int, list[float]] = {1: [], CORES: []}
    with ExitStack() as stack:
        crew = [
            stack.enter_context(
                Apart(our_loops, ([[(run.training, run.seed) for run in pack] for pack in own], SHAPE, reals), 1, True)
            )
            for own in deal(packs, workers)
            if own
        ]
        losses = {run.training.loss.name: run for run in runs}
        loops = {
            (count, loss): stack.enter_context(Apart(plain_loop, (run.training, SHAPE, reals), count, False))
            for count in plain
            for loss, run in losses.items()
        }
        for _ in range(rounds):
            for count, times in plain.items():
                of_each = {loss: loops[count, loss].seconds(steps) for loss in losses}
                times.append(sum(of_each[run.training.loss.name] for run in runs))
            for worker in crew:
                worker.begin(steps)
            ours.append(max(worker.wait() for worker in crew))
    return Throughput(what, len(runs), [len(p) for p in packs], {k: median(v) for k, v in plain.items()}, median(ours))


def deal(packs: Sequence[list[Run]], workers: int) -> list[list[list[Run]]]:
    """Assign packs to workers as the engine does: an idle worker takes the next pack."""
    hands: list[list[list[Run]]] = [[] for _ in range(workers)]
    busy = [0.0] * workers
    for pack in packs:
        free = busy.index(min(busy))
        hands[free].append(pack)
        busy[free] += sum(run.training.critic_steps * (1 + len(run.training.penalty)) + 1 for run in pack)
    return hands
