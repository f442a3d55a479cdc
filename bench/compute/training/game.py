"""The games of a pack: the loss of each player on a batch, with all regularisers, and the gradients of both.

Samples have shape [s, n, ...] and losses [s], for the s runs of the pack.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from bench.catalogue.consistency import Judged
from bench.compute.training.annealing import PenaltyWeights
from bench.compute.training.conditioning import conditioned, real_batch
from bench.compute.training.critic_terms import CriticTerms
from bench.compute.training.descent import Descent
from bench.compute.training.gradients import Gradients, field_of, gradients_of
from bench.compute.training.layer_noise import with_noise
from bench.compute.training.pack_losses import PackLosses, highest
from bench.compute.training.packing_degree import joined
from bench.compute.training.players import mixes_samples
from bench.compute.training.regularisers import Batch, chosen_penalty, critic_term, move_latents, shown_to_critic
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack
from bench.compute.training.unrolling import UnrolledCritic
from bench.plan.specification import Training

Critic = Callable[[Tensor], Tensor]


class Game:
    """The losses of the players of s runs.

    Args:
        trainings: The training settings of each run. They may differ as ``bench.plan.grouping.pack_key`` says.
        generator: The generators, [s, n, latent] → [s, n, *shape].
        critic: The critics, [s, n, *shape] → logits [s, n].
        device: The device of the players.
        critic_descent: The optimisers of the critics; only unrolling needs them.
    """

    loss_names = ("critic loss", "generator loss")

    def __init__(
        self,
        trainings: Sequence[Training],
        generator: Stack,
        critic: Stack,
        device: torch.device,
        critic_descent: Descent | None = None,
    ):
        self.trainings, self.training, self.generator, self.critic = list(trainings), trainings[0], generator, critic
        self._losses = PackLosses([training.loss for training in trainings])
        self._critic_descent = critic_descent
        penalties = enumerate(self.training.penalty)
        entries = [(index, choice, chosen_penalty(choice)) for index, choice in penalties]

        def weights(index: int) -> PenaltyWeights:
            options = [training.penalty[index].options for training in trainings]
            return PenaltyWeights(options, generator.parameters[0].dtype, device)

        self._terms = [
            (choice.options, entry, weights(index)) for index, choice, entry in entries if entry.in_critic_loss
        ]
        self._joint = [(entry.joint, weights(index)) for index, _, entry in entries if entry.joint]
        self._inputs = [(choice.options, entry) for _, choice, entry in entries if entry.perturb or entry.augment]
        self._latent = [(choice.options, entry.latent) for _, choice, entry in entries if entry.latent]
        self._projections = [partial(entry.project, choice.options) for _, choice, entry in entries if entry.project]
        self.penalty_names = [choice.name for _, choice, entry in entries if entry.in_critic_loss]
        # a critic that judges a sample by its batch must not see real and generated samples in one batch
        self._separate = mixes_samples(critic.networks[0])
        self._autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=self.training.precision == "bf16")

    def critic_gradients(self, sampler: BatchSampler, update: int) -> tuple[CriticTerms, Gradients]:
        """Return the critics' losses on a fresh batch and their gradients, without a graph through the generators."""
        if self._joint:
            terms, _, gradients = self.field(sampler, update)
            return terms, gradients[: len(self.critic.parameters)]
        real, labels = real_batch(sampler)
        with torch.no_grad():
            fake = self.generate(sampler, labels).detach()  # a view of a parameter keeps its graph even under no_grad
        terms = self.critic_terms(real, fake, sampler, update, labels)
        return terms, gradients_of(terms.total, self.critic.parameters)

    def generator_gradients(self, sampler: BatchSampler, update: int) -> tuple[Tensor, Gradients]:
        """Return the generators' losses on fresh latents and their gradients, without gradients of the critics."""
        if self._joint:
            _, loss, gradients = self.field(sampler, update)
            return loss.detach(), gradients[len(self.critic.parameters) :]
        real, labels = None, sampler.labels() if sampler.conditional else None
        if self.training.unroll or self._losses.needs_real:
            real, labels = real_batch(sampler, "generator data")
        fake = self.generate(sampler, labels)
        if real is not None and self.training.unroll:
            loss = self._unrolled_loss(fake, real, sampler, update, labels)
        else:
            loss = self.generator_loss(fake, real, sampler, update, labels, real_graph=False)
        self._moved.clear()  # their graph would live until the next step
        return loss.detach(), gradients_of(loss, self.generator.parameters)

    def generate(self, sampler: BatchSampler, labels: Tensor | None = None) -> Tensor:
        """Generate samples from fresh latents, [s, n, *shape], with labels [s, n, k] if the runs are conditional."""
        return self.generate_from(sampler.latents(), sampler, labels)

    def generate_from(self, latents: Tensor, sampler: BatchSampler, labels: Tensor | None = None) -> Tensor:
        """Generate samples from given latents, or translate sources, [s, n, ...] → [s, n, *shape]."""
        generator = conditioned(with_noise(self.generator, sampler), labels)
        with self._autocast():
            samples = generator(latents)
            self._moved = move_latents(self._latent, generator, latents, sampler)
        return samples.to(sampler.dtype)

    def critic_terms(
        self, real: Tensor, fake: Tensor, sampler: BatchSampler, update: int, labels: Tensor | None = None
    ) -> CriticTerms:
        """Return the critics' losses on samples [s, n, *shape] in update number ``update``, counted from 0."""
        real, fake = self._shown(real, sampler, update, real=True), self._shown(fake, sampler, update)
        return self._critic_terms(self.critic, real, fake, sampler, update, labels)

    def _critic_terms(
        self,
        critic: Critic,
        real: Tensor,
        fake: Tensor,
        sampler: BatchSampler,
        update: int,
        labels: Tensor | None = None,
    ) -> CriticTerms:
        """Return the losses of some critics on samples as the critics see them."""
        critic = conditioned(critic, labels, self.training.pac)
        with self._autocast():
            if self._separate:
                real_logits, fake_logits = critic(real), critic(fake)
            else:
                real_logits, fake_logits = critic(torch.cat([real, fake], dim=1)).chunk(2, dim=1)
        real_logits, fake_logits = real_logits.to(sampler.dtype), fake_logits.to(sampler.dtype)
        total = self._losses.critic(real_logits, fake_logits)
        moved = {latent: self._shown(self._moved[latent], sampler, update) for _, latent in self._latent}
        batch, penalties = Batch(Judged(real, real_logits), Judged(fake, fake_logits), moved), []
        for options, entry, weights in self._terms:
            if update % options.every:  # type: ignore[attr-defined]
                penalties.append(torch.full_like(total, math.nan))
                continue
            with self._autocast():
                term = critic_term(entry, options, critic, batch, sampler).to(sampler.dtype)
            weighted = weights.drawn(sampler, partial(self._progress, update)) * term.mean(dim=1)
            total = total + (weighted if options.every == 1 else options.every * weighted)  # type: ignore[attr-defined]
            penalties.append(weighted.detach())
        logits = real_logits.detach(), fake_logits.detach()
        return CriticTerms(total, tuple(penalties), real, fake.detach(), *logits, labels)

    def generator_loss(
        self,
        fake: Tensor,
        real: Tensor | None,
        sampler: BatchSampler,
        update: int,
        labels: Tensor | None = None,
        *,
        real_graph: bool = True,
    ) -> Tensor:
        """Return the generators' losses on generated samples, [s], with a graph.

        Args:
            fake: The generated samples, [s, n, *shape].
            real: The real samples for losses that need the critics' output on them, [s, n, *shape]; otherwise ignored.
            sampler: Draws real samples and noise.
            update: The number of the critics' update, counted from 0.
            labels: The labels of both, [s, n, k], if the runs are conditional.
            real_graph: Whether the logits of real samples have a graph. They do not depend on the generators.
        """
        critic = conditioned(self.critic, labels, self.training.pac)
        with self._autocast():
            fake_logits = critic(self._shown(fake, sampler, update))
            real_logits = fake_logits.new_empty(len(fake), 0)
            if self._losses.needs_real and real is not None:
                with torch.set_grad_enabled(real_graph):
                    real_logits = critic(self._shown(real, sampler, update, real=True))
        return self._generator_losses(fake, real_logits.to(sampler.dtype), fake_logits.to(sampler.dtype), update)

    def _unrolled_loss(
        self, fake: Tensor, real: Tensor, sampler: BatchSampler, update: int, labels: Tensor | None
    ) -> Tensor:
        """Return the generators' losses at the critics after ``unroll`` further steps, [s], with a graph through them.

        All steps and the loss itself use one batch, as in the authors' code: the generated samples, and real samples
        drawn for the generators. The steps include the penalties and the projections of the critics' updates.

        Source: Metz et al. 2017, section 2.2.
        """
        assert self._critic_descent is not None
        shown, real = self._shown(fake, sampler, update), self._shown(real, sampler, update, real=True)
        critic = UnrolledCritic(self.critic, self._critic_descent)
        first = update + (self.training.updates == "alternating")  # the next update of the critics
        for later in range(first, first + self.training.unroll):
            critic.descend(self._critic_terms(critic, real, shown, sampler, later, labels).total)
            critic.project(self._projections)
        judge = conditioned(critic, labels, self.training.pac)
        with self._autocast():
            fake_logits = judge(shown)
            real_logits = judge(real) if self._losses.needs_real else fake_logits.new_empty(len(fake), 0)
        return self._generator_losses(fake, real_logits.to(sampler.dtype), fake_logits.to(sampler.dtype), update)

    def _generator_losses(self, samples: Tensor, real: Tensor, fake: Tensor, update: int) -> Tensor:
        """Return the generators' losses [s] on logits, of all generated samples or of the top k, with latent terms."""
        top_k, n = self.training.top_k, fake.shape[1]
        k = n if top_k is None else top_k.count(n, update // self.training.critic_steps)
        losses = self._losses.generator(*(highest(real, fake, k) if k < n else (real, fake)))
        for options, latent in self._latent:
            losses = losses + latent.generator(options, samples, self._moved[latent]).mean(dim=1)
        return losses

    def field(
        self, sampler: BatchSampler, update: int, *, create_graph: bool = False
    ) -> tuple[CriticTerms, Tensor, Gradients]:
        """Return both losses on one batch and each player's gradient of its own loss, the critics' parameters first.

        The gradients include regularisers that both players minimise. With ``create_graph`` they can be differentiated
        with respect to the parameters of both players.
        """
        real, labels = real_batch(sampler)
        fake = self.generate(sampler, labels)
        terms = self.critic_terms(real, fake, sampler, update, labels)
        loss = self.generator_loss(fake, real, sampler, update, labels)
        return terms, loss, self._field_of(terms, loss, sampler, update, create_graph)

    def _field_of(
        self, terms: CriticTerms, loss: Tensor, sampler: BatchSampler, update: int, create_graph: bool
    ) -> Gradients:
        joint = [(term, weights.drawn(sampler, partial(self._progress, update))) for term, weights in self._joint]
        losses, players = (terms.total, loss), (self.critic.parameters, self.generator.parameters)
        return field_of(losses, players, joint, create_graph)

    def project(self) -> None:
        """Apply the regularisers that change the critics' parameters after an update, such as weight clipping."""
        with torch.no_grad():
            for project in self._projections:
                project(self.critic.parameters)

    def _shown(self, samples: Tensor, sampler: BatchSampler, update: int, *, real: bool = False) -> Tensor:
        """Return samples as the critics see them: regularised, then joined if they are judged together."""
        shown = shown_to_critic(samples, self._inputs, sampler, self._progress(update), real=real)
        return joined(shown, self.training.pac)

    def _progress(self, update: int, later: int = 0) -> float:
        steps = self.training.critic_steps
        return min(1.0, (update + later * steps) / (self.training.steps * steps))
