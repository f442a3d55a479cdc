"""The training loop as most people write it, and ours beside it: the same networks, losses, steps and optimiser."""

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

from bench.architectures import Shape
from bench.packs import assemble
from bench.players import build_players
from bench.specification import Training
from bench.training import train

CPU = torch.device("cpu")
WARM = 3  # steps before the clock starts


def plain_loop(training: Training, shape: Shape, reals: Tensor) -> Callable[[int], None]:
    """The function that takes so many steps.

    Networks as torch makes them (channels first), ``backward`` through all there is, torch's Adam as it comes, the
    critic once on real and once on generated samples, its weights not frozen in the generator's step.
    """
    players = build_players(training, shape, 0, CPU)
    generator, critic = (
        network.to(memory_format=torch.contiguous_format) for network in (players.generator, players.critic)
    )
    options = training.optimizer.options.model_dump()
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
    """The function that takes so many steps with a pack."""
    pack = assemble(trainings, seeds, shape, lambda indices: reals[indices], len(reals), CPU)
    done = 0

    def steps(count: int) -> None:
        nonlocal done
        for _ in train(pack, done, steps=done + count):
            pass
        done += count

    return steps


def seconds(steps: Callable[[int], None], count: int) -> float:
    """Wall seconds of one step."""
    began = time.perf_counter()
    steps(count)
    return (time.perf_counter() - began) / count


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads for torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# A matrix of many runs


class Workers:
    """Processes of one thread each that train packs when they are told to, as the local engine's do.

    Args:
        packs: For each worker, the packs that it trains one after the other.
        shape: Of one sample.
        reals: What all train on.
    """

    def __init__(self, packs: Sequence[Sequence[Sequence[tuple[Training, int]]]], shape: Shape, reals: Tensor):
        context = multiprocessing.get_context("spawn")
        self._pipes, self._processes = [], []
        for own in packs:
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, own, shape, reals.numpy()), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()

    def train(self, steps: int) -> float:
        """Wall seconds until all have taken so many steps with all their packs."""
        began = time.perf_counter()
        for pipe in self._pipes:
            pipe.send(steps)
        for pipe in self._pipes:
            pipe.recv()
        return time.perf_counter() - began

    def end(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.kill()
            process.join()


def _work(pipe: Connection, packs: Sequence[Sequence[tuple[Training, int]]], shape: Shape, reals: Any) -> None:
    torch.set_num_threads(1)
    loops = [
        our_loop([training for training, _ in pack], [seed for _, seed in pack], shape, torch.from_numpy(reals))
        for pack in packs
    ]
    for steps in loops:
        steps(WARM)
    pipe.send("ready")
    while True:
        count = pipe.recv()
        for steps in loops:
            steps(count)
        pipe.send("done")
