"""The games of a pack: what each player minimises on a batch, regularisers and all, and the gradients of both.

Samples are [s, n, ...] and losses [s], for the s runs of the pack.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vmap

from bench.catalogue import find
from bench.catalogue.losses import GanLoss
from bench.catalogue.penalties import Penalty
from bench.compute.training.players import mixes_samples
from bench.compute.training.samplers import Batches
from bench.compute.training.stack import VECTOR, Stack
from bench.plan.specification import Choice, Training

Gradients = tuple[Tensor, ...]
LossFunction = Callable[[Tensor, Tensor], Tensor]


class CriticTerms(NamedTuple):
    """The critics' losses on one batch.

    Attributes:
        total: All of it, [s].
        penalties: The weighted penalties in it, [s] each; NaN where it is not due in this update.
        real: What the critics were shown of real samples, [s, n, *shape].
        fake: What they were shown of generated ones.
        real_logits: Their output on the first, [s, n].
        fake_logits: Their output on the second, [s, n].
    """

    total: Tensor
    penalties: tuple[Tensor, ...]
    real: Tensor
    fake: Tensor
    real_logits: Tensor
    fake_logits: Tensor


class Game:
    """The losses of the networks of s runs.

    Args:
        trainings: What is specified for each; they differ in loss and in weights of penalties at the most.
        generator: [s, n, latent] → [s, n, *shape].
        critic: [s, n, *shape] → logits [s, n].
        device: Where they are.
    """

    def __init__(self, trainings: Sequence[Training], generator: Stack, critic: Stack, device: torch.device):
        self.trainings, self.training, self.generator, self.critic = list(trainings), trainings[0], generator, critic
        losses = [find("loss", training.loss.name) for training in trainings]
        self._losses: list[tuple[GanLoss, int]] = [(loss, len(list(group))) for loss, group in groupby(losses)]
        self._needs_real = losses[0].generator_needs_real
        entries: list[tuple[int, Choice, Penalty]] = [
            (number, each, find("penalty", each.name)) for number, each in enumerate(self.training.penalty)
        ]

        def weights(number: int) -> Tensor:
            values = [training.penalty[number].options.weight for training in trainings]  # type: ignore[attr-defined]
            return torch.tensor(values, dtype=generator.parameters[0].dtype, device=device)

        self._terms = [(each.options, entry, weights(number)) for number, each, entry in entries if entry.term]
        self._joint = [(entry.joint, weights(number)) for number, _, entry in entries if entry.joint]
        self._perturb = [partial(entry.perturb, each.options) for _, each, entry in entries if entry.perturb]
        self._project = [partial(entry.project, each.options) for _, each, entry in entries if entry.project]
        self.penalty_names = [each.name for _, each, entry in entries if entry.term]
        # batch normalisation must not see real and generated samples together
        self._separate = mixes_samples(critic.networks[0])
        bf16 = self.training.precision == "bf16"
        self._autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=bf16)

    def critic_gradients(self, batches: Batches, update: int) -> tuple[CriticTerms, Gradients]:
        """The critics' losses on a fresh batch, and their gradients; the generators' graph is not built."""
        if self._joint:
            terms, _, gradients = self.field(batches, update)
            return terms, gradients[: len(self.critic.parameters)]
        real = batches.reals()
        with torch.no_grad():
            fake = self.generate(batches).detach()  # a view of a parameter keeps its graph all the same
        terms = self.critic_terms(real, fake, batches, update)
        return terms, _gradients(terms.total, self.critic.parameters)

    def generator_gradients(self, batches: Batches, update: int) -> tuple[Tensor, Gradients]:
        """The generators' losses on fresh latents, and their gradients; none is computed for the critics."""
        if self._joint:
            _, loss, gradients = self.field(batches, update)
            return loss.detach(), gradients[len(self.critic.parameters) :]
        loss = self.generator_loss(self.generate(batches), None, batches, update)
        return loss.detach(), _gradients(loss, self.generator.parameters)

    def generate(self, batches: Batches) -> Tensor:
        """Generated samples of fresh latents, [s, n, *shape]."""
        with self._autocast():
            samples = self.generator(batches.latents())
        return samples.to(batches.dtype)

    def critic_terms(self, real: Tensor, fake: Tensor, batches: Batches, update: int) -> CriticTerms:
        """The critics' losses on samples [s, n, *shape] in their ``update``-th update, counted from 0."""
        real, fake = self._shown(real, batches, update), self._shown(fake, batches, update)
        with self._autocast():
            if self._separate:
                real_logits, fake_logits = self.critic(real), self.critic(fake)
            else:
                real_logits, fake_logits = self.critic(torch.cat([real, fake], dim=1)).chunk(2, dim=1)
        real_logits, fake_logits = real_logits.to(batches.dtype), fake_logits.to(batches.dtype)
        total = self._each([loss.critic for loss, _ in self._losses], real_logits, fake_logits).mean(dim=1)
        penalties = []
        for options, entry, weight in self._terms:
            if update % options.every:  # type: ignore[attr-defined]
                penalties.append(torch.full_like(total, math.nan))
                continue
            uniform = batches.uniform(entry.uniforms(real[0, 0].numel()))
            with self._autocast():
                term = entry.term(self.critic, real, fake, uniform).to(batches.dtype)  # type: ignore[misc]
            weighted = weight * term.mean(dim=1)
            total = total + (weighted if options.every == 1 else options.every * weighted)  # type: ignore[attr-defined]
            penalties.append(weighted.detach())
        return CriticTerms(total, tuple(penalties), real, fake.detach(), real_logits.detach(), fake_logits.detach())

    def generator_loss(self, fake: Tensor, real: Tensor | None, batches: Batches, update: int) -> Tensor:
        """The generators' losses on generated samples, with a graph, [s].

        ``real`` are the samples of a loss that compares with their logits; None draws them, and gives these logits no
        graph: they do not depend on the generator.
        """
        with self._autocast():
            fake_logits = self.critic(self._shown(fake, batches, update))
            if not self._needs_real:
                real_logits = fake_logits.new_empty(len(fake), 0)
            elif real is not None:
                real_logits = self.critic(self._shown(real, batches, update))
            else:
                with torch.no_grad():
                    real_logits = self.critic(self._shown(batches.reals("generator data"), batches, update))
        real_logits, fake_logits = real_logits.to(batches.dtype), fake_logits.to(batches.dtype)
        return self._each([loss.generator for loss, _ in self._losses], real_logits, fake_logits).mean(dim=1)

    def field(self, batches: Batches, update: int, *, graph: bool = False) -> tuple[CriticTerms, Tensor, Gradients]:
        """Both losses on one batch, and the gradient of each player's own, the critics' parameters first.

        Terms that both players descend are in the gradients. With ``graph`` these can be differentiated again, by both
        players' parameters.
        """
        real, fake = batches.reals(), self.generate(batches)
        terms = self.critic_terms(real, fake, batches, update)
        loss = self.generator_loss(fake, real, batches, update)
        create = graph or bool(self._joint)
        of_critic, of_generator = self.critic.parameters, self.generator.parameters
        critic = _gradients(terms.total, of_critic, create=create, retain=True)
        generator = _gradients(loss, of_generator, create=create)
        for joint, weight in self._joint:
            value = weight * joint(critic, generator)
            extra = _gradients(value, [*of_critic, *of_generator], create=graph)
            critic = _sum(critic, extra[: len(critic)])
            generator = _sum(generator, extra[-len(generator) :])
        return terms, loss, (*critic, *generator)

    def project(self) -> None:
        """What changes the critics' parameters after each of their updates."""
        with torch.no_grad():
            for project in self._project:
                project(self.critic.parameters)

    def _each(self, functions: Sequence[LossFunction], real: Tensor, fake: Tensor) -> Tensor:
        """Each run's own function of its logits [n], for all [s, n]; runs beside each other share one evaluation."""
        counts = [count for _, count in self._losses]
        whole = fake.device.type != "cpu" or fake.shape[1] % VECTOR == 0
        losses = []
        for function, reals, fakes in zip(functions, real.split(counts), fake.split(counts), strict=True):
            if whole and len(fakes) > 1:
                losses.append(vmap(function)(reals, fakes))
            else:
                losses += [function(*logits).unsqueeze(0) for logits in zip(reals, fakes, strict=True)]
        return losses[0] if len(losses) == 1 else torch.cat(losses)

    def _shown(self, samples: Tensor, batches: Batches, update: int) -> Tensor:
        done = min(1.0, update / (self.training.steps * self.training.critic_steps))
        for perturb in self._perturb:
            samples = perturb(samples, batches.normal(samples), done)
        return samples


def _gradients(losses: Tensor, parameters: Sequence[Tensor], create: bool = False, retain: bool = False) -> Gradients:
    """Of the losses [s] of all runs; zero for a parameter that they do not depend on."""
    return torch.autograd.grad(
        losses.sum(),
        parameters,
        create_graph=create,
        retain_graph=create or retain,
        allow_unused=True,
        materialize_grads=True,
    )


def _sum(one: Sequence[Tensor], other: Sequence[Tensor]) -> Gradients:
    return tuple(a + b for a, b in zip(one, other, strict=True))
