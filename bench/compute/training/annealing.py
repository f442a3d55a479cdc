"""What changes from step to step: learning rates, β₂ and the weights of penalties, as fractions of training pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from bench.catalogue import Options
from bench.catalogue.annealing import annealed
from bench.catalogue.optimizers import is_annealed, learning_rate
from bench.catalogue.term_options import TermOptions
from bench.compute.training.sampler import BatchSampler
from bench.plan.specification import Training


def changes_optimizers(training: Training) -> bool:
    """Return whether a learning rate or a β₂ changes during training."""
    choices = training.optimizer, training.critic_optimizer
    return training.schedule != "constant" or any(is_annealed(choice.options) for choice in choices)


def set_rates(optimizer: Optimizer, options: Options, schedule: str, done: float) -> None:
    """Set the learning rate and the β₂ of an optimiser for a fraction of training done.

    The bias correction of Adam then uses the current β₂, as in the code of R3GAN (Huang et al. 2024).
    """
    for group in optimizer.param_groups:
        group["lr"] = _set(group["lr"], learning_rate(optimizer.defaults["lr"], options, schedule, done))
        if (final := getattr(options, "final_beta2", None)) is not None:
            first, second = optimizer.defaults["betas"]
            now = annealed(second, final, options.burn_in, done)  # type: ignore[attr-defined]
            group["betas"] = first, _set(group["betas"][1], now)


def keep_rates_on_device(optimizer: Optimizer, options: Options) -> None:
    """Keep what ``set_rates`` sets in tensors on the device of the parameters, so that a CUDA graph reads it anew.

    torch's fused optimisers expect a learning rate in float32.
    """
    for group in optimizer.param_groups:
        place: dict[str, Any] = {"dtype": torch.float32, "device": group["params"][0].device}
        group["lr"] = torch.full((), group["lr"], **place)
        if getattr(options, "final_beta2", None) is not None:
            first, second = group["betas"]
            group["betas"] = first, torch.full((), second, **{**place, "dtype": torch.float64})


def _set(current: Any, value: float) -> Any:
    """Return a value, in the tensor that held the value before if there is one."""
    return current.fill_(value) if isinstance(current, Tensor) else value


class PenaltyWeights:
    """The weight of one penalty in s runs, constant or annealed.

    Args:
        options: The penalty's options in each run. All are annealed, over the same share of training, or none is.
        dtype: The type of the weights.
        device: The device of the weights.
    """

    def __init__(self, options: Sequence[Options], dtype: torch.dtype, device: torch.device):
        place: dict[str, Any] = {"dtype": dtype, "device": device}
        self._first = torch.tensor([each.weight for each in options], **place)  # type: ignore[attr-defined]
        finals = [each.final_weight for each in options if isinstance(each, TermOptions)]
        self._last = None if None in finals or not finals else torch.tensor(finals, **place)
        self._burn_in = getattr(options[0], "burn_in", 1.0)

    def at(self, done: float) -> Tensor:
        """Return the weights [s] after a fraction of training."""
        if self._last is None:
            return self._first
        return self._last + annealed(1.0, 0.0, self._burn_in, done) * (self._first - self._last)

    def drawn(self, sampler: BatchSampler, progress: Callable[[int], float]) -> Tensor:
        """Return the weights [s] of an update; ``progress`` is the fraction of training done some steps later."""
        return self._first if self._last is None else sampler.by_step(lambda later: self.at(progress(later)))
