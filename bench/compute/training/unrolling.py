"""Unrolled critics: the critics after further steps of their optimisers, as functions of the samples of these steps.

The steps are those of the critics' own optimisers, from their current state, as in the authors' code for mixtures of
Gaussians, which unrolls Adam. They are written here once more because the optimisers of torch change tensors in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.compute.training.descent import Descent
from bench.compute.training.gradient_clipping import clipped
from bench.compute.training.gradients import gradients_of
from bench.compute.training.stack import VECTOR, Stack

State = dict[str, Tensor]
Step = Callable[[Mapping[str, Any], State, Tensor, Tensor], tuple[Tensor, State]]


class UnrolledCritic:
    """The critics of s runs after further steps, which change neither the critics nor their optimiser.

    Running statistics and vectors of power iterations are copies. They change as in steps of training.

    Args:
        critic: The critics.
        descent: Their optimiser, one of ``STEPS``, with the same options for all runs. Its learning rate and other
            settings are used as they are now.

    Attributes:
        parameters: The parameters after the steps so far, [s, ...] each.
    """

    def __init__(self, critic: Stack, descent: Descent):
        self.parameters = list(critic.parameters)
        ((choice, rows, optimizer),) = descent.parts
        self._critic, self._settings, self._take = critic, optimizer.param_groups[0], STEPS[choice.name]
        self._max_norm = getattr(choice.options, "max_norm", 0.0)
        self._buffers = {key: buffer.clone() for key, buffer in critic.buffers.items()}
        state: Mapping[str, Any] = optimizer.state.get(rows, {})  # empty before the first step
        self._state = {
            key: _joined(critic.views(value)) if value.dim() else value.to(critic.flat.dtype)
            for key, value in state.items()
            if isinstance(value, Tensor)
        }

    def __call__(self, samples: Tensor) -> Tensor:
        """Apply the unrolled critics to samples, [s, n, ...] → [s, n]."""
        return self._critic.apply(self.parameters, self._buffers, samples)

    def descend(self, losses: Tensor) -> None:
        """Take one step down the losses [s], as a differentiable function of everything that the losses depend on."""
        gradients = gradients_of(losses, self.parameters, create=True)
        gradient = _joined(gradients)
        if self._max_norm:
            gradient = clipped(gradient, self._max_norm)
        point, self._state = self._take(self._settings, self._state, _joined(self.parameters), gradient)
        sizes = [parameter[0].numel() for parameter in self.parameters]
        pieces = point[:, : sum(sizes)].split(sizes, dim=1)
        self.parameters = [piece.view(like.shape) for piece, like in zip(pieces, self.parameters, strict=True)]

    def project(self, projections: Sequence[Callable[[Sequence[Tensor]], None]]) -> None:
        """Apply the regularisers that change parameters in place after a step; gradients go through them."""
        if projections:
            self.parameters = [parameter.clone() for parameter in self.parameters]
        for project in projections:
            project(self.parameters)


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    """Return the tensors of each run in one row, [s, numbers], padded so that rounding does not depend on the pack."""
    rows = torch.cat([tensor.reshape(len(tensor), -1) for tensor in tensors], dim=1)
    return torch.nn.functional.pad(rows, (0, -rows.shape[1] % VECTOR))


def sgd(settings: Mapping[str, Any], state: State, point: Tensor, gradient: Tensor) -> tuple[Tensor, State]:
    """Take a step of ``torch.optim.SGD``; return the new point [s, numbers] and the new state."""
    gradient = _decayed(settings, point, gradient)
    if settings["momentum"]:
        gradient = settings["momentum"] * state.get("momentum_buffer", 0.0) + gradient
        state = {"momentum_buffer": gradient}
    return point - settings["lr"] * gradient, state


def rmsprop(settings: Mapping[str, Any], state: State, point: Tensor, gradient: Tensor) -> tuple[Tensor, State]:
    """Take a step of ``torch.optim.RMSprop``; return the new point [s, numbers] and the new state."""
    gradient = _decayed(settings, point, gradient)
    square = settings["alpha"] * state.get("square_avg", 0.0) + (1 - settings["alpha"]) * gradient * gradient
    direction = gradient / (_root(square) + settings["eps"])
    if settings["momentum"]:
        direction = settings["momentum"] * state.get("momentum_buffer", 0.0) + direction
    return point - settings["lr"] * direction, {"square_avg": square, "momentum_buffer": direction}


def adam(settings: Mapping[str, Any], state: State, point: Tensor, gradient: Tensor) -> tuple[Tensor, State]:
    """Take a step of ``torch.optim.Adam``; return the new point [s, numbers] and the new state."""
    first, second = settings["betas"]
    gradient = _decayed(settings, point, gradient)
    count = state.get("step", point.new_zeros(())) + 1
    mean = first * state.get("exp_avg", 0.0) + (1 - first) * gradient
    square = second * state.get("exp_avg_sq", 0.0) + (1 - second) * gradient * gradient
    scale = _correction(first, count) / _correction(second, count).sqrt()
    direction = mean / (_root(square) * scale + _correction(first, count) * settings["eps"])
    return point - settings["lr"] * direction, {"step": count, "exp_avg": mean, "exp_avg_sq": square}


def _decayed(settings: Mapping[str, Any], point: Tensor, gradient: Tensor) -> Tensor:
    return gradient + settings["weight_decay"] * point if settings["weight_decay"] else gradient


def _correction(beta: float | Tensor, count: Tensor) -> Tensor:
    """Return 1 − βᵗ without cancellation; the number of steps t is a tensor, so that a CUDA graph reads it anew."""
    if isinstance(beta, Tensor):
        return (1 - beta ** count.double()).to(count.dtype)
    return -torch.expm1(count * math.log(beta)) if beta else torch.ones_like(count)


def _root(square: Tensor) -> Tensor:
    """Return the square root, with derivative 0 where it is 0: no gradient has reached these parameters yet."""
    unused = square == 0
    return torch.where(unused, 0.0, torch.where(unused, 1.0, square).sqrt())


STEPS: dict[str, Step] = {"adam": adam, "sgd": sgd, "rmsprop": rmsprop}
