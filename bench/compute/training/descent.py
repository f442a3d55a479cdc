"""The updates of one player of every run of a pack by its optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from bench.catalogue import find, is_added, named
from bench.compute.training.annealing import keep_rates_on_device, set_rates
from bench.compute.training.gradient_clipping import clipped
from bench.compute.training.stack import Stack
from bench.plan.specification import Choice

CAPTURABLE = ("adam", "sgd", "rmsprop", "optimistic-adam")  # on CUDA, their steps need no number from the host


class Part(NamedTuple):
    """Adjacent runs whose optimiser has the same options.

    Attributes:
        choice: The optimiser.
        rows: Their rows of the stack's parameters, a view with the gradient.
        optimizer: The optimiser of ``rows``.
    """

    choice: Choice
    rows: Tensor
    optimizer: Optimizer


class Descent:
    """The optimisers of one player of s runs. Adjacent runs with the same options share one.

    Args:
        stack: The networks of the player.
        choices: The optimiser of each run. They may differ only in their options.

    Attributes:
        parts: The optimisers, in the order of the runs.
        gradient: The gradient of the last step in the layout of ``stack.flat``, [s, numbers].
    """

    def __init__(self, stack: Stack, choices: Sequence[Choice]):
        self.gradient, self._stack = torch.zeros_like(stack.flat), stack
        self._gradients = stack.views(self.gradient)
        self.parts: list[Part] = []
        begin = 0
        for _, members in groupby(choices, key=lambda each: each.options):
            alike = list(members)
            choice, end = alike[0], begin + len(alike)
            rows = stack.flat[begin:end]
            rows.grad = self.gradient[begin:end]
            self.parts.append(Part(choice, rows, _build(choice, rows)))
            begin = end

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Take one step of every run with gradients [s, ...] of its parameters, which are never masked.

        A run's gradient is clipped if its optimiser has a ``max_norm`` above 0.
        """
        with torch.no_grad():  # gradients that can be differentiated would otherwise keep the graph of every step alive
            torch._foreach_copy_(self._gradients, list(gradients))
        for choice, rows, optimizer in self.parts:
            if max_norm := getattr(choice.options, "max_norm", 0.0):
                assert rows.grad is not None
                rows.grad.copy_(clipped(rows.grad, max_norm))
            optimizer.step()

    def set_rates(self, schedule: str, done: float) -> None:
        """Set the learning rates and betas for a fraction of training done."""
        for choice, rows, optimizer in self.parts:
            if rows.is_cuda and choice.name in CAPTURABLE and not isinstance(optimizer.param_groups[0]["lr"], Tensor):
                keep_rates_on_device(optimizer, choice.options)
            set_rates(optimizer, choice.options, schedule, done)

    @property
    def nbytes(self) -> int:
        """The size of the gradient and of the optimisers' states."""
        states = [value for _, rows, optimizer in self.parts for value in optimizer.state[rows].values()]
        return sum(tensor.nbytes for tensor in (self.gradient, *states) if isinstance(tensor, Tensor))

    def state_dict(self, index: int) -> dict[str, Any]:
        """Return a copy of the optimiser's state of one run."""
        for _, rows, optimizer in self.parts:
            if index < len(rows):
                return {key: self._select_run(value, index) for key, value in optimizer.state[rows].items()}
            index -= len(rows)
        raise IndexError(index)

    def load_state_dicts(self, states: Sequence[dict[str, Any]]) -> None:
        """Restore the states of all runs, taken after the same number of steps.

        Raises:
            ValueError: A state has another size or type than the parameters.
        """
        begin = 0
        for _, rows, optimizer in self.parts:
            own = states[begin : begin + len(rows)]
            begin += len(rows)
            counts_on_device = any(optimizer.defaults.get(option) for option in ("fused", "capturable"))
            count_device = rows.device if counts_on_device else torch.device("cpu")
            stacked = {key: _stack_runs([state[key] for state in own], rows.device, count_device) for key in own[0]}
            for key, value in stacked.items():
                if isinstance(value, Tensor) and value.dim():
                    if (value.shape, value.dtype) != (rows.shape, rows.dtype):
                        raise ValueError("the state of an optimiser has another size or type")
                    stacked[key] = self._stack.from_index_order(value)
            optimizer.state[rows] = stacked

    def _select_run(self, value: Any, index: int) -> Any:
        """Return a run's part of an optimiser's state: its row of a tensor, or the step count, which all runs share."""
        if not isinstance(value, Tensor):
            return value
        return self._stack.in_index_order(value[index : index + 1])[0] if value.dim() else value.clone()


def _build(choice: Choice, rows: Tensor) -> Optimizer:
    build = named("optimizer", choice.name, find("optimizer", choice.name).build, "build")
    optimizer: Optimizer = build([rows], choice.options)
    if is_added("optimizer", choice.name):
        optimizer.step = named("optimizer", choice.name, optimizer.step, "step")  # type: ignore[method-assign]
    return optimizer


def _stack_runs(values: Sequence[Any], device: torch.device, count_device: torch.device) -> Any:
    first = values[0]
    if not isinstance(first, Tensor):
        return first
    return torch.stack(list(values)).to(device) if first.dim() else first.to(count_device)
