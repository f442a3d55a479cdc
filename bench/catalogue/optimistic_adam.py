"""Optimistic Adam (Daskalakis et al. 2018, algorithm 1), in torch's form of an optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class OptimisticAdam(Optimizer):
    """θ ← θ − 2η dₜ + η dₜ₋₁ with Adam's direction d = m̂ / (√v̂ + ε), and d₀ = 0.

    Args:
        parameters: What is changed.
        lr: η.
        betas: Decay of the running means m and v.
        eps: ε.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        eps: float = 1e-8,
    ):
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One step along the parameters' gradients."""
        for group in self.param_groups:
            lr, (first, second), eps = group["lr"], group["betas"], group["eps"]
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    state["step"] = 0
                    for name in ("mean", "square", "direction"):
                        state[name] = torch.zeros_like(parameter)
                state["step"] += 1
                state["mean"].lerp_(parameter.grad, 1 - first)
                state["square"].mul_(second).addcmul_(parameter.grad, parameter.grad, value=1 - second)
                mean = state["mean"] / (1 - first ** state["step"])
                square = state["square"] / (1 - second ** state["step"])
                direction = mean / (square.sqrt() + eps)
                parameter.add_(direction, alpha=-2 * lr).add_(state["direction"], alpha=lr)
                state["direction"] = direction
