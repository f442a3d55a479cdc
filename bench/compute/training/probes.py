"""Probes: what the last step before an evaluation shows about the training dynamics, at little extra cost.

They use what the step computes anyway, copies of the critic's buffers, and random streams of their own, so a run with
probes gives the same results as one without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench.catalogue.metrics.measures import PROBES
from bench.compute.training.conditioning import conditioned
from bench.compute.training.critic_terms import CriticTerms
from bench.compute.training.game import Game
from bench.compute.training.gradients import Gradients
from bench.compute.training.packing_degree import joined


class Probe:
    """Observes one step: call ``before_update`` and ``after_update`` around the critic's last update, then ``values``.

    Args:
        draw: Maps the seeds of s runs to real samples of the training split and of the test split,
            [s, n, *shape] each, with their labels [s, n, k], or None if the runs are not conditional.
    """

    def __init__(self, draw: Callable[[Sequence[int]], Sequence[tuple[Tensor, Tensor | None]]]):
        self._draw = draw

    def before_update(self, game: Game) -> None:
        """Keep a copy of the weights of both players."""
        self._game = game
        self._critic = [parameter.detach().clone() for parameter in game.critic.parameters]
        self._generator = [parameter.detach().clone() for parameter in game.generator.parameters]

    def after_update(self, terms: CriticTerms, critic_gradient: Gradients, generator_gradient: Gradients) -> None:
        """Keep the critics' last losses and the gradients of the last update of each player."""
        self._terms = terms._replace(total=terms.total.detach())  # a graph would keep its memory until the next probe
        self._critic_gradient = [gradient.detach() for gradient in critic_gradient]
        self._generator_gradient = [gradient.detach() for gradient in generator_gradient]

    def values(self, seeds: Sequence[int]) -> list[dict[str, float]]:
        """Return the values of ``bench.catalogue.metrics.PROBES`` for the runs with these seeds."""
        game, terms = self._game, self._terms
        real, fake, pac = terms.real_logits, terms.fake_logits, game.training.pac
        observe = conditioned(game.critic.observe, terms.labels, pac)
        with torch.no_grad():
            train_logits, test_logits = (
                conditioned(game.critic.observe, labels, pac)(joined(samples, pac))
                for samples, labels in self._draw(seeds)
            )
        critic_weights, critic_ratio = update_size(game.critic.parameters, self._critic)
        generator_weights, generator_ratio = update_size(game.generator.parameters, self._generator)
        real_mean, fake_mean = real.mean(dim=1), fake.mean(dim=1)
        each_real, each_fake = real.unsqueeze(2), fake.unsqueeze(1)
        values = [
            real_mean,
            fake_mean,
            real_mean - fake_mean,
            _share(each_real > each_fake) + 0.5 * _share(each_real == each_fake),
            train_logits.mean(dim=1) - test_logits.mean(dim=1),
            norm(self._critic_gradient),
            norm(self._generator_gradient),
            _slope(observe, terms.real),
            _slope(observe, terms.fake),
            critic_weights,
            generator_weights,
            critic_ratio,
            generator_ratio,
        ]
        rows = torch.stack([value.to(real.dtype) for value in values], dim=1).tolist()
        return [dict(zip(PROBES, row, strict=True)) for row in rows]


def _share(condition: Tensor) -> Tensor:
    return condition.flatten(1).sum(dim=1) / condition[0].numel()


def norm(tensors: Sequence[Tensor]) -> Tensor:
    """Return the norm over all tensors of each run, [s]."""
    return torch.stack([tensor.reshape(len(tensor), -1).norm(dim=1) for tensor in tensors], dim=1).norm(dim=1)


def update_size(after: Sequence[Tensor], before: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return ‖w‖ and ‖Δw‖ / ‖w‖ over all weights of a player, [s] each."""
    with torch.no_grad():
        weights = norm(before)
        return weights, norm([new - old for new, old in zip(after, before, strict=True)]) / weights


def _slope(critic: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    """Return the mean of ‖∇ₓD‖ over samples, [s]."""
    points = samples.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(points).sum(), points)
    return gradient.flatten(2).norm(dim=2).mean(dim=1)
