"""Adam whose β₂ changes, on a GPU: it reads its rates and its step count from the device, as a CUDA graph needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class AnnealedAdam(Optimizer):
    """Adam as in torch, except that ``lr`` and the second of ``betas`` may be tensors that change between steps.

    torch's fused Adam takes numbers for ``betas``, which a graph would keep for ever. The state has the same names as
    torch's.

    Args:
        parameters: The parameters to optimise.
        lr: The learning rate.
        betas: Decay rates of the moving averages.
        eps: Added to the denominator.
        weight_decay: Factor of an L2 penalty on the weights.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(parameters, {**settings, "capturable": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update the parameters by their gradients; ``closure`` is not used."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
                gradient: Any = parameter.grad
                if group["weight_decay"]:
                    gradient = gradient + group["weight_decay"] * parameter
                state["step"] += 1
                count = state["step"].double()
                state["exp_avg"].lerp_(gradient, 1 - beta1)
                state["exp_avg_sq"].mul_(beta2).add_(gradient * gradient * (1 - beta2))
                mean = state["exp_avg"] / (1 - beta1**count)
                root = (state["exp_avg_sq"] / (1 - beta2**count)).sqrt()
                parameter.sub_(group["lr"] * mean / (root + group["eps"]))
