"""Top-k training: the generator learns only from the generated samples with the highest logits."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from pydantic import Field

from bench.catalogue import Options, suggestion
from bench.escaping import quote


class TopK(Options):
    """How many samples of a batch the generator learns from: all at first, then fewer and fewer.

    k starts at the batch size and is multiplied by ``decay`` every ``every`` steps, down to ``final`` of the batch.

    Source: Sinha et al. 2020, where k falls once per epoch.

    Attributes:
        final: The smallest share of the batch (ν over the batch size).
        decay: The factor of k (γ).
        every: Generator steps between two reductions of k.
    """

    final: float = Field(default=0.5, gt=0, le=1)
    decay: float = Field(default=0.99, gt=0, lt=1)
    every: int = Field(default=100, gt=0, le=1_000_000_000)

    def count(self, batch: int, step: int) -> int:
        """Return k of ``batch`` samples after ``step`` generator steps, rounded up."""
        share = max(self.final, self.decay ** (step // self.every))
        return ceil(round(batch * share, 9))  # 100 · 0.07 is 7.000000000000001


def as_top_k(given: object) -> object:
    """Return None for "none", and a table as it is, if its keys are known.

    Raises:
        ValueError: It is neither, or has an unknown key; the message suggests the closest known key.
    """
    if given in (None, "none"):
        return None
    if not isinstance(given, Mapping | TopK):
        raise ValueError('expected "none" or a table with final, decay and every')
    for key in given if isinstance(given, Mapping) else ():
        if key not in TopK.model_fields:
            raise ValueError(f"unknown key {quote(key)}{suggestion(key, TopK.model_fields)}")
    return given
