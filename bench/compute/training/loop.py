"""The training loop: critic steps, generator step, measure. It writes no file and draws only from the runs' streams.

It trains the s runs of a pack at once; a run alone is a pack of one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.catalogue.optimizers import SCHEDULES
from bench.compute.training.cuda_graphs import TakeStep, captured
from bench.compute.training.game import Game
from bench.compute.training.pack import Pack
from bench.compute.training.probes import Probe
from bench.compute.training.samplers import Batches

CHUNK = 50  # steps between two looks at the losses: each look waits for the device


@dataclass(frozen=True)
class Measurement:
    """What the loop says of a run after a chunk of steps.

    Attributes:
        step: Generator steps done so far.
        seconds: What the chunk took, without evaluation; in a pack, the run's share of it.
        critic_loss: Mean over the chunk, penalties and all.
        generator_loss: Mean over the chunk.
        penalties: Weighted, in the critic's loss: mean over the steps of the chunk of that over the updates of a step,
            those that had them; NaN: none had.
        probes: Of the last step, where an evaluation follows.
        diverged: Where the first non-finite value stood ("critic loss", "generator loss"), at ``step``; the run ends.
    """

    step: int
    seconds: float
    critic_loss: float
    generator_loss: float
    penalties: dict[str, float] = field(default_factory=dict)
    probes: dict[str, float] = field(default_factory=dict)
    diverged: str | None = None


def train(
    pack: Pack, first: int = 0, pause: int | None = None, probe: Probe | None = None, steps: int | None = None
) -> Iterator[list[Measurement]]:
    """Trains a pack from step ``first`` on; between two measurements its state is consistent.

    Args:
        pack: Changed in place. Runs that diverged leave it, and so may others between two measurements.
        first: Steps that were done before.
        pause: A measurement is given at least at every multiple of this many steps, for evaluation.
        probe: Looks at the last step before each of these, and at the last of all.
        steps: Where to stop, if not at the training's end; it may lie behind it, where schedules stand still.

    Yields:
        A measurement of every run in the pack, per chunk; after one with ``diverged`` none of that run follows.
    """
    training, device = pack.training, pack.batches.device
    rate = SCHEDULES[training.schedule]
    step, end = first, training.steps if steps is None else steps
    while step < end and len(pack):
        game, take_step = _prepared(pack)
        stops = [step - step % every + every for every in (CHUNK, pause or CHUNK)]
        chunk = min(*stops, end) - step
        evaluated = step + chunk == end or (pause is not None and (step + chunk) % pause == 0)
        shape = chunk, 2 + len(game.penalty_names), len(pack)
        losses = torch.empty(shape, dtype=pack.batches.dtype, device=device)
        clock = Stopwatch(device)
        for i in range(chunk):
            if training.schedule != "constant":
                pack.set_rates(rate(min(1.0, (step + i) / training.steps)))
            watching = probe if evaluated and i == chunk - 1 else None
            losses[i] = take_step(pack, game, pack.batches, step + i, watching)

        # Measure, and end each run at its first value that is not finite
        share = clock.seconds() / len(pack)
        probes = probe.values(pack.seeds) if probe is not None and evaluated else [{} for _ in pack.players]
        measured = [
            _measure(own, step, share, game.penalty_names, of_probe)
            for own, of_probe in zip(losses.cpu().unbind(2), probes, strict=True)
        ]
        diverged = [players for players, each in zip(pack.players, measured, strict=True) if each.diverged]
        step += chunk
        yield measured
        pack.drop(diverged)


def _prepared(pack: Pack) -> tuple[Game, TakeStep]:
    """The game of a pack and how a step of it is taken: on CUDA by graphs, which are recorded once."""
    if pack.prepared is None:
        device = pack.batches.device
        take_step = captured(_take_step, pack) if device.type == "cuda" else _take_step
        pack.prepared = Game(pack.trainings, pack.generator, pack.critic, device), take_step
    prepared: tuple[Game, TakeStep] = pack.prepared
    return prepared


def _take_step(pack: Pack, game: Game, batches: Batches, step: int, probe: Probe | None = None) -> Tensor:
    """One generator step and its critic steps: the losses of both, and each penalty, [2 + penalties, s]."""
    training = pack.training
    simultaneous = training.updates == "simultaneous"

    # Critics: their own losses and penalties, on fresh samples each time
    penalties: list[tuple[Tensor, ...]] = []
    for update in range(step * training.critic_steps, (step + 1) * training.critic_steps):
        terms, critic_gradient = game.critic_gradients(batches, update)
        penalties.append(terms.penalties)
        last = (update + 1) % training.critic_steps == 0
        if simultaneous and last:  # the generators answer the critics as they were before their last update
            generator_loss, generator_gradient = game.generator_gradients(batches, update)
        if probe is not None and last:
            probe.begin(game)
        pack.critic.descend(pack.critic_optimizer, critic_gradient)
        game.project()

    # Generators: gradients for their own parameters only
    if not simultaneous:
        generator_loss, generator_gradient = game.generator_gradients(batches, update)
    pack.generator.descend(pack.generator_optimizer, generator_gradient)
    pack.follow(first=step == 0)

    if probe is not None:
        probe.end(terms, critic_gradient, generator_gradient)
    due = [torch.stack(values).nanmean(dim=0) for values in zip(*penalties, strict=True)]
    return torch.stack([terms.total.detach(), generator_loss, *due])


def _measure(
    losses: Tensor, before: int, seconds: float, penalty_names: list[str], probes: dict[str, float]
) -> Measurement:
    """What a chunk's losses [steps, 2 + penalties] of one run come to."""
    critic_mean, generator_mean = losses[:, :2].mean(dim=0).tolist()
    finite = losses[:, :2].isfinite()
    if not finite.all():
        at, player = (~finite).nonzero()[0].tolist()
        place = ("critic loss", "generator loss")[player]
        return Measurement(before + at + 1, seconds, critic_mean, generator_mean, diverged=place)
    weighted = dict(zip(penalty_names, losses[:, 2:].nanmean(dim=0).tolist(), strict=True))
    return Measurement(before + len(losses), seconds, critic_mean, generator_mean, weighted, probes)


class Stopwatch:
    """Seconds since it was made: by events on CUDA, where work goes on after a call returns, else by the clock."""

    def __init__(self, device: torch.device):
        self._device = device
        if device.type == "cuda":
            self._begin = torch.cuda.Event(enable_timing=True)
            self._begin.record()
        else:
            self._began = time.perf_counter()

    def seconds(self) -> float:
        """Waits for the device to finish what was asked of it, and gives the seconds that took."""
        if self._device.type == "cuda":
            end = torch.cuda.Event(enable_timing=True)
            end.record()
            end.synchronize()
            return self._begin.elapsed_time(end) / 1000
        if self._device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter() - self._began
