"""Annealing: values that move from a first to a last one along half a cosine, over a share of training."""

from __future__ import annotations

from math import cos, pi
from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(gt=0, le=1)]  # of training


def annealed(first: float, last: float, burn_in: float, done: float) -> float:
    """Return the value after a fraction of training: last + ½(first − last)(1 + cos(π · done / burn_in)).

    It stays at ``last`` from ``burn_in`` on. Source: the training code of R3GAN (Huang et al. 2024), where the burn-in
    is a number of images.

    Args:
        first: The value before the first step.
        last: The value at the end of the burn-in.
        burn_in: The share of training over which the value moves.
        done: The fraction of training done.
    """
    return last + 0.5 * (first - last) * (1 + cos(pi * min(1.0, done / burn_in)))
