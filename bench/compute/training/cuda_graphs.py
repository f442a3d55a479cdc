"""A training step on CUDA as one graph: hundreds of small kernels that one call starts.

What a step does must not depend on its number, but for the numbers that it draws: these are put where the graph reads
them before each replay.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.catalogue import find
from bench.compute.training.game import Game
from bench.compute.training.pack import Pack
from bench.compute.training.probes import Probe
from bench.compute.training.samplers import Batches
from bench.plan.specification import Training

WARM_UP = 3  # steps that are taken kernel by kernel: they allocate, choose algorithms, and fill the optimisers' states
COUNT_ON_DEVICE = ("adam", "sgd", "rmsprop")  # optimisers whose step reads no number that the host has counted

TakeStep = Callable[[Pack, Game, Batches, int, Probe | None], Tensor]
Replay = Callable[[], None]
Record = Callable[[Callable[[], Tensor]], tuple[Replay, Tensor]]


class Places(Batches):
    """Batches that note what a step draws, and then give the places in memory where a graph finds it.

    Args:
        batches: Drawn from.
    """

    def __init__(self, batches: Batches):
        vars(self).update(vars(batches))  # the same streams: whoever draws, they go on
        self._drawn: list[tuple[Tensor, Callable[[], Tensor]]] = []
        self._next: int | None = None  # None: noting

    def reals(self, stream: str = "data") -> Tensor:
        """As of ``Batches``."""
        return self._give(lambda: super(Places, self).reals(stream))

    def latents(self) -> Tensor:
        """As of ``Batches``."""
        return self._give(super().latents)

    def uniform(self, each: int) -> Tensor:
        """As of ``Batches``."""
        return self._give(lambda: super(Places, self).uniform(each))

    def again(self) -> Places:
        """From now on, and from the first on, the places of what was drawn."""
        self._next = 0
        return self

    def fill(self) -> None:
        """Draws anew, in the same order."""
        for place, draw in self._drawn:
            place.copy_(draw())

    def _give(self, draw: Callable[[], Tensor]) -> Tensor:
        if self._next is None:
            self._drawn.append((draw().clone(), draw))
            return self._drawn[-1][0]
        self._next += 1
        return self._drawn[self._next - 1][0]


def on_cuda(step: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
    """Records a step, which is not taken by that; its losses are where each replay leaves them."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph):  # back on it, where this fails too
        losses = step()
    return graph.replay, losses


def captured(take_step: TakeStep, pack: Pack, record: Record = on_cuda) -> TakeStep:
    """A step that is recorded once it has been taken a few times, and replayed from then on, where that is possible.

    Args:
        take_step: (pack, game, batches, step, probe) → losses.
        pack: Of this size, for as long as the result is used.
        record: How.
    """
    graphs: dict[tuple[bool, ...], tuple[Places, Replay, Tensor]] = {}
    taken, possible = 0, is_possible(pack.training)

    def take(pack: Pack, game: Game, batches: Batches, step: int, probe: Probe | None = None) -> Tensor:
        nonlocal taken, possible
        taken += 1
        if probe is not None or not possible or taken <= WARM_UP or step == 0:
            return take_step(pack, game, batches, step, probe)
        due = _due(pack.training, step)
        if due in graphs:
            places, replay, losses = graphs[due]
            places.fill()
            replay()
            return losses
        places = Places(batches)
        now = take_step(pack, game, places, step, None)
        try:
            graphs[due] = places, *record(lambda: take_step(pack, game, places.again(), step, None))
        except RuntimeError:  # an operation that waits for the host: this network goes on kernel by kernel
            possible = False
        return now

    return take


def is_possible(training: Training) -> bool:
    """Whether steps differ in what they draw alone: rates are constant, and so is noise on samples."""
    optimizers = training.optimizer.name, training.critic_optimizer.name
    perturbed = any(find("penalty", each.name).perturb for each in training.penalty)
    return training.schedule == "constant" and not perturbed and set(optimizers) <= set(COUNT_ON_DEVICE)


def _due(training: Training, step: int) -> tuple[bool, ...]:
    """Which penalties are in which updates of a step: another graph where that differs."""
    updates = range(step * training.critic_steps, (step + 1) * training.critic_steps)
    intervals = [getattr(each.options, "every", 1) for each in training.penalty]
    return tuple(update % every == 0 for update in updates for every in intervals)
