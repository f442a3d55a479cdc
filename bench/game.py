"""The game of a run: what each player minimises on a batch, regularisers and all, and the gradients of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.batches import Batches
from bench.catalogue import find
from bench.penalties import Penalty
from bench.players import mixes_samples
from bench.specification import Choice, Training

Gradients = tuple[Tensor, ...]


class CriticTerms(NamedTuple):
    """The critic's loss on one batch.

    Attributes:
        total: All of it.
        penalties: The weighted penalties in it, one scalar each; NaN where it is not due in this update.
        real: What the critic was shown of real samples, [n, *shape].
        fake: What it was shown of generated ones.
        real_logits: Its output on the first, [n].
        fake_logits: Its output on the second, [n].
    """

    total: Tensor
    penalties: tuple[Tensor, ...]
    real: Tensor
    fake: Tensor
    real_logits: Tensor
    fake_logits: Tensor


class Game:
    """The losses of two networks under one specification.

    Args:
        training: What is specified.
        generator: [n, latent] → [n, *shape].
        critic: [n, *shape] → logits [n].
        device: Where they are.
    """

    def __init__(self, training: Training, generator: nn.Module, critic: nn.Module, device: torch.device):
        self.training, self.generator, self.critic = training, generator, critic
        self._loss = find("loss", training.loss.name)
        entries: list[tuple[Choice, Penalty]] = [(each, find("penalty", each.name)) for each in training.penalty]
        self._terms = [(each, entry) for each, entry in entries if entry.term]
        self._perturb = [partial(entry.perturb, each.options) for each, entry in entries if entry.perturb]
        self._project = [partial(entry.project, each.options) for each, entry in entries if entry.project]
        self._joint = [(each, entry.joint) for each, entry in entries if entry.joint]
        self.penalty_names = [each.name for each, _ in self._terms]
        self.parameters_of_generator = list(generator.parameters())
        self.parameters_of_critic = list(critic.parameters())
        self._separate = mixes_samples(critic)  # batch normalisation must not see real and generated samples together
        bf16 = training.precision == "bf16"
        self._autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=bf16)

    def critic_gradients(self, batches: Batches, update: int) -> tuple[CriticTerms, Gradients]:
        """The critic's loss on a fresh batch, and its gradient; the generator's graph is not built."""
        if self._joint:
            terms, _, gradients = self.field(batches, update)
            return terms, gradients[: len(self.parameters_of_critic)]
        real = batches.reals()
        with torch.no_grad():
            fake = self.generate(batches).detach()  # a view of a parameter keeps its graph all the same
        terms = self.critic_terms(real, fake, batches, update)
        return terms, torch.autograd.grad(terms.total, self.parameters_of_critic)

    def generator_gradients(self, batches: Batches, update: int) -> tuple[Tensor, Gradients]:
        """The generator's loss on fresh latents, and its gradient."""
        if self._joint:
            _, loss, gradients = self.field(batches, update)
            return loss.detach(), gradients[len(self.parameters_of_critic) :]
        loss = self.generator_loss(self.generate(batches), None, batches, update)
        return loss.detach(), torch.autograd.grad(loss, self.parameters_of_generator)

    def generate(self, batches: Batches) -> Tensor:
        """Generated samples of fresh latents, [n, *shape]."""
        with self._autocast():
            samples: Tensor = self.generator(batches.latents())
        return samples.to(batches.dtype)

    def critic_terms(self, real: Tensor, fake: Tensor, batches: Batches, update: int) -> CriticTerms:
        """The critic's loss on real and generated samples [n, *shape] in its ``update``-th update, counted from 0."""
        real, fake = self._shown(real, batches, update), self._shown(fake, batches, update)
        with self._autocast():
            if self._separate:
                real_logits, fake_logits = self.critic(real), self.critic(fake)
            else:
                real_logits, fake_logits = self.critic(torch.cat([real, fake])).chunk(2)
        real_logits, fake_logits = real_logits.to(batches.dtype), fake_logits.to(batches.dtype)
        total = self._loss.critic(real_logits, fake_logits).mean()
        penalties = []
        for choice, entry in self._terms:
            options = choice.options
            if update % options.every:  # type: ignore[attr-defined]
                penalties.append(total.new_full((), math.nan))
                continue
            uniform = batches.uniform(entry.uniforms(real[0].numel()))
            with self._autocast():
                term = entry.term(self.critic, real, fake, uniform).to(batches.dtype).mean()  # type: ignore[misc]
            weighted = options.weight * term  # type: ignore[attr-defined]
            total = total + (weighted if options.every == 1 else options.every * weighted)  # type: ignore[attr-defined]
            penalties.append(weighted.detach())
        return CriticTerms(total, tuple(penalties), real, fake.detach(), real_logits.detach(), fake_logits.detach())

    def generator_loss(self, fake: Tensor, real: Tensor | None, batches: Batches, update: int) -> Tensor:
        """The generator's loss on generated samples, with a graph.

        ``real`` are the samples of a loss that compares with their logits; None draws them, and gives these logits no
        graph: they do not depend on the generator.
        """
        with self._autocast():
            fake_logits = self.critic(self._shown(fake, batches, update))
            if not self._loss.generator_needs_real:
                real_logits = fake_logits.new_empty(0)
            elif real is not None:
                real_logits = self.critic(self._shown(real, batches, update))
            else:
                with torch.no_grad():
                    real_logits = self.critic(self._shown(batches.reals("generator data"), batches, update))
        return self._loss.generator(real_logits.to(batches.dtype), fake_logits.to(batches.dtype)).mean()

    def field(self, batches: Batches, update: int, *, graph: bool = False) -> tuple[CriticTerms, Tensor, Gradients]:
        """Both losses on one batch, and the gradient of each player's own, the critic's parameters first.

        Terms that both players descend are in the gradients. With ``graph`` these can be differentiated again, by both
        players' parameters.
        """
        real, fake = batches.reals(), self.generate(batches)
        terms = self.critic_terms(real, fake, batches, update)
        loss = self.generator_loss(fake, real, batches, update)
        create = graph or bool(self._joint)
        critic = torch.autograd.grad(terms.total, self.parameters_of_critic, create_graph=create, retain_graph=True)
        generator = torch.autograd.grad(loss, self.parameters_of_generator, create_graph=create)
        for choice, joint in self._joint:
            everything = [*self.parameters_of_critic, *self.parameters_of_generator]
            value = choice.options.weight * joint(critic, generator)  # type: ignore[attr-defined]
            extra = torch.autograd.grad(
                value, everything, create_graph=graph, allow_unused=True, materialize_grads=True
            )
            critic = _sum(critic, extra[: len(critic)])
            generator = _sum(generator, extra[-len(generator) :])
        return terms, loss, (*critic, *generator)

    def project(self) -> None:
        """What changes the critic's parameters after each of its updates."""
        with torch.no_grad():
            for project in self._project:
                project(self.parameters_of_critic)

    def _shown(self, samples: Tensor, batches: Batches, update: int) -> Tensor:
        done = update / (self.training.steps * self.training.critic_steps)
        for perturb in self._perturb:
            samples = perturb(samples, batches.normal(samples), done)
        return samples


def _sum(one: Sequence[Tensor], other: Sequence[Tensor]) -> Gradients:
    return tuple(a + b for a, b in zip(one, other, strict=True))
