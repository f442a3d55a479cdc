"""A typical training loop, and ours: the same networks, losses, steps and optimiser."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.catalogue import find, resolve
from bench.catalogue.architectures import Shape
from bench.compute import environment
from bench.compute.training.loop import train
from bench.compute.training.pack import assemble
from bench.plan.specification import Training

CPU = torch.device("cpu")
WARM = 3  # steps before timing starts


def plain_loop(training: Training, shape: Shape, reals: Tensor) -> Callable[[int], None]:
    """Return a function that takes a number of steps.

    Networks run as they are defined (channels first, layer by layer). ``backward`` goes through the whole graph, torch's
    Adam has its defaults, and the critic sees real and generated samples in two calls. Its weights are not frozen in the
    generator's step.
    """
    torch.manual_seed(0)
    module = find("architecture", training.architecture.name).module
    generator: nn.Module = resolve(f"{module}:generator")(training.architecture.options, training.latent, shape)
    critic: nn.Module = resolve(f"{module}:critic")(training.critic.options, shape)
    options = training.optimizer.options.model_dump(include={"lr", "betas", "eps", "weight_decay"})
    generator_optimizer = torch.optim.Adam(generator.parameters(), **options)
    critic_optimizer = torch.optim.Adam(critic.parameters(), **options)
    bce = nn.BCEWithLogitsLoss()
    n, loss = training.batch_size, training.loss.name
    ones, zeros = torch.ones(n), torch.zeros(n)

    def critic_loss(real: Tensor, fake: Tensor) -> Tensor:
        real_logits, fake_logits = critic(real), critic(fake)
        if loss == "hinge":
            return F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()
        if loss != "wgan-gp":
            return bce(real_logits, ones) + bce(fake_logits, zeros)
        mix = torch.rand(n, *[1] * len(shape))
        points = (mix * real + (1 - mix) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
        penalty = ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
        weight: float = training.penalty[0].options.weight  # type: ignore[attr-defined]
        return fake_logits.mean() - real_logits.mean() + weight * penalty

    def generator_loss(logits: Tensor) -> Tensor:
        if loss in ("hinge", "wgan-gp"):
            return -logits.mean()
        return -bce(logits, zeros) if loss == "minimax" else bce(logits, ones)

    def steps(count: int) -> None:
        for _ in range(count):
            for _ in range(training.critic_steps):
                real = reals[torch.randint(len(reals), (n,))]
                critic_optimizer.zero_grad()
                fake = generator(torch.randn(n, training.latent)).detach()
                critic_loss(real, fake).backward()
                critic_optimizer.step()
            generator_optimizer.zero_grad()
            generator_loss(critic(generator(torch.randn(n, training.latent)))).backward()
            generator_optimizer.step()

    return steps


def our_loop(trainings: Sequence[Training], seeds: Sequence[int], shape: Shape, reals: Tensor) -> Callable[[int], None]:
    """Return a function that takes a number of steps with a pack."""
    pack = assemble(trainings, seeds, shape, lambda indices: reals[indices], len(reals), CPU)
    done = 0

    def steps(count: int) -> None:
        nonlocal done
        for _ in train(pack, done, steps=done + count):
            pass
        done += count

    return steps


def our_loops(packs: Sequence[Sequence[tuple[Training, int]]], shape: Shape, reals: Tensor) -> Callable[[int], None]:
    """Return a function that takes a number of steps with each pack of runs (training, seed), one pack at a time."""
    loops = [our_loop([each for each, _ in pack], [seed for _, seed in pack], shape, reals) for pack in packs]

    def steps(count: int) -> None:
        for loop in loops:
            loop(count)

    return steps


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Set the number of torch's threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Apart:
    """A loop in a separate process, so that process-wide settings of one side do not affect the other.

    Args:
        make: A function of this module that returns a loop.
        given: Arguments of ``make``.
        count: Number of threads.
        worker: Whether the process is set up like a worker of ganbench.
    """

    def __init__(self, make: Callable[..., Callable[[int], None]], given: Sequence[Any], count: int, worker: bool):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, make, given, count, worker), daemon=True)
        self._process.start()

    def begin(self, count: int) -> None:
        """Start a number of steps."""
        self._pipe.send(count)

    def wait(self) -> float:
        """Wait for the steps and return the seconds per step."""
        taken: float = self._pipe.recv()
        return taken

    def seconds(self, count: int) -> float:
        """Take a number of steps and return the seconds per step."""
        self.begin(count)
        return self.wait()

    def __enter__(self) -> Apart:
        self.seconds(WARM)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()


def _work(
    pipe: Connection, make: Callable[..., Callable[[int], None]], given: Sequence[Any], count: int, worker: bool
) -> None:
    torch.set_num_threads(count)
    if worker:
        environment.keep_freed_memory()
    steps = make(*given)
    while True:
        count = pipe.recv()
        began = time.perf_counter()
        steps(count)
        pipe.send((time.perf_counter() - began) / count)
