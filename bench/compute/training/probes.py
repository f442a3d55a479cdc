"""Probes: what the last step before an evaluation tells of the dynamics, from what the step computed anyway.

They see copies of the critic's buffers and draw from streams of their own, so that a run with them is the run without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench.catalogue.metrics.measures import PROBES
from bench.compute.training.game import CriticTerms, Game, Gradients


class Probe:
    """Looks at one step: ``begin`` before the critic's last update in it, ``end`` after it, and then ``values``.

    Args:
        reals: The seeds of s runs → real samples of the training split and as many that are never trained on, each
            [s, n, *shape].
    """

    def __init__(self, reals: Callable[[Sequence[int]], tuple[Tensor, Tensor]]):
        self._reals = reals

    def begin(self, game: Game) -> None:
        """Keeps the weights of both players as they are."""
        self._game = game
        self._critic = [parameter.detach().clone() for parameter in game.critic.parameters]
        self._generator = [parameter.detach().clone() for parameter in game.generator.parameters]

    def end(self, terms: CriticTerms, critic_gradient: Gradients, generator_gradient: Gradients) -> None:
        """Keeps the critics' last losses, and the gradients of the last updates of both players."""
        self._terms, self._critic_gradient, self._generator_gradient = terms, critic_gradient, generator_gradient

    def values(self, seeds: Sequence[int]) -> list[dict[str, float]]:
        """The probes of ``bench.catalogue.metrics.PROBES`` of every run, whose seeds these are, in this order."""
        game, terms = self._game, self._terms
        real, fake = terms.real_logits, terms.fake_logits
        with torch.no_grad():
            seen, unseen = map(game.critic.observe, self._reals(seeds))
        critic_weights, critic_ratio = _update(game.critic.parameters, self._critic)
        generator_weights, generator_ratio = _update(game.generator.parameters, self._generator)
        real_mean, fake_mean = real.mean(dim=1), fake.mean(dim=1)
        pairs, others = real.unsqueeze(2), fake.unsqueeze(1)
        values = [
            real_mean,
            fake_mean,
            real_mean - fake_mean,
            _share(pairs > others) + 0.5 * _share(pairs == others),
            seen.mean(dim=1) - unseen.mean(dim=1),
            _norm(self._critic_gradient),
            _norm(self._generator_gradient),
            _slope(game.critic.observe, terms.real),
            _slope(game.critic.observe, terms.fake),
            critic_weights,
            generator_weights,
            critic_ratio,
            generator_ratio,
        ]
        rows = torch.stack([value.to(real.dtype) for value in values], dim=1).tolist()
        return [dict(zip(PROBES, row, strict=True)) for row in rows]


def _share(true: Tensor) -> Tensor:
    return true.flatten(1).sum(dim=1) / true[0].numel()


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    """Of all tensors of a run together, [s]."""
    return torch.stack([tensor.reshape(len(tensor), -1).norm(dim=1) for tensor in tensors], dim=1).norm(dim=1)


def _update(after: Sequence[Tensor], before: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """‖w‖ and ‖Δw‖ / ‖w‖ of all weights of a player together, [s] each."""
    with torch.no_grad():
        weights = _norm(before)
        return weights, _norm([new - old for new, old in zip(after, before, strict=True)]) / weights


def _slope(critic: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    """Mean over samples of ‖∇ₓD‖, [s]."""
    points = samples.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(points).sum(), points)
    return gradient.flatten(2).norm(dim=2).mean(dim=1)
