"""ReLU and LeakyReLU for gradients that are differentiated again, as by a gradient penalty."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def rectify_in_place(columns: Tensor, slope: float) -> Tensor:
    """Return max(x, slope · x), in the memory of ``columns``. The gradient of the result is overwritten too."""
    out: Tensor = _Rectify.apply(columns, slope)
    return out


class _Rectify(torch.autograd.Function):
    """max(x, slope · x), with no second derivative.

    Torch's own version gives zeros, which a gradient penalty then propagates back through the whole network.
    """

    @staticmethod
    def forward(ctx: Any, columns: Tensor, slope: float) -> Tensor:
        ctx.mark_dirty(columns)
        ctx.set_materialize_grads(False)
        ctx.slope = slope
        out = F.leaky_relu_(columns, slope) if slope else F.relu_(columns)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, None]:
        (out,) = ctx.saved_tensors
        return None if gradient is None else _RectifyGradient.apply(gradient, out, ctx.slope), None


class _RectifyGradient(torch.autograd.Function):
    """The gradient of ``_Rectify``. It depends on the output only through its sign, so it has no gradient there."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, out: Tensor, slope: float) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.slope = slope
        ctx.save_for_backward(out)
        ctx.mark_dirty(gradient)
        if slope:
            return torch.ops.aten.leaky_relu_backward.grad_input(gradient, out, slope, True, grad_input=gradient)
        return torch.ops.aten.threshold_backward.grad_input(gradient, out, 0.0, grad_input=gradient)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, None, None]:
        (out,) = ctx.saved_tensors
        return None if gradient is None else _RectifyGradient.apply(gradient, out, ctx.slope), None, None
