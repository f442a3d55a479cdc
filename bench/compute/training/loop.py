"""The training loop: critic steps, generator step, measurements. It trains all runs of a pack at once.

The loop writes no files and draws random numbers only from the runs' own streams.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from bench.compute.training.annealing import changes_optimizers
from bench.compute.training.arithmetic import arithmetic
from bench.compute.training.cuda_graphs import GraphedSteps, TakeStep
from bench.compute.training.extragradient import take_extragradient_step
from bench.compute.training.game import Game
from bench.compute.training.objective import ModelProbe, Objective, take_objective_step
from bench.compute.training.pack import Pack
from bench.compute.training.probes import Probe
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.translation import game_of

AnyProbe = Probe | ModelProbe
CHUNK = 50  # steps between checks of the losses; each check waits for the device


class Losses(Protocol):
    """What a step minimises: the losses of a game, or the loss of one model."""

    @property
    def loss_names(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def penalty_names(self) -> Sequence[str]: ...  # noqa: D102


@dataclass(frozen=True)
class Measurement:
    """What the loop reports about a run after a chunk of steps.

    Attributes:
        step: The number of generator steps done.
        seconds: The duration of the chunk without evaluation; in a pack, the run's share of it.
        critic_loss: The mean over the chunk, penalties included; NaN without a critic.
        generator_loss: The mean over the chunk; without a critic, of the loss of the model.
        penalties: Each weighted penalty in the critic's loss: its mean over the updates that include it, then over
            steps. NaN if no update of the chunk includes it.
        probes: The probes of the last step, if an evaluation follows.
        diverged: Which value was the first to be non-finite ("critic loss", "generator loss", or "loss" without a
            critic); the run ends at ``step``.
    """

    step: int
    seconds: float
    critic_loss: float
    generator_loss: float
    penalties: dict[str, float] = field(default_factory=dict)
    probes: dict[str, float] = field(default_factory=dict)
    diverged: str | None = None


def train(
    pack: Pack, first: int = 0, pause: int | None = None, probe: AnyProbe | None = None, steps: int | None = None
) -> Iterator[list[Measurement]]:
    """Train a pack, starting at step ``first``. Whenever this yields, the state of the pack is consistent.

    Args:
        pack: The pack to train, in place. Runs that diverge are dropped, and the caller may drop others between
            measurements.
        first: The number of steps already done.
        pause: Yield at every multiple of this number of steps, for evaluation.
        probe: Observes the last step before each of these multiples, and the last step of all.
        steps: The step to stop at. [default: the end of training] It may be later, with learning rates staying at
            their final values.

    Yields:
        For each chunk of steps, the measurement of every run in the pack. A measurement with ``diverged`` set is the
        last of its run.
    """
    training, device = pack.training, pack.sampler.device
    changing = any(map(changes_optimizers, pack.trainings))
    step, end = first, training.steps if steps is None else steps
    while step < end and len(pack):
        with arithmetic(training, device), pack.drawing():
            game, take_step = _prepare_steps(pack)
            stops = [step - step % every + every for every in (CHUNK, pause or CHUNK)]
            chunk = min(*stops, end) - step
            evaluated = step + chunk == end or (pause is not None and (step + chunk) % pause == 0)
            shape = chunk, len(game.loss_names) + len(game.penalty_names), len(pack)
            losses = torch.empty(shape, dtype=pack.sampler.dtype, device=device)
            stopwatch = Stopwatch(device)
            for i in range(chunk):
                if changing:
                    pack.set_rates(min(1.0, (step + i) / training.steps))
                step_probe = probe if evaluated and i == chunk - 1 else None
                losses[i] = take_step(pack, game, pack.sampler, step + i, step_probe)
            share = stopwatch.seconds() / len(pack)
        with arithmetic(training, device), pack.drawing_aside("probe layers"):
            probes = probe.values(pack.seeds) if probe is not None and evaluated else [{} for _ in pack.players]

        # Measure, and end each run at its first non-finite value; contiguous losses are summed in the same order
        measurements = [
            _summarise_chunk(run_losses.contiguous(), step, share, game, run_probes)
            for run_losses, run_probes in zip(losses.cpu().unbind(2), probes, strict=True)
        ]
        diverged = [players for players, each in zip(pack.players, measurements, strict=True) if each.diverged]
        step += chunk
        yield measurements
        pack.drop(diverged)


def _prepare_steps(pack: Pack) -> tuple[Losses, TakeStep]:
    """Return the game, or the loss, of a pack and the function that takes a step; CUDA graphs are kept."""
    if pack.prepared is None:
        device = pack.sampler.device
        losses: Losses
        take_step: TakeStep
        if pack.training.is_gan:
            losses = game_of(pack.trainings, pack.generator, pack.critic, device, pack.critic_descent)
            take_step = _take_step
        else:
            losses, take_step = Objective(pack.training, pack.generator, device), take_objective_step
        pack.prepared = losses, GraphedSteps(take_step, pack) if device.type == "cuda" else take_step
    prepared: tuple[Losses, TakeStep] = pack.prepared
    return prepared


def _take_step(pack: Pack, game: Game, sampler: BatchSampler, step: int, probe: Probe | None = None) -> Tensor:
    """Take one generator step with its critic steps; return both losses and each penalty, [2 + penalties, s]."""
    training = pack.training
    if training.updates == "extragradient":
        return take_extragradient_step(pack, game, sampler, step, probe)
    simultaneous = training.updates == "simultaneous"

    # Critics: their own losses and penalties, on fresh samples each time
    penalties: list[tuple[Tensor, ...]] = []
    for update in range(step * training.critic_steps, (step + 1) * training.critic_steps):
        terms, critic_gradient = game.critic_gradients(sampler, update)
        penalties.append(terms.penalties)
        last = (update + 1) % training.critic_steps == 0
        if simultaneous and last:  # the generators respond to the critics before their last update
            generator_loss, generator_gradient = game.generator_gradients(sampler, update)
        if probe is not None and last:
            probe.before_update(game)
        pack.critic_descent.step(critic_gradient)
        game.project()

    # Generators: gradients for their own parameters only
    if not simultaneous:
        generator_loss, generator_gradient = game.generator_gradients(sampler, update)
    pack.generator_descent.step(generator_gradient)
    pack.end_step(step, sampler)

    if probe is not None:
        probe.after_update(terms, critic_gradient, generator_gradient)
    penalty_means = [torch.stack(values).nanmean(dim=0) for values in zip(*penalties, strict=True)]
    return torch.stack([terms.total.detach(), generator_loss, *penalty_means])


def _summarise_chunk(
    losses: Tensor, before: int, seconds: float, game: Losses, probes: dict[str, float]
) -> Measurement:
    """Summarise the losses [steps, players + penalties] of one run over a chunk that began after step ``before``."""
    players = len(game.loss_names)
    *critic_means, generator_mean = losses[:, :players].mean(dim=0).tolist()
    critic_mean = critic_means[0] if critic_means else math.nan
    finite = losses[:, :players].isfinite()
    if not finite.all():
        index, player = (~finite).nonzero()[0].tolist()
        place = game.loss_names[player]
        return Measurement(before + index + 1, seconds, critic_mean, generator_mean, diverged=place)
    weighted = dict(zip(game.penalty_names, losses[:, players:].nanmean(dim=0).tolist(), strict=True))
    return Measurement(before + len(losses), seconds, critic_mean, generator_mean, weighted, probes)


class Stopwatch:
    """Measures seconds since its creation: with events on CUDA, where kernels run asynchronously, else by the clock."""

    def __init__(self, device: torch.device):
        self._device = device
        if device.type == "cuda":
            self._start_event = torch.cuda.Event(enable_timing=True)
            self._start_event.record()
        else:
            self._start = time.perf_counter()

    def seconds(self) -> float:
        """Wait for the device to finish its queued work and return the seconds elapsed."""
        if self._device.type == "cuda":
            end = torch.cuda.Event(enable_timing=True)
            end.record()
            end.synchronize()
            return self._start_event.elapsed_time(end) / 1000
        if self._device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter() - self._start
