"""The training loop: critic steps, generator step, measure. It writes no file and draws only from the run's streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.catalogue import find
from bench.players import DTYPES, Players, mixes_samples
from bench.random_streams import Streams
from bench.specification import Training

CHUNK = 50  # steps between two looks at the losses: each look waits for the device


@dataclass(frozen=True)
class Measurement:
    """What the loop says after a chunk of steps.

    Attributes:
        step: Generator steps done so far.
        seconds: What the chunk took, without evaluation.
        critic_loss: Mean over the chunk.
        generator_loss: Mean over the chunk.
        diverged: Where the first non-finite value stood ("critic loss", "generator loss"), at ``step``; the loop ends.
    """

    step: int
    seconds: float
    critic_loss: float
    generator_loss: float
    diverged: str | None = None


def train(  # noqa: C901  one loop, to be read from top to bottom
    training: Training,
    players: Players,
    streams: Streams,
    reals: Callable[[Tensor], Tensor],
    count: int,
    device: torch.device,
    first: int = 0,
    pause: int | None = None,
) -> Iterator[Measurement]:
    """Trains the players from step ``first`` on; between two measurements their state is consistent.

    Args:
        training: What to do.
        players: Changed in place.
        streams: Drawn from.
        reals: Indices [n] into the training split → real samples [n, *shape] on ``device``.
        count: Size of the training split.
        device: Where the players are.
        first: Steps that were done before.
        pause: A measurement is given at least at every multiple of this many steps, for evaluation.

    Yields:
        A measurement per chunk; after one with ``diverged`` none follows.
    """
    # What the specification names
    loss = find("loss", training.loss.name)
    penalties = [(find("penalty", each.name).term, each.options.weight) for each in training.penalty]  # type: ignore[attr-defined]
    generator, critic = players.generator, players.critic
    generator_parameters, critic_parameters = list(generator.parameters()), list(critic.parameters())
    separate = mixes_samples(critic)  # batch normalisation must not see real and generated samples together
    simultaneous = training.updates == "simultaneous"

    # Numbers come from the run's streams on the CPU; precision is that of the networks, or bfloat16 autocast
    n, dtype = training.batch_size, DTYPES[training.precision]
    autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=training.precision == "bf16")

    def draw_reals() -> Tensor:
        return reals(torch.randint(count, (n,), generator=streams["data"])).to(dtype)

    def draw_latents() -> Tensor:
        # drawn as float32 whatever the precision, so that runs of one seed stay paired
        return torch.randn(n, training.latent, generator=streams["latents"]).to(device, dtype, non_blocking=True)

    def generator_gradients() -> tuple[Tensor, tuple[Tensor, ...]]:
        with autocast():
            fake = critic(generator(draw_latents()))
            with torch.no_grad():
                real = critic(draw_reals()) if loss.generator_needs_real else fake.new_empty(0)
        value = loss.generator(real.to(dtype), fake.to(dtype)).mean()
        return value, torch.autograd.grad(value, generator_parameters)

    step = first
    while step < training.steps:
        stops = [step - step % every + every for every in (CHUNK, pause or CHUNK)]
        chunk = min(*stops, training.steps) - step
        losses = torch.empty(chunk, 2, dtype=dtype, device=device)
        clock = Stopwatch(device)
        for i in range(chunk):
            for update in range(training.critic_steps):
                # Critic: samples without the generator's graph, one pass over both halves where that is the same
                real = draw_reals()
                with torch.no_grad(), autocast():
                    fake = generator(draw_latents()).to(dtype)
                with autocast():
                    if separate:
                        real_logits, fake_logits = critic(real), critic(fake)
                    else:
                        real_logits, fake_logits = critic(torch.cat([real, fake])).chunk(2)
                critic_loss = loss.critic(real_logits.to(dtype), fake_logits.to(dtype)).mean()

                # Penalties, each with points of its own
                for term, weight in penalties:
                    uniform = torch.rand(n, generator=streams["penalty"]).to(device, dtype, non_blocking=True)
                    with autocast():
                        critic_loss = critic_loss + weight * term(critic, real, fake, uniform).to(dtype).mean()
                gradients = torch.autograd.grad(critic_loss, critic_parameters)

                # Simultaneous: the generator answers the critic as it was before its last update
                if simultaneous and update == training.critic_steps - 1:
                    generator_loss, generator_gradient = generator_gradients()
                descend(players.critic_optimizer, critic_parameters, gradients)

            # Generator: gradients for its own parameters only
            if not simultaneous:
                generator_loss, generator_gradient = generator_gradients()
            descend(players.generator_optimizer, generator_parameters, generator_gradient)
            if players.average is not None:
                players.average.update_parameters(generator)
            losses[i, 0], losses[i, 1] = critic_loss.detach(), generator_loss.detach()

        # Measure, and end at the first value that is not finite
        seconds = clock.seconds()
        critic_mean, generator_mean = losses.mean(dim=0).tolist()
        finite = losses.isfinite().cpu()
        if not finite.all():
            at, player = (~finite).nonzero()[0].tolist()
            place = ("critic loss", "generator loss")[player]
            yield Measurement(step + at + 1, seconds, critic_mean, generator_mean, diverged=place)
            return
        step += chunk
        yield Measurement(step, seconds, critic_mean, generator_mean)


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
