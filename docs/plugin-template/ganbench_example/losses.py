"""A loss of two functions of logits, [n] each, that return one value per sample, [n]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import GanLoss, Options

if TYPE_CHECKING:
    from torch import Tensor


class ExponentialOptions(Options):
    """``scale``: the factor of the logits, by default 0.5. Suites can set it."""

    scale: float = 0.5


def critic(real: Tensor, fake: Tensor, scale: float) -> Tensor:
    """Return exp(−scale · r) + exp(scale · f), the loss of boosting (Freund & Schapire 1997)."""
    return (-scale * real).exp() + (scale * fake).exp()


def generator(real: Tensor, fake: Tensor, scale: float) -> Tensor:
    """Return exp(−scale · f)."""
    return (-scale * fake).exp()


exponential = GanLoss("exponential loss: scale", critic, generator, options=ExponentialOptions)
