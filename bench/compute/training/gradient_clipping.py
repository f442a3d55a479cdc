"""Gradient clipping by the norm of each run's gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def clip_rows(gradients: Tensor, max_norm: float) -> None:
    """Scale each row of gradients [s, numbers] that is longer than ``max_norm`` down to that norm, in place.

    A row with a value that is not finite becomes NaN, so that the run still counts as diverged. Finite values whose
    squares overflow are clipped like others.

    Source: Pascanu et al. 2013, algorithm 1.
    """
    tiny = torch.finfo(gradients.dtype).tiny
    largest = gradients.abs().amax(dim=1, keepdim=True).clamp(min=tiny)
    # norms of rows one by one: a norm of several rows at once is rounded differently
    norms = torch.stack([torch.linalg.vector_norm(row) for row in gradients / largest]).unsqueeze(1)
    gradients.mul_((max_norm / largest / norms).clamp(max=1))
