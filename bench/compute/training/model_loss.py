"""The loss of a model as a module, so that the models of a pack are stacked like any other networks."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from bench.compute.training.stack import VECTOR, has_convolutions
from bench.plan.specification import Training


class WithLoss(nn.Module):
    """A model as a function of real samples and noise in one row, [n, numbers of a sample + noise] → losses [n].

    Args:
        model: The model of a family.
        shape: The shape of a sample.
    """

    def __init__(self, model: nn.Module, shape: tuple[int, ...]):
        super().__init__()
        self.model, self._shape = model, shape

    def forward(self, rows: Tensor) -> Tensor:
        """Return the loss of each sample."""
        numbers = math.prod(self._shape)
        model: Any = self.model
        losses: Tensor = model.objective(rows[:, :numbers].unflatten(1, self._shape), rows[:, numbers:])
        return losses


def changes_bits_in_packs(model: WithLoss, training: Training) -> bool:
    """Return whether the loss of a model has other bits on the CPU if ``torch.func.vmap`` computes several at once.

    So it is with convolutions, and where the last numbers of a row do not fill a vector.
    """
    width: int = training.architecture.options.width  # type: ignore[attr-defined]
    return has_convolutions(model) or width % VECTOR != 0 or training.batch_size % VECTOR != 0
