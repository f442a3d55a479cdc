"""Probes: what the last step before an evaluation tells of the dynamics, from what the step computed anyway.

They see copies of the critic's buffers and draw from streams of their own, so that a run with them is the run without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bench.game import CriticTerms, Game, Gradients
from bench.metrics import PROBES


class Probe:
    """Looks at one step: ``begin`` before the critic's last update in it, ``end`` after the generator's.

    Args:
        reals: Gives real samples of the training split and as many that are never trained on, each [n, *shape].
    """

    def __init__(self, reals: Callable[[], tuple[Tensor, Tensor]]):
        self._reals = reals

    def begin(self, game: Game) -> None:
        """Keeps the weights of both players as they are."""
        self._critic = [parameter.detach().clone() for parameter in game.parameters_of_critic]
        self._generator = [parameter.detach().clone() for parameter in game.parameters_of_generator]

    def end(
        self, game: Game, terms: CriticTerms, critic_gradient: Gradients, generator_gradient: Gradients
    ) -> dict[str, float]:
        """The probes of ``bench.metrics.PROBES``, in this order.

        Args:
            game: What is trained.
            terms: Of the critic's last loss.
            critic_gradient: Of the critic's last update.
            generator_gradient: Of the generator's.
        """
        real, fake = terms.real_logits, terms.fake_logits
        critic = _without_traces(game.critic)
        with torch.no_grad():
            seen, unseen = map(critic, self._reals())
        critic_weights, critic_ratio = _update(game.parameters_of_critic, self._critic)
        generator_weights, generator_ratio = _update(game.parameters_of_generator, self._generator)
        values = [
            real.mean(),
            fake.mean(),
            real.mean() - fake.mean(),
            (real[:, None] > fake).to(real).mean() + 0.5 * (real[:, None] == fake).to(real).mean(),
            seen.mean() - unseen.mean(),
            _norm(critic_gradient),
            _norm(generator_gradient),
            _slope(critic, terms.real),
            _slope(critic, terms.fake),
            critic_weights,
            generator_weights,
            critic_ratio,
            generator_ratio,
        ]
        return dict(zip(PROBES, torch.stack(values).tolist(), strict=True))


def _without_traces(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The network on a copy of its buffers: what a forward pass changes in them stays in the copy."""
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    return lambda samples: functional_call(network, buffers, (samples,))


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    return torch.stack([tensor.norm() for tensor in tensors]).norm()


def _update(after: Sequence[Tensor], before: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """‖w‖ and ‖Δw‖ / ‖w‖ of all weights of a player together."""
    with torch.no_grad():
        weights = _norm(before)
        return weights, _norm([new - old for new, old in zip(after, before, strict=True)]) / weights


def _slope(critic: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    """Mean over samples of ‖∇ₓD‖."""
    points = samples.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(points).sum(), points)
    return gradient.flatten(1).norm(dim=1).mean()
