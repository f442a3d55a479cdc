"""Gradient clipping by the norm of each run's gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def clipped(gradients: Tensor, max_norm: float) -> Tensor:
    """Return gradients [s, numbers], with each row that is longer than ``max_norm`` scaled down to that norm.

    A row with a value that is not finite becomes NaN, so that the run still counts as diverged. Finite values whose
    squares overflow are clipped like others.

    Source: Pascanu et al. 2013, algorithm 1.
    """
    scale = gradients.abs().amax(dim=1, keepdim=True).clamp(min=max_norm)
    norms = torch.linalg.vector_norm(gradients / scale, dim=1, keepdim=True)
    limit = max_norm / scale
    return gradients * (limit / torch.maximum(norms, limit))
