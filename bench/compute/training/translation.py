"""The games of translators: the adversarial losses of one or both directions, with cycle, identity and L1 terms.

Each direction is a game of its own, so every loss and regulariser applies to each critic on its own side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bench.compute.training.conditioning import real_batch
from bench.compute.training.critic_terms import CriticTerms
from bench.compute.training.descent import Descent
from bench.compute.training.game import Game
from bench.compute.training.gradients import Gradients, gradients_of
from bench.compute.training.parts import TwoWayStack, paired
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.stack import Stack
from bench.plan.specification import Training


class Exchange(NamedTuple):
    """A batch of both sides, [s, n, *shape] each.

    Attributes:
        sources: The sources.
        samples: Real samples: their answers, or without pairs any others.
    """

    sources: Tensor
    samples: Tensor


class TranslationGame(Game):
    """The losses of translators and their critics. The arguments are those of ``Game``.

    The loss of a player is the sum over the directions. Of the critics, only the first is observed by probes.
    """

    def __init__(
        self,
        trainings: Sequence[Training],
        generator: Stack,
        critic: Stack,
        device: torch.device,
        critic_descent: Descent | None = None,
    ):
        super().__init__(trainings, generator, critic, device, critic_descent)
        self._sides = [(generator, critic)]
        if isinstance(generator, TwoWayStack) and isinstance(critic, TwoWayStack):
            self._sides = [(generator.onward, critic.onward), (generator.back, critic.back)]
        self._games = [Game(trainings, *side, device) for side in self._sides]

    def critic_gradients(self, sampler: BatchSampler, update: int) -> tuple[CriticTerms, Gradients]:
        """Return the critics' losses on a fresh batch and their gradients, without a graph through the translators."""
        if self._joint:
            terms, _, gradients = self.field(sampler, update)
            return terms, gradients[: len(self.critic.parameters)]
        batch = self._exchange(sampler, "data", "sources")
        with torch.no_grad():
            fakes = [fake.detach() for fake in self._translate(batch, sampler)]
        terms = self._terms_of(batch, fakes, sampler, update)
        return terms, gradients_of(terms.total, self.critic.parameters)

    def generator_gradients(self, sampler: BatchSampler, update: int) -> tuple[Tensor, Gradients]:
        """Return the translators' losses on a fresh batch and their gradients, without gradients of the critics."""
        if self._joint:
            _, loss, gradients = self.field(sampler, update)
            return loss.detach(), gradients[len(self.critic.parameters) :]
        batch = self._exchange(sampler, "generator data", "generator sources")
        loss = self._loss_of(batch, self._translate(batch, sampler), sampler, update, real_graph=False)
        for game in self._games:
            game._moved.clear()  # their graph would live until the next step
        return loss.detach(), gradients_of(loss, self.generator.parameters)

    def field(
        self, sampler: BatchSampler, update: int, *, create_graph: bool = False
    ) -> tuple[CriticTerms, Tensor, Gradients]:
        """Return both losses on one batch and each player's gradient, as ``Game.field`` does."""
        batch = self._exchange(sampler, "data", "sources")
        fakes = self._translate(batch, sampler)
        terms = self._terms_of(batch, fakes, sampler, update)
        loss = self._loss_of(batch, fakes, sampler, update, real_graph=True)
        return terms, loss, self._field_of(terms, loss, sampler, update, create_graph)

    def _exchange(self, sampler: BatchSampler, samples: str, sources: str) -> Exchange:
        """Draw a batch from the streams of samples and of sources; pairs from the former alone."""
        real = sampler.real_samples(samples)
        return Exchange(sampler.sources(sources) if len(self._games) > 1 else sampler.real_sources(samples), real)

    def _translate(self, batch: Exchange, sampler: BatchSampler) -> list[Tensor]:
        """Return what each critic sees of the translations of its side."""
        return [game.generate_from(given, sampler) for game, given in zip(self._games, batch, strict=False)]

    def _real(self, batch: Exchange) -> list[Tensor]:
        """Return what each critic sees of the real samples of its side."""
        return [batch.samples, batch.sources] if len(self._games) > 1 else [paired(*batch)]

    def _terms_of(self, batch: Exchange, fakes: list[Tensor], sampler: BatchSampler, update: int) -> CriticTerms:
        sides = zip(self._games, self._real(batch), fakes, strict=True)
        terms = [game.critic_terms(real, fake, sampler, update) for game, real, fake in sides]
        penalties = tuple(
            torch.stack(each).sum(dim=0) for each in zip(*(side.penalties for side in terms), strict=True)
        )
        return terms[0]._replace(total=torch.stack([side.total for side in terms]).sum(dim=0), penalties=penalties)

    def _loss_of(
        self, batch: Exchange, fakes: list[Tensor], sampler: BatchSampler, update: int, *, real_graph: bool
    ) -> Tensor:
        sides = zip(self._games, self._real(batch), fakes, strict=True)
        losses = [game.generator_loss(fake, real, sampler, update, real_graph=real_graph) for game, real, fake in sides]
        weight: float = self.training.family.options.adversarial  # type: ignore[attr-defined]
        losses = [weight * loss for loss in losses]
        return torch.stack([*losses, self._further_terms(batch, fakes, sampler)]).sum(dim=0)

    def _further_terms(self, batch: Exchange, fakes: list[Tensor], sampler: BatchSampler) -> Tensor:
        """Return the terms of the translators' losses without a critic, [s]."""
        options = self.training.family.options
        if len(self._games) == 1:
            return options.l1 * absolute_error(fakes[0].chunk(2, dim=2)[1], batch.samples)  # type: ignore[attr-defined]
        (onward, _), (back, _) = self._sides
        cycle, identity = options.cycle, options.cycle * options.identity  # type: ignore[attr-defined]
        terms: list[Tensor] = []
        with self._autocast():
            if cycle:
                pairs = (back(fakes[0]), batch.sources), (onward(fakes[1]), batch.samples)
                terms += [cycle * absolute_error(each.to(sampler.dtype), wanted) for each, wanted in pairs]
            if identity:
                pairs = (onward(batch.samples), batch.samples), (back(batch.sources), batch.sources)
                terms += [identity * absolute_error(each.to(sampler.dtype), wanted) for each, wanted in pairs]
        return torch.stack(terms).sum(dim=0) if terms else fakes[0].new_zeros(len(fakes[0]))


def absolute_error(one: Tensor, other: Tensor) -> Tensor:
    """Return the mean of |a − b| over all numbers of a batch [s, n, ...], [s]."""
    return (one - other).abs().flatten(2).mean(dim=2).mean(dim=1)


def game_of(
    trainings: Sequence[Training],
    generator: Stack,
    critic: Stack,
    device: torch.device,
    critic_descent: Descent | None = None,
) -> Game:
    """Return the game of the players of some runs."""
    kind = TranslationGame if trainings[0].translates else Game
    return kind(trainings, generator, critic, device, critic_descent)


def seen_by_critic(training: Training, sampler: BatchSampler) -> tuple[Tensor, Tensor | None]:
    """Return a batch of real samples as critics see them, and their labels, as ``real_batch`` does.

    Critics of pairs see each sample with its source.
    """
    samples, labels = real_batch(sampler)
    return (paired(sampler.real_sources(), samples) if training.paired else samples), labels
