"""Training steps on CUDA as graphs: one call launches the hundreds of small kernels of a step.

A captured step may depend on its number only through tensors that are filled before each replay: the random numbers
that it draws, learning rates, the weights of penalties, and the decay of the average.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bench.catalogue import find
from bench.compute.environment import is_device_lost, is_out_of_memory
from bench.compute.training.descent import CAPTURABLE
from bench.compute.training.global_streams import global_state
from bench.compute.training.pack import Pack
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.slow_weights import is_lookahead_due
from bench.errors import PluginError, summarise_error
from bench.plan.specification import Training

WARM_UP = 3  # steps before the capture: they allocate memory, select algorithms and fill the optimisers' states

TakeStep = Callable[[Pack, Any, BatchSampler, int, Any], Tensor]  # (pack, game or loss, sampler, step, probe)
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
        self._later = 0

    def real_samples(self, stream: str = "data") -> Tensor:
        """Return real samples like ``BatchSampler.real_samples``."""
        return self._give(lambda: super(StaticDraws, self).real_samples(stream))

    def real_labels(self, stream: str = "data") -> Tensor:
        """Return labels like ``BatchSampler.real_labels``."""
        return self._give(lambda: super(StaticDraws, self).real_labels(stream))

    def real_sources(self, stream: str = "data") -> Tensor:
        """Return sources like ``BatchSampler.real_sources``."""
        return self._give(lambda: super(StaticDraws, self).real_sources(stream))

    def sources(self, stream: str = "sources") -> Tensor:
        """Return sources like ``BatchSampler.sources``."""
        return self._give(lambda: super(StaticDraws, self).sources(stream))

    def labels(self) -> Tensor:
        """Return labels like ``BatchSampler.labels``."""
        return self._give(super().labels)

    def latents(self) -> Tensor:
        """Return latents like ``BatchSampler.latents``."""
        return self._give(super().latents)

    def objective_noise(self, count: int) -> Tensor:
        """Return noise like ``BatchSampler.objective_noise``."""
        return self._give(lambda: super(StaticDraws, self).objective_noise(count))

    def uniform(self, count: int, size: int | None = None) -> Tensor:
        """Return uniform numbers like ``BatchSampler.uniform``."""
        return self._give(lambda: super(StaticDraws, self).uniform(count, size))

    def augmentation(self, count: int) -> Tensor:
        """Return uniform numbers like ``BatchSampler.augmentation``."""
        return self._give(lambda: super(StaticDraws, self).augmentation(count))

    def latent_noise(self, count: int | None = None) -> Tensor:
        """Return noise like ``BatchSampler.latent_noise``."""
        return self._give(lambda: super(StaticDraws, self).latent_noise(count))

    def layer_noise(self, count: int) -> Tensor:
        """Return noise like ``BatchSampler.layer_noise``."""
        return self._give(lambda: super(StaticDraws, self).layer_noise(count))

    def by_step(self, value: Callable[[int], Tensor]) -> Tensor:
        """Return a tensor like ``BatchSampler.by_step``."""
        return self._give(lambda: value(self._later))

    def rewind(self) -> StaticDraws:
        """From now on, return the remembered tensors, starting with the first."""
        self._next = 0
        return self

    def redraw(self, later: int) -> None:
        """Fill the remembered tensors with new draws, in the same order, ``later`` steps after the first."""
        self._later = later
        for tensor, draw in self._drawn:
            tensor.copy_(draw())

    def _give(self, draw: Callable[[], Tensor]) -> Tensor:
        if self._next is None:
            self._drawn.append((draw().clone(), draw))
            return self._drawn[-1][0]
        self._next += 1
        return self._drawn[self._next - 1][0]


def cuda_capture() -> Capture:
    """Return a function that captures steps as CUDA graphs without executing them; all graphs share one memory pool.

    They may share it because one step ends before the next begins, and nothing but its losses outlives it. Other
    threads may use the device during a capture.
    """
    pool: list[Any] = []

    def capture(step: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
        graph = torch.cuda.CUDAGraph()
        pool[:] = pool or [torch.cuda.graph_pool_handle()]
        recording = torch.cuda.graph(graph, pool=pool[0], capture_error_mode="thread_local")
        # the outer context restores the current stream even if the capture fails
        with torch.cuda.stream(torch.cuda.current_stream()), recording:
            losses = step()
        return graph.replay, losses

    return capture


class GraphedSteps:
    """Takes steps normally a few times, then captures a step and replays it where possible.

    Args:
        take_step: (pack, game, sampler, step, probe) → losses.
        pack: The pack to train. Its runs must stay the same as long as the result is used.
        capture: Captures a step and returns its replay function and its losses. [default: ``cuda_capture()``]

    Attributes:
        captured: The number of graphs captured so far.
        replayed: The number of steps taken by replaying a graph.
        refusal: Why no more steps are captured, or "".
    """

    def __init__(self, take_step: TakeStep, pack: Pack, capture: Capture | None = None):
        self._take_step, self._capture = take_step, capture or cuda_capture()
        self._graphs: dict[tuple[int, ...], tuple[StaticDraws, int, Replay, Tensor]] = {}
        self._possible, self._taken, self._kept = all(map(can_capture, pack.trainings)), 0, 0
        self.captured, self.replayed, self.refusal = 0, 0, ""

    def __call__(self, pack: Pack, game: Any, sampler: BatchSampler, step: int, probe: Any = None) -> Tensor:
        """Take one step like ``take_step``.

        Raises:
            RuntimeError: The memory does not suffice for a graph, or the device is lost.
        """
        self._taken += 1
        if probe is not None or not self._possible or self._taken <= WARM_UP or step == 0:
            return self._take_step(pack, game, sampler, step, probe)
        kept = _kept_samples(pack.training, step)
        if kept != self._kept:  # it never grows, so earlier graphs are of no more use
            self._graphs, self._kept = {}, kept
        due = _due_parts(pack.training, step)
        if due in self._graphs:
            draws, first, replay, losses = self._graphs[due]
            draws.redraw(step - first)
            replay()
            self.replayed += 1
            return losses
        return self._step_and_capture(pack, game, sampler, step, due)

    def _step_and_capture(
        self, pack: Pack, game: Any, sampler: BatchSampler, step: int, due: tuple[int, ...]
    ) -> Tensor:
        draws = StaticDraws(sampler)
        before = global_state(sampler.device)
        losses = self._take_step(pack, game, draws, step, None)
        if not global_state(sampler.device).equals(before):
            self._refuse("it draws from a global random generator")  # a replayed draw would not be the run's own
            return losses
        try:
            graph = self._capture(lambda: self._take_step(pack, game, draws.rewind(), step, None))
        except (RuntimeError, PluginError) as error:  # an operation that waits for the device cannot be captured
            self._refuse(_reason(error))
        else:
            self._graphs[due] = draws, step, *graph
            self.captured += 1
        return losses

    def _refuse(self, reason: str) -> None:
        self._possible, self.refusal = False, reason
        self._graphs = {}


def graph_refusal(pack: Pack) -> str:
    """Return why the steps of a pack are no longer captured, or "" if they are or if nothing would capture them."""
    return getattr(pack.prepared[1], "refusal", "") if pack.prepared else ""


def _reason(error: BaseException) -> str:
    """Return why a step could not be captured.

    The end of a failed capture raises an error of its own; the first one is in its context.

    Raises:
        RuntimeError: The memory did not suffice, or the device is lost: neither is the fault of the step.
    """
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    for each in chain:
        if is_out_of_memory(each) or (is_device_lost(each) and "captur" not in str(each)):
            raise each
    return summarise_error(chain[-1])


def can_capture(training: Training) -> bool:
    """Return whether steps differ only in numbers that a graph can read anew: no noise is added to samples."""
    optimizers = training.optimizer.name, training.critic_optimizer.name
    perturbed = any(find("penalty", penalty.name).perturb for penalty in training.penalty)
    return not perturbed and set(optimizers) <= set(CAPTURABLE)


def _kept_samples(training: Training, step: int) -> int:
    """Return how many generated samples of a batch the generator learns from; another number needs another graph."""
    n = training.batch_size // training.pac
    return n if training.top_k is None else training.top_k.count(n, step)


def _due_parts(training: Training, step: int) -> tuple[int, ...]:
    """Return which penalties each update of a step includes, and whether it ends with a return to slow weights.

    Steps that differ in this need different graphs. Unrolled updates are those that follow.
    """
    updates = range(step * training.critic_steps, (step + 1) * training.critic_steps + training.unroll)
    intervals = [getattr(penalty.options, "every", 1) for penalty in training.penalty]
    penalties = tuple(update % every == 0 for update in updates for every in intervals)
    return *penalties, is_lookahead_due(training, step)
