"""The games of a pack: the loss of each player on a batch, with all regularisers, and the gradients of both.

Samples have shape [s, n, ...] and losses [s], for the s runs of the pack.
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

from bench.catalogue import find, is_added, named
from bench.catalogue.consistency import Judged
from bench.catalogue.losses import GanLoss
from bench.catalogue.penalties import Penalty
from bench.compute.training.players import mixes_samples
from bench.compute.training.regularisers import Batch, critic_term, move_latents, named_penalty, shown_to_critic
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import VECTOR, Stack
from bench.plan.specification import Choice, Training

Gradients = tuple[Tensor, ...]
LossFunction = Callable[[Tensor, Tensor], Tensor]


class CriticTerms(NamedTuple):
    """The critics' losses on one batch.

    Attributes:
        total: The loss with all penalties, [s].
        penalties: Each weighted penalty, [s]; NaN if this update does not include it.
        real: The real samples as the critics saw them, [s, n, *shape].
        fake: The generated samples as the critics saw them, [s, n, *shape].
        real_logits: The critics' output on the real samples, [s, n].
        fake_logits: The critics' output on the generated samples, [s, n].
    """

    total: Tensor
    penalties: tuple[Tensor, ...]
    real: Tensor
    fake: Tensor
    real_logits: Tensor
    fake_logits: Tensor


class Game:
    """The losses of the players of s runs.

    Args:
        trainings: The training settings of each run. They may differ only in the loss and in the weights of penalties.
        generator: The generators, [s, n, latent] → [s, n, *shape].
        critic: The critics, [s, n, *shape] → logits [s, n].
        device: The device of the players.
    """

    def __init__(self, trainings: Sequence[Training], generator: Stack, critic: Stack, device: torch.device):
        self.trainings, self.training, self.generator, self.critic = list(trainings), trainings[0], generator, critic
        losses = [_named_loss(training.loss.name) for training in trainings]
        self._losses: list[tuple[GanLoss, int]] = [(loss, len(list(group))) for loss, group in groupby(losses)]
        self._needs_real = losses[0].generator_needs_real
        entries: list[tuple[int, Choice, Penalty]] = [
            (index, choice, named_penalty(choice.name)) for index, choice in enumerate(self.training.penalty)
        ]

        def weights(index: int) -> Tensor:
            values = [training.penalty[index].options.weight for training in trainings]  # type: ignore[attr-defined]
            return torch.tensor(values, dtype=generator.parameters[0].dtype, device=device)

        self._terms = [
            (choice.options, entry, weights(index)) for index, choice, entry in entries if entry.in_critic_loss
        ]
        self._joint = [(entry.joint, weights(index)) for index, _, entry in entries if entry.joint]
        self._inputs = [(choice.options, entry) for _, choice, entry in entries if entry.perturb or entry.augment]
        self._latent = [(choice.options, entry.latent) for _, choice, entry in entries if entry.latent]
        self._projections = [partial(entry.project, choice.options) for _, choice, entry in entries if entry.project]
        self.penalty_names = [choice.name for _, choice, entry in entries if entry.in_critic_loss]
        # with batch normalisation, a batch must not mix real and generated samples
        self._separate = mixes_samples(critic.networks[0])
        bf16 = self.training.precision == "bf16"
        self._autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=bf16)

    def critic_gradients(self, sampler: BatchSampler, update: int) -> tuple[CriticTerms, Gradients]:
        """Return the critics' losses on a fresh batch and their gradients, without a graph through the generators."""
        if self._joint:
            terms, _, gradients = self.field(sampler, update)
            return terms, gradients[: len(self.critic.parameters)]
        real = sampler.real_samples()
        with torch.no_grad():
            fake = self.generate(sampler).detach()  # a view of a parameter keeps its graph even under no_grad
        terms = self.critic_terms(real, fake, sampler, update)
        return terms, _gradients(terms.total, self.critic.parameters)

    def generator_gradients(self, sampler: BatchSampler, update: int) -> tuple[Tensor, Gradients]:
        """Return the generators' losses on fresh latents and their gradients, without gradients of the critics."""
        if self._joint:
            _, loss, gradients = self.field(sampler, update)
            return loss.detach(), gradients[len(self.critic.parameters) :]
        loss = self.generator_loss(self.generate(sampler), None, sampler, update)
        return loss.detach(), _gradients(loss, self.generator.parameters)

    def generate(self, sampler: BatchSampler) -> Tensor:
        """Generate samples from fresh latents, [s, n, *shape]."""
        latents = sampler.latents()
        with self._autocast():
            samples = self.generator(latents)
            self._moved = move_latents(self._latent, self.generator, latents, sampler)
        return samples.to(sampler.dtype)

    def critic_terms(self, real: Tensor, fake: Tensor, sampler: BatchSampler, update: int) -> CriticTerms:
        """Return the critics' losses on samples [s, n, *shape] in update number ``update``, counted from 0."""
        real, fake = self._perturb(real, sampler, update, real=True), self._perturb(fake, sampler, update)
        with self._autocast():
            if self._separate:
                real_logits, fake_logits = self.critic(real), self.critic(fake)
            else:
                real_logits, fake_logits = self.critic(torch.cat([real, fake], dim=1)).chunk(2, dim=1)
        real_logits, fake_logits = real_logits.to(sampler.dtype), fake_logits.to(sampler.dtype)
        total = self._sample_losses([loss.critic for loss, _ in self._losses], real_logits, fake_logits).mean(dim=1)
        moved = {latent: self._perturb(self._moved[latent], sampler, update) for _, latent in self._latent}
        batch, penalties = Batch(Judged(real, real_logits), Judged(fake, fake_logits), moved), []
        for options, entry, weight in self._terms:
            if update % options.every:  # type: ignore[attr-defined]
                penalties.append(torch.full_like(total, math.nan))
                continue
            with self._autocast():
                term = critic_term(entry, options, self.critic, batch, sampler).to(sampler.dtype)
            weighted = weight * term.mean(dim=1)
            total = total + (weighted if options.every == 1 else options.every * weighted)  # type: ignore[attr-defined]
            penalties.append(weighted.detach())
        return CriticTerms(total, tuple(penalties), real, fake.detach(), real_logits.detach(), fake_logits.detach())

    def generator_loss(self, fake: Tensor, real: Tensor | None, sampler: BatchSampler, update: int) -> Tensor:
        """Return the generators' losses on generated samples, [s], with a graph.

        Args:
            fake: The generated samples, [s, n, *shape].
            real: The real samples for losses that need the critics' output on them, [s, n, *shape]. If None, they are
                drawn, and their logits have no graph because they do not depend on the generators.
            sampler: Draws real samples and noise.
            update: The number of the critics' update, counted from 0.
        """
        with self._autocast():
            fake_logits = self.critic(self._perturb(fake, sampler, update))
            if not self._needs_real:
                real_logits = fake_logits.new_empty(len(fake), 0)
            elif real is not None:
                real_logits = self.critic(self._perturb(real, sampler, update, real=True))
            else:
                with torch.no_grad():
                    real = sampler.real_samples("generator data")
                    real_logits = self.critic(self._perturb(real, sampler, update, real=True))
        real_logits, fake_logits = real_logits.to(sampler.dtype), fake_logits.to(sampler.dtype)
        total = self._sample_losses([loss.generator for loss, _ in self._losses], real_logits, fake_logits).mean(dim=1)
        for options, latent in self._latent:
            total = total + latent.generator(options, fake, self._moved[latent]).mean(dim=1)
        return total

    def field(
        self, sampler: BatchSampler, update: int, *, create_graph: bool = False
    ) -> tuple[CriticTerms, Tensor, Gradients]:
        """Return both losses on one batch and each player's gradient of its own loss, the critics' parameters first.

        The gradients include regularisers that both players minimise. With ``create_graph`` they can be differentiated
        with respect to the parameters of both players.
        """
        real, fake = sampler.real_samples(), self.generate(sampler)
        terms = self.critic_terms(real, fake, sampler, update)
        loss = self.generator_loss(fake, real, sampler, update)
        create = create_graph or bool(self._joint)
        critic_parameters, generator_parameters = self.critic.parameters, self.generator.parameters
        critic = _gradients(terms.total, critic_parameters, create=create, retain=True)
        generator = _gradients(loss, generator_parameters, create=create)
        for joint, weight in self._joint:
            value = weight * joint(critic, generator)
            extra = _gradients(value, [*critic_parameters, *generator_parameters], create=create_graph)
            critic = _sum(critic, extra[: len(critic)])
            generator = _sum(generator, extra[-len(generator) :])
        return terms, loss, (*critic, *generator)

    def project(self) -> None:
        """Apply the regularisers that change the critics' parameters after an update, such as weight clipping."""
        with torch.no_grad():
            for project in self._projections:
                project(self.critic.parameters)

    def _sample_losses(self, functions: Sequence[LossFunction], real: Tensor, fake: Tensor) -> Tensor:
        """Apply the loss of each run to its logits, [s, n]; adjacent runs with the same loss share one evaluation."""
        counts = [count for _, count in self._losses]
        vectorised = fake.device.type != "cpu" or fake.shape[1] % VECTOR == 0  # otherwise the bits would differ
        losses = []
        for function, reals, fakes in zip(functions, real.split(counts), fake.split(counts), strict=True):
            if vectorised and len(fakes) > 1:
                losses.append(vmap(function)(reals, fakes))
            else:
                losses += [function(*logits).unsqueeze(0) for logits in zip(reals, fakes, strict=True)]
        return losses[0] if len(losses) == 1 else torch.cat(losses)

    def _perturb(self, samples: Tensor, sampler: BatchSampler, update: int, *, real: bool = False) -> Tensor:
        progress = min(1.0, update / (self.training.steps * self.training.critic_steps))
        return shown_to_critic(samples, self._inputs, sampler, progress, real=real)


def _named_loss(name: str) -> GanLoss:
    """Return a loss whose errors name it, if another package provides it."""
    loss: GanLoss = find("loss", name)
    if not is_added("loss", name):
        return loss
    critic, generator = named("loss", name, loss.critic, "critic"), named("loss", name, loss.generator, "generator")
    return loss._replace(critic=critic, generator=generator)


def _gradients(losses: Tensor, parameters: Sequence[Tensor], create: bool = False, retain: bool = False) -> Gradients:
    """Return the gradients of the losses [s]; zero for parameters that the losses do not depend on."""
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
