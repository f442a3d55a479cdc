"""Training steps on CUDA as graphs: one call launches the hundreds of small kernels of a step.

A captured step must not depend on its number, except through the random numbers that it draws. These are copied to
where the graph reads them before each replay.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.catalogue import find
from bench.compute.training.annealing import changes_optimizers, changes_penalties
from bench.compute.training.game import Game
from bench.compute.training.global_streams import global_state
from bench.compute.training.pack import Pack
from bench.compute.training.probes import Probe
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.slow_weights import is_lookahead_due
from bench.errors import PluginError
from bench.plan.specification import Training

WARM_UP = 3  # steps before the capture: they allocate memory, select algorithms and fill the optimisers' states
CAPTURABLE = ("adam", "sgd", "rmsprop")  # optimisers whose step does not depend on numbers counted on the host

TakeStep = Callable[[Pack, Game, BatchSampler, int, Probe | None], Tensor]
Replay = Callable[[], None]
Capture = Callable[[Callable[[], Tensor]], tuple[Replay, Tensor]]


class StaticDraws(BatchSampler):
    """A sampler that keeps what a step draws in fixed memory, so that a graph can read it there.

    At first it draws from the given sampler and remembers each draw. After ``rewind`` it returns the same tensors in
    the same order, and ``redraw`` fills them with new numbers.

    Args:
        sampler: The sampler to draw from.
    """

    def __init__(self, sampler: BatchSampler):
        vars(self).update(vars(sampler))  # shares the random streams
        self._drawn: list[tuple[Tensor, Callable[[], Tensor]]] = []
        self._next: int | None = None  # None: remember new draws

    def real_samples(self, stream: str = "data") -> Tensor:
        """Return real samples like ``BatchSampler.real_samples``."""
        return self._give(lambda: super(StaticDraws, self).real_samples(stream))

    def latents(self) -> Tensor:
        """Return latents like ``BatchSampler.latents``."""
        return self._give(super().latents)

    def uniform(self, count: int, size: int | None = None) -> Tensor:
        """Return uniform numbers like ``BatchSampler.uniform``."""
        return self._give(lambda: super(StaticDraws, self).uniform(count, size))

    def augmentation(self, count: int) -> Tensor:
        """Return uniform numbers like ``BatchSampler.augmentation``."""
        return self._give(lambda: super(StaticDraws, self).augmentation(count))

    def latent_noise(self) -> Tensor:
        """Return noise like ``BatchSampler.latent_noise``."""
        return self._give(super().latent_noise)

    def layer_noise(self, count: int) -> Tensor:
        """Return noise like ``BatchSampler.layer_noise``."""
        return self._give(lambda: super(StaticDraws, self).layer_noise(count))

    def rewind(self) -> StaticDraws:
        """From now on, return the remembered tensors, starting with the first."""
        self._next = 0
        return self

    def redraw(self) -> None:
        """Fill the remembered tensors with new draws, in the same order."""
        for tensor, draw in self._drawn:
            tensor.copy_(draw())

    def _give(self, draw: Callable[[], Tensor]) -> Tensor:
        if self._next is None:
            self._drawn.append((draw().clone(), draw))
            return self._drawn[-1][0]
        self._next += 1
        return self._drawn[self._next - 1][0]


def capture_on_cuda(step: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
    """Capture a step as a CUDA graph without executing it.

    Returns:
        The function that replays the graph, and the tensor that holds the losses after each replay.
    """
    graph = torch.cuda.CUDAGraph()
    # the outer context restores the current stream even if the capture fails
    with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph):
        losses = step()
    return graph.replay, losses


def with_graphs(take_step: TakeStep, pack: Pack, capture: Capture = capture_on_cuda) -> TakeStep:
    """Return a function that takes steps normally a few times, then captures a step and replays it where possible.

    Args:
        take_step: (pack, game, sampler, step, probe) → losses.
        pack: The pack to train. Its runs must stay the same as long as the result is used.
        capture: Captures a step and returns its replay function and its losses.
    """
    graphs: dict[tuple[bool, ...], tuple[StaticDraws, Replay, Tensor]] = {}
    taken, possible = 0, all(map(can_capture, pack.trainings))

    def take(pack: Pack, game: Game, sampler: BatchSampler, step: int, probe: Probe | None = None) -> Tensor:
        nonlocal taken, possible
        taken += 1
        if probe is not None or not possible or taken <= WARM_UP or step == 0:
            return take_step(pack, game, sampler, step, probe)
        due = _due_parts(pack.training, step)
        if due in graphs:
            draws, replay, losses = graphs[due]
            draws.redraw()
            replay()
            return losses
        draws = StaticDraws(sampler)
        before = global_state(sampler.device)
        losses = take_step(pack, game, draws, step, None)
        if not global_state(sampler.device).equals(before):
            possible = False  # what it draws from the global generators would not be the run's own
            return losses
        try:
            graphs[due] = draws, *capture(lambda: take_step(pack, game, draws.rewind(), step, None))
        except (
            RuntimeError,
            PluginError,
        ):  # an operation synchronises with the host: train this network without graphs
            possible = False
        return losses

    return take


def can_capture(training: Training) -> bool:
    """Return whether steps differ only in what they draw: nothing is annealed, no noise on samples, no top k."""
    optimizers = training.optimizer.name, training.critic_optimizer.name
    perturbed = any(find("penalty", penalty.name).perturb for penalty in training.penalty)
    annealed = changes_optimizers(training) or changes_penalties(training) or bool(training.ema_warmup)
    constant = not annealed and training.top_k is None
    return constant and not perturbed and set(optimizers) <= set(CAPTURABLE)


def _due_parts(training: Training, step: int) -> tuple[bool, ...]:
    """Return which penalties each update of a step includes, and whether it ends with a return to slow weights.

    Steps that differ in this need different graphs. Unrolled updates are those that follow.
    """
    updates = range(step * training.critic_steps, (step + 1) * training.critic_steps + training.unroll)
    intervals = [getattr(penalty.options, "every", 1) for penalty in training.penalty]
    penalties = tuple(update % every == 0 for update in updates for every in intervals)
    return *penalties, is_lookahead_due(training, step)
