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
from bench.catalogue.losses import GanLoss
from bench.catalogue.penalties import Penalty
from bench.compute.training.annealing import PenaltyWeights
from bench.compute.training.players import mixes_samples
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
            (index, choice, _named_penalty(choice.name)) for index, choice in enumerate(self.training.penalty)
        ]

        def weights(index: int) -> PenaltyWeights:
            options = [training.penalty[index].options for training in trainings]
            return PenaltyWeights(options, generator.parameters[0].dtype, device)

        self._terms = [(choice.options, entry, weights(index)) for index, choice, entry in entries if entry.term]
        self._joint = [(entry.joint, weights(index)) for index, _, entry in entries if entry.joint]
        self._perturbations = [partial(entry.perturb, choice.options) for _, choice, entry in entries if entry.perturb]
        self._projections = [partial(entry.project, choice.options) for _, choice, entry in entries if entry.project]
        self.penalty_names = [choice.name for _, choice, entry in entries if entry.term]
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
        with self._autocast():
            samples = self.generator(sampler.latents())
        return samples.to(sampler.dtype)

    def critic_terms(self, real: Tensor, fake: Tensor, sampler: BatchSampler, update: int) -> CriticTerms:
        """Return the critics' losses on samples [s, n, *shape] in update number ``update``, counted from 0."""
        real, fake = self._perturb(real, sampler, update), self._perturb(fake, sampler, update)
        with self._autocast():
            if self._separate:
                real_logits, fake_logits = self.critic(real), self.critic(fake)
            else:
                real_logits, fake_logits = self.critic(torch.cat([real, fake], dim=1)).chunk(2, dim=1)
        real_logits, fake_logits = real_logits.to(sampler.dtype), fake_logits.to(sampler.dtype)
        total = self._sample_losses([loss.critic for loss, _ in self._losses], real_logits, fake_logits).mean(dim=1)
        penalties = []
        for options, entry, weights in self._terms:
            if update % options.every:  # type: ignore[attr-defined]
                penalties.append(torch.full_like(total, math.nan))
                continue
            uniform = sampler.uniform(entry.uniforms(real[0, 0].numel()))
            with self._autocast():
                term = entry.term(self.critic, real, fake, uniform).to(sampler.dtype)  # type: ignore[misc]
            weighted = weights.at(self._progress(update)) * term.mean(dim=1)
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
                real_logits = self.critic(self._perturb(real, sampler, update))
            else:
                with torch.no_grad():
                    real_logits = self.critic(self._perturb(sampler.real_samples("generator data"), sampler, update))
        real_logits, fake_logits = real_logits.to(sampler.dtype), fake_logits.to(sampler.dtype)
        return self._sample_losses([loss.generator for loss, _ in self._losses], real_logits, fake_logits).mean(dim=1)

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
        for joint, weights in self._joint:
            value = weights.at(self._progress(update)) * joint(critic, generator)
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

    def _perturb(self, samples: Tensor, sampler: BatchSampler, update: int) -> Tensor:
        for perturb in self._perturbations:
            samples = perturb(samples, sampler.normal(samples), self._progress(update))
        return samples

    def _progress(self, update: int) -> float:
        return min(1.0, update / (self.training.steps * self.training.critic_steps))


def _named_loss(name: str) -> GanLoss:
    """Return a loss whose errors name it, if another package provides it."""
    loss: GanLoss = find("loss", name)
    if not is_added("loss", name):
        return loss
    critic, generator = named("loss", name, loss.critic, "critic"), named("loss", name, loss.generator, "generator")
    return loss._replace(critic=critic, generator=generator)


def _named_penalty(name: str) -> Penalty:
    """Return a penalty whose errors name it, if another package provides it."""
    entry: Penalty = find("penalty", name)
    if not is_added("penalty", name):
        return entry
    return entry._replace(
        term=entry.term and named("penalty", name, entry.term, "term"),
        perturb=entry.perturb and named("penalty", name, entry.perturb, "perturb"),
        project=entry.project and named("penalty", name, entry.project, "project"),
        joint=entry.joint and named("penalty", name, entry.joint, "joint"),
    )


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
