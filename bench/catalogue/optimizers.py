"""The optimisers, torch's own and optimistic Adam, what a suite can set of each, and schedules of the learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import cos, pi
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field, NonNegativeFloat, PositiveFloat

from bench.catalogue import Options

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

Fraction = Annotated[float, Field(ge=0, lt=1)]


class AdamOptions(Options):
    """Adam (Kingma & Ba 2015); ``weight_decay`` is the L2 form."""

    lr: PositiveFloat = 2e-4
    betas: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = (0.5, 0.999)
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0


class SgdOptions(Options):
    """Stochastic gradient descent with heavy-ball momentum."""

    lr: PositiveFloat = 1e-2
    momentum: Fraction = 0.0
    weight_decay: NonNegativeFloat = 0.0


class RmsPropOptions(Options):
    """RMSprop (Tieleman & Hinton 2012), as WGAN with clipping uses it."""

    lr: PositiveFloat = 5e-5
    alpha: Fraction = 0.99
    momentum: Fraction = 0.0
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0


class OptimisticAdamOptions(Options):
    """Adam whose steps look one ahead (Daskalakis et al. 2018)."""

    lr: PositiveFloat = 1e-4
    betas: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = (0.5, 0.999)
    eps: PositiveFloat = 1e-8


class OptimizerEntry(NamedTuple):
    """An optimiser: one line for ``ganbench list``, what a suite can set, and how it is built."""

    summary: str
    options: type[Options]
    build: Callable[[Iterable[Tensor], Options], Optimizer]


def _adam(parameters: Iterable[Tensor], options: Options) -> Optimizer:
    from torch.optim import Adam

    parameters = list(parameters)
    return Adam(parameters, **options.model_dump(), fused=True, capturable=parameters[0].is_cuda)


def _sgd(parameters: Iterable[Tensor], options: Options) -> Optimizer:
    from torch.optim import SGD

    return SGD(parameters, **options.model_dump(), fused=True)


def _rmsprop(parameters: Iterable[Tensor], options: Options) -> Optimizer:
    from torch.optim import RMSprop

    parameters = list(parameters)
    return RMSprop(parameters, **options.model_dump(), capturable=parameters[0].is_cuda)


def _optimistic_adam(parameters: Iterable[Tensor], options: Options) -> Optimizer:
    from bench.catalogue.optimistic_adam import OptimisticAdam

    return OptimisticAdam(parameters, **options.model_dump())


OPTIMIZERS = {
    "adam": OptimizerEntry("lr, betas, eps, weight_decay (Kingma & Ba 2015)", AdamOptions, _adam),
    "sgd": OptimizerEntry("lr, momentum, weight_decay", SgdOptions, _sgd),
    "rmsprop": OptimizerEntry(
        "lr, alpha, momentum, eps, weight_decay (Tieleman & Hinton 2012)", RmsPropOptions, _rmsprop
    ),
    "optimistic-adam": OptimizerEntry(
        "lr, betas, eps (Daskalakis et al. 2018)", OptimisticAdamOptions, _optimistic_adam
    ),
}

SCHEDULES: dict[str, Callable[[float], float]] = {  # share of training done → share of the learning rate
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 + 0.5 * cos(pi * done),
}
