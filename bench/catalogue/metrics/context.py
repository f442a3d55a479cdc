"""The inputs of metrics: samples with their features, the real data, and views of the game."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from bench.catalogue.datasets import Data

Extract: TypeAlias = "Callable[[Tensor], tuple[Tensor, Tensor | None]]"  # samples → features, logits
CPU = torch.device("cpu")
BATCH = 4096  # samples whose features are computed at once


class Translated(NamedTuple):
    """What translations are compared with, [n, *shape] each: those of a dataset's type, or as networks make them.

    Attributes:
        sources: What was translated.
        answers: The known translation of each source.
        back: The answers translated back, as the network makes them; None without a way back, as are the next two.
        cycle: The translations translated back.
        back_cycle: The answers translated back and again.
    """

    sources: Tensor
    answers: Tensor
    back: Tensor | None = None
    cycle: Tensor | None = None
    back_cycle: Tensor | None = None


class Sampled:
    """Generated samples. Features and logits are extracted when a metric first asks for either.

    Attributes:
        samples: Points [n, d] or uint8 images [n, channels, height, width].
        labels: The class that each was generated for, int64 [n], a position among the names of the dataset's labels;
            None if the generator is not conditional.
        seed: The seed of the run whose generator made them; None for samples of no run, such as real ones.
        translated: What the samples are translations of, and their answers; None if they are no translations.
    """

    labels: Tensor | None = None
    seed: int | None = None
    translated: Translated | None = None

    def __init__(self, samples: Tensor, features: Tensor, logits: Tensor | None = None) -> None:
        """Create samples whose features are known."""
        self.samples = samples
        self._extract: Extract = lambda _: (features, logits)

    @classmethod
    def extracted_by(
        cls,
        extract: Extract,
        samples: Tensor,
        labels: Tensor | None = None,
        seed: int | None = None,
        translated: Translated | None = None,
    ) -> Sampled:
        """Return samples whose features are extracted if a metric asks for them, with labels and the run's seed."""
        sampled = cls(samples, samples)
        sampled._extract, sampled.labels, sampled.seed, sampled.translated = extract, labels, seed, translated
        return sampled

    @cached_property
    def _extracted(self) -> tuple[Tensor, Tensor | None]:
        return self._extract(self.samples)

    def extracted_tensors(self) -> list[Tensor]:
        """Return the samples, and their features and logits if these have been extracted."""
        known = (self.samples, *vars(self).get("_extracted", ()))
        return [tensor for tensor in known if tensor is not None]

    @property
    def features(self) -> Tensor:
        """Features of the samples [n, d]; of points, the points themselves."""
        return self._extracted[0]

    @property
    def logits(self) -> Tensor | None:
        """Logits of the extractor's classes [n, classes], or None if it has no classes."""
        return self._extracted[1]


@dataclass(frozen=True, eq=False)
class Context:
    """The real data and their extractor. There is one object per dataset and extractor, so that it can be a cache key.

    Attributes:
        data: Training and test split.
        extractor: Name of the extractor, from ``bench.catalogue.extractors.EXTRACTORS``.
        extract: Samples → features [n, d], and logits [n, classes] or None.
        device: Where metrics calculate. Features themselves are on the CPU.
        classes: Names of the classes of the logits, if known.
    """

    data: Data
    extractor: str
    extract: Extract
    device: torch.device = CPU
    classes: tuple[str, ...] = ()

    def placed(self, features: Tensor) -> Tensor:
        """Return features on the device where metrics calculate."""
        return features.to(self.device)

    @cached_property
    def train_features(self) -> Tensor:
        """Features [n, d] of the training split, extracted once. 60,000 × 64 features take 15 MB."""
        train = self.data.train
        batches = (np.array(train[start : start + BATCH]) for start in range(0, len(train), BATCH))  # of a memory map
        return torch.cat([self.extract(torch.from_numpy(batch))[0] for batch in batches])


class GameView(Protocol):
    """The players of a run after some step, for metrics of the game. Metrics cannot change the players.

    All parameters are one vector [p] in double precision, the critic's first. Gradients are those of each player's
    loss by its own parameters, on one fixed batch of ``samples`` samples. A penalty that training adds in every k-th
    update, with k times its weight, is included with its weight.
    """

    @property
    def step(self) -> int:
        """Number of generator steps done."""
        ...

    @property
    def run(self) -> Hashable:
        """An identifier that all views of one run share."""
        ...

    @property
    def penalties(self) -> tuple[str, ...]:
        """Names of the run's penalties."""
        ...

    def evaluation_latents(self, name: str, count: int) -> Tensor:
        """Return latents [count, latent] from the run's own stream of this name, the same at every step."""
        ...

    def generate(self, latents: Tensor) -> Tensor:
        """Return the generator's samples [n, *shape] in evaluation mode; images have values in [−1, 1]."""
        ...

    def parameters(self) -> Tensor:
        """Return all parameters, [p]."""
        ...

    def initial_parameters(self) -> Tensor:
        """Return the parameters before the first step, [p]."""
        ...

    def learning_rates(self) -> Tensor:
        """Return the learning rate of each parameter at this step, [p]."""
        ...

    def gradients(self, samples: int) -> tuple[list[Tensor], list[Tensor]]:
        """Return the parameter tensors and their gradients; the gradients can be differentiated again."""
        ...

    def gradients_at(self, points: Iterable[Tensor], samples: int) -> list[Tensor]:
        """Return the gradients [p] at each of the parameter vectors ``points``.

        Spectral normalisation divides by the singular values at that point.
        """
        ...

    def at(self, parameters: Tensor) -> GameView:
        """Return a view of copies of the players with these parameters [p]."""
        ...
