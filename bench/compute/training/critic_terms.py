"""What an update of the critics has computed: their losses on one batch, for the loop and for probes."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class CriticTerms(NamedTuple):
    """The critics' losses on one batch.

    Attributes:
        total: The loss with all penalties, [s].
        penalties: Each weighted penalty, [s]; NaN if this update does not include it.
        real: The real samples as the critics saw them, [s, n, *shape]; if they judge m samples together, n and the
            first dimension of the shape are those of joined samples.
        fake: The generated samples as the critics saw them, like ``real``.
        real_logits: The critics' output on the real samples, [s, n].
        fake_logits: The critics' output on the generated samples, [s, n].
        labels: The labels of both before samples are joined, [s, n, k]; None if the runs are not conditional.
    """

    total: Tensor
    penalties: tuple[Tensor, ...]
    real: Tensor
    fake: Tensor
    real_logits: Tensor
    fake_logits: Tensor
    labels: Tensor | None = None
