"""The optimisers (torch's own and optimistic Adam), their options, and the schedules of the learning rate."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import cache
from math import cos, pi
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field, NonNegativeFloat, PositiveFloat

from bench.catalogue import Options
from bench.catalogue.annealing import Share, annealed

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

Fraction = Annotated[float, Field(ge=0, lt=1)]


class OptimizerOptions(Options):
    """Options of every optimiser of ganbench; ``torch.optim`` does not know them.

    ``max_norm``: each player's gradient is scaled down to this norm if it is longer (Pascanu et al. 2013). The norm is
    over all parameters of the player, in each run of a pack separately. By default 0, no clipping.
    ``final_lr``: the learning rate moves from ``lr`` to this value along half a cosine. By default it follows
    ``schedule``.
    ``burn_in``: the share of training over which ``final_lr`` and ``final_beta2`` are reached, by default 1.
    """

    max_norm: NonNegativeFloat = 0.0
    final_lr: NonNegativeFloat | None = None
    burn_in: Share = 1.0


class AdamOptions(OptimizerOptions):
    """Options of Adam (Kingma & Ba 2015).

    ``lr``: the learning rate, by default 2e-4.
    ``betas``: decay rates of the averages of gradients and of their squares, by default (0.5, 0.999).
    ``eps``: added to the denominator, by default 1e-8.
    ``weight_decay``: factor of an L2 penalty on the weights, by default 0.
    ``final_beta2``: the second of ``betas`` moves to this value along half a cosine. By default it is constant.
    """

    lr: PositiveFloat = 2e-4
    betas: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = (0.5, 0.999)
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0
    final_beta2: Fraction | None = None


class SgdOptions(OptimizerOptions):
    """Options of stochastic gradient descent.

    ``lr``: the learning rate, by default 0.01.
    ``momentum``: heavy-ball momentum, by default 0.
    ``weight_decay``: factor of an L2 penalty on the weights, by default 0.
    """

    lr: PositiveFloat = 1e-2
    momentum: Fraction = 0.0
    weight_decay: NonNegativeFloat = 0.0


class RmsPropOptions(OptimizerOptions):
    """Options of RMSprop (Tieleman & Hinton 2012).

    ``lr``: the learning rate, by default 5e-5, as for WGAN with weight clipping.
    ``alpha``: decay rate of the average of squared gradients, by default 0.99.
    ``momentum``: by default 0.
    ``eps``: added to the denominator, by default 1e-8.
    ``weight_decay``: factor of an L2 penalty on the weights, by default 0.
    """

    lr: PositiveFloat = 5e-5
    alpha: Fraction = 0.99
    momentum: Fraction = 0.0
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0


class OptimisticAdamOptions(OptimizerOptions):
    """Options of optimistic Adam (Daskalakis et al. 2018).

    ``lr``: the learning rate, by default 1e-4.
    ``betas``: decay rates of the averages of gradients and of their squares, by default (0.5, 0.999).
    ``eps``: added to the denominator, by default 1e-8.
    ``final_beta2``: as for Adam.
    """

    lr: PositiveFloat = 1e-4
    betas: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = (0.5, 0.999)
    eps: PositiveFloat = 1e-8
    final_beta2: Fraction | None = None


class OptimizerEntry(NamedTuple):
    """An optimiser.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set. Training itself applies the options of ``OptimizerOptions`` and ``final_beta2``,
            also if an optimiser of another package has them.
        build: (parameters, options) → the optimiser, with ``lr`` among its defaults. Its update must be element by
            element, since all runs of a pack share one parameter tensor, [s, numbers]; its state must consist of
            tensors of that shape and of single numbers.
    """

    summary: str
    options: type[Options]
    build: Callable[[Iterable[Tensor], Any], Optimizer]


@cache
def _without_compiler(optimizer: type[Optimizer]) -> Callable[..., Optimizer]:
    """Return a class of torch without the decorators of two methods that import its compiler.

    Nothing here is compiled, and the import takes longer than a short run. The methods themselves are torch's.
    """
    from torch import no_grad

    methods = {name: inspect.unwrap(getattr(optimizer, name)) for name in ("step", "add_param_group")}
    return type(optimizer.__name__, (optimizer,), {**methods, "step": no_grad()(methods["step"])})


def _for_torch(options: Options) -> dict[str, Any]:
    return options.model_dump(exclude={*OptimizerOptions.model_fields, "final_beta2"})


def _adam(parameters: Iterable[Tensor], options: Options) -> Optimizer:
    from torch.optim import Adam

    parameters = list(parameters)
    if parameters[0].is_cuda and getattr(options, "final_beta2", None) is not None:
        from bench.catalogue.annealed_adam import AnnealedAdam

        return _without_compiler(AnnealedAdam)(parameters, **_for_torch(options))
    return _without_compiler(Adam)(parameters, **_for_torch(options), fused=True, capturable=parameters[0].is_cuda)


def _sgd(parameters: Iterable[Tensor], options: Options) -> Optimizer:
    from torch.optim import SGD

    return _without_compiler(SGD)(parameters, **_for_torch(options), fused=True)


def _rmsprop(parameters: Iterable[Tensor], options: Options) -> Optimizer:
    from torch.optim import RMSprop

    parameters = list(parameters)
    return _without_compiler(RMSprop)(parameters, **_for_torch(options), capturable=parameters[0].is_cuda)


def _optimistic_adam(parameters: Iterable[Tensor], options: Options) -> Optimizer:
    from bench.catalogue.optimistic_adam import OptimisticAdam

    parameters = list(parameters)
    return _without_compiler(OptimisticAdam)(parameters, **_for_torch(options), capturable=parameters[0].is_cuda)


OPTIMIZERS = {
    "adam": OptimizerEntry("Adam: lr, betas, eps, weight_decay, final_beta2 (Kingma & Ba 2015)", AdamOptions, _adam),
    "sgd": OptimizerEntry("gradient descent: lr, momentum, weight_decay", SgdOptions, _sgd),
    "rmsprop": OptimizerEntry(
        "RMSprop: lr, alpha, momentum, eps, weight_decay (Tieleman & Hinton 2012)", RmsPropOptions, _rmsprop
    ),
    "optimistic-adam": OptimizerEntry(
        "Adam with optimistic updates: lr, betas, eps, final_beta2 (Daskalakis et al. 2018)",
        OptimisticAdamOptions,
        _optimistic_adam,
    ),
}

SCHEDULES: dict[str, Callable[[float], float]] = {  # fraction of training done → factor of the learning rate
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 + 0.5 * cos(pi * done),
}


def is_annealed(options: Options) -> bool:
    """Return whether the options of an optimiser have a final learning rate or a final β₂."""
    return any(getattr(options, name, None) is not None for name in ("final_lr", "final_beta2"))


def learning_rate(lr: float, options: Options, schedule: str, done: float) -> float:
    """Return the learning rate after a fraction of training.

    Args:
        lr: The learning rate before the first step.
        options: The options of the optimiser. A ``final_lr`` replaces the schedule.
        schedule: A key of ``SCHEDULES``.
        done: The fraction of training done.
    """
    final = getattr(options, "final_lr", None)
    return SCHEDULES[schedule](done) * lr if final is None else annealed(lr, final, options.burn_in, done)  # type: ignore[attr-defined]
