"""What metrics are given: samples with their features, the real data to hold them against, and views of the game."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.catalogue.datasets import Data

PIECE = 4096  # samples whose features are computed at once


class Sampled(NamedTuple):
    """Samples as metrics see them: points [n, d] or uint8 images, their features [n, d] and logits [n, classes]."""

    samples: Tensor
    features: Tensor
    logits: Tensor | None


@dataclass(frozen=True, eq=False)
class Context:
    """What a metric may prepare itself with: one a dataset and extractor, so that caches can be keyed by it."""

    data: Data
    extractor: str
    extract: Callable[[Tensor], tuple[Tensor, Tensor | None]]

    def train_features(self) -> Tensor:
        """Features of the whole training split, extracted once: 60,000 × 64 of them are 15 MB."""
        return self._train_features

    @cached_property
    def _train_features(self) -> Tensor:
        return _in_pieces(self.data.train, lambda piece: self.extract(piece)[0])


class GameView(Protocol):
    """What metrics of the game look at: the players of a run after some step. Nothing they do changes the players.

    Parameters are one vector [p] in double precision, the critic's first. Gradients are of each player's loss by its
    own parameters, on one fixed batch of so many samples. Penalties that training adds only now and then count in
    every update here, with their own weight, which is their mean.
    """

    @property
    def step(self) -> int:
        """Generator steps done."""
        ...

    @property
    def run(self) -> Hashable:
        """The same for all views of one run, and for no other."""
        ...

    @property
    def penalties(self) -> tuple[str, ...]:
        """Names of the regularisers."""
        ...

    def parameters(self) -> Tensor:
        """All parameters, [p]."""
        ...

    def initial_parameters(self) -> Tensor:
        """Those before the first step, [p]."""
        ...

    def learning_rates(self) -> Tensor:
        """The learning rate of each parameter at this step, [p]."""
        ...

    def gradients(self, samples: int) -> tuple[list[Tensor], list[Tensor]]:
        """All parameters and their gradients, tensor by tensor; the gradients can be differentiated again."""
        ...

    def gradients_at(self, points: Iterable[Tensor], samples: int) -> list[Tensor]:
        """All gradients [p] at each point [p]; spectral normalisation divides by the singular values there."""
        ...

    def at(self, parameters: Tensor) -> GameView:
        """A view of copies of the players with these parameters [p]."""
        ...


def _in_pieces(array: NDArray[np.generic], function: Callable[[Tensor], Tensor]) -> Tensor:
    """A function over an array that may be memory-mapped, piece by piece."""
    starts = range(0, len(array), PIECE)
    return torch.cat([function(torch.from_numpy(np.array(array[start : start + PIECE]))) for start in starts])
