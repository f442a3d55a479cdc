"""Optimistic Adam as a torch optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class OptimisticAdam(Optimizer):
    """Adam with an optimistic update: θ ← θ − 2η dₜ + η dₜ₋₁ (Daskalakis et al. 2018, algorithm 1).

    d = m̂ / (√v̂ + ε) is the direction of Adam's step, and d₀ = 0.

    Args:
        parameters: The parameters to optimise.
        lr: η.
        betas: Decay rates of the moving averages m and v.
        eps: ε.
        capturable: Whether the steps are counted on the device, as a CUDA graph needs; ``lr`` and the second of
            ``betas`` may then be tensors.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        eps: float = 1e-8,
        capturable: bool = False,
    ):
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "capturable": capturable})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update the parameters by their gradients; ``closure`` is not used."""
        for group in self.param_groups:
            lr, (beta1, beta2), eps = group["lr"], group["betas"], group["eps"]
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    state["step"] = 0
                    for name in ("mean", "square", "direction"):
                        state[name] = torch.zeros_like(parameter)
                if group["capturable"] != isinstance(state["step"], Tensor):  # at first, or from another device
                    count = float(state["step"])
                    state["step"] = parameter.new_full((), count).float() if group["capturable"] else int(count)
                state["step"] += 1
                if group["capturable"]:
                    _update_on_device(parameter, state, lr, beta1, beta2, eps)
                    continue
                state["mean"].lerp_(parameter.grad, 1 - beta1)
                state["square"].mul_(beta2).addcmul_(parameter.grad, parameter.grad, value=1 - beta2)
                mean = state["mean"] / (1 - beta1 ** state["step"])
                square = state["square"] / (1 - beta2 ** state["step"])
                direction = mean / (square.sqrt() + eps)
                parameter.add_(direction, alpha=-2 * lr).add_(state["direction"], alpha=lr)
                state["direction"] = direction


def _update_on_device(
    parameter: Tensor, state: dict[str, Tensor], lr: float | Tensor, beta1: float, beta2: float | Tensor, eps: float
) -> None:
    """Take the step with all of its numbers on the device, in memory that stays where it is."""
    count = state["step"].double()
    gradient: Any = parameter.grad
    state["mean"].lerp_(gradient, 1 - beta1)
    state["square"].mul_(beta2).add_(gradient * gradient * (1 - beta2))
    root = (state["square"] / (1 - beta2**count)).sqrt()
    direction = state["mean"] / (1 - beta1**count) / (root + eps)
    parameter.sub_(lr * (2 * direction - state["direction"]))
    state["direction"].copy_(direction)
