"""The training loop: critic steps, generator step, measure. It writes no file and draws only from the run's streams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.batches import Batches
from bench.game import Game
from bench.optimizers import SCHEDULES
from bench.players import Players
from bench.probes import Probe
from bench.specification import Training

CHUNK = 50  # steps between two looks at the losses: each look waits for the device


@dataclass(frozen=True)
class Measurement:
    """What the loop says after a chunk of steps.

    Attributes:
        step: Generator steps done so far.
        seconds: What the chunk took, without evaluation.
        critic_loss: Mean over the chunk, penalties and all.
        generator_loss: Mean over the chunk.
        penalties: Weighted, in the critic's loss: mean over those updates of the chunk that had them; NaN: none had.
        probes: Of the last step, where an evaluation follows.
        diverged: Where the first non-finite value stood ("critic loss", "generator loss"), at ``step``; the loop ends.
    """

    step: int
    seconds: float
    critic_loss: float
    generator_loss: float
    penalties: dict[str, float] = field(default_factory=dict)
    probes: dict[str, float] = field(default_factory=dict)
    diverged: str | None = None


def train(
    training: Training,
    players: Players,
    batches: Batches,
    first: int = 0,
    pause: int | None = None,
    probe: Probe | None = None,
) -> Iterator[Measurement]:
    """Trains the players from step ``first`` on; between two measurements their state is consistent.

    Args:
        training: What to do.
        players: Changed in place.
        batches: Drawn from.
        first: Steps that were done before.
        pause: A measurement is given at least at every multiple of this many steps, for evaluation.
        probe: Looks at the last step before each of these, and at the last of all.

    Yields:
        A measurement per chunk; after one with ``diverged`` none follows.
    """
    device = batches.device
    game = Game(training, players.generator, players.critic, device)
    rate, simultaneous = SCHEDULES[training.schedule], training.updates == "simultaneous"
    step = first
    while step < training.steps:
        stops = [step - step % every + every for every in (CHUNK, pause or CHUNK)]
        chunk = min(*stops, training.steps) - step
        evaluated = step + chunk == training.steps or (pause is not None and (step + chunk) % pause == 0)
        losses = torch.empty(chunk, 2 + len(game.penalty_names), dtype=batches.dtype, device=device)
        probes: dict[str, float] = {}
        clock = Stopwatch(device)
        for i in range(chunk):
            watched = probe is not None and evaluated and i == chunk - 1
            if training.schedule != "constant":
                players.set_rates(rate((step + i) / training.steps))

            # Critic: its own loss and penalties, on fresh samples each time
            penalties: list[tuple[Tensor, ...]] = []
            for update in range((step + i) * training.critic_steps, (step + i + 1) * training.critic_steps):
                terms, critic_gradient = game.critic_gradients(batches, update)
                penalties.append(terms.penalties)
                last = (update + 1) % training.critic_steps == 0
                if simultaneous and last:  # the generator answers the critic as it was before its last update
                    generator_loss, generator_gradient = game.generator_gradients(batches, update)
                if watched and last:
                    probe.begin(game)  # type: ignore[union-attr]
                descend(players.critic_optimizer, game.parameters_of_critic, critic_gradient)
                game.project()

            # Generator: gradients for its own parameters only
            if not simultaneous:
                generator_loss, generator_gradient = game.generator_gradients(batches, update)
            descend(players.generator_optimizer, game.parameters_of_generator, generator_gradient)
            if players.average is not None:
                players.average.update_parameters(players.generator)

            due = [torch.stack(values).nanmean() for values in zip(*penalties, strict=True)]
            losses[i] = torch.stack([terms.total.detach(), generator_loss, *due])
            if watched:
                seconds = clock.seconds()
                probes = probe.end(game, terms, critic_gradient, generator_gradient)  # type: ignore[union-attr]

        # Measure, and end at the first value that is not finite
        seconds = seconds if probes else clock.seconds()
        critic_mean, generator_mean = losses[:, :2].mean(dim=0).tolist()
        finite = losses[:, :2].isfinite().cpu()
        if not finite.all():
            at, player = (~finite).nonzero()[0].tolist()
            place = ("critic loss", "generator loss")[player]
            yield Measurement(step + at + 1, seconds, critic_mean, generator_mean, diverged=place)
            return
        weighted = dict(zip(game.penalty_names, losses[:, 2:].nanmean(dim=0).tolist(), strict=True))
        step += chunk
        yield Measurement(step, seconds, critic_mean, generator_mean, weighted, probes)


def descend(optimizer: Optimizer, parameters: list[nn.Parameter], gradients: tuple[Tensor, ...]) -> None:
    """One step of an optimiser along given gradients; they are never clipped or masked.

    Fused optimisers walk through memory: a gradient must lie there as its parameter does, which ``autograd.grad`` does
    not see to (``backward`` does). A gradient penalty's, for one, comes with other strides.
    """
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient.stride() != parameter.stride():
            gradient = torch.empty_like(parameter).copy_(gradient)
        parameter.grad = gradient
    optimizer.step()


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
