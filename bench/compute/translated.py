"""Translations in evaluations: of which sources, and what the metric of translations compares."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.catalogue.datasets import Data
from bench.catalogue.metrics.context import Translated
from bench.compute.training.players import generate
from bench.compute.training.random_streams import stream


def evaluated_count(data: Data, samples: int) -> int:
    """Return how many samples an evaluation has: of translations, at most one per source of the test split."""
    return samples if data.sources is None else min(samples, len(data.test))


def evaluated_places(data: Data, samples: int, seed: int, stream_name: str = "evaluation") -> Tensor:
    """Return the places of the test pairs whose sources an evaluation translates, int64 [n].

    These are the first ones, at every step. An evaluation with another stream draws as many pairs with replacement,
    which shows how much measures depend on the choice of sources.
    """
    count = evaluated_count(data, samples)
    if stream_name == "evaluation":
        return torch.arange(count)
    return torch.randint(len(data.test), (count,), generator=stream(seed, stream_name))


def sources_at(data: Data, places: Tensor) -> Tensor:
    """Return sources of the test split as translators get them, float32 [n, *shape]."""
    assert data.sources is not None
    return as_floats(_at(data.sources.test, places))


def translated(network: nn.Module, samples: Tensor, data: Data, places: Tensor) -> Translated:
    """Return what translations are compared with, and what the way back gives if there is one.

    Args:
        network: The translator, or both.
        samples: Its translations of the sources at ``places``, before they are quantised.
        data: The dataset.
        places: The places of the pairs in the test split.
    """
    assert data.sources is not None
    sources, answers = _at(data.sources.test, places), _at(data.test, places)
    back = getattr(network, "back", None)
    if back is None:
        return Translated(sources, answers)
    returned = generate(back, as_floats(answers))
    cycles = generate(back, samples), generate(network, returned)
    return Translated(sources, answers, returned, *cycles)


def perfectly_translated(data: Data, places: NDArray[np.int64], split: str) -> Translated | None:
    """Return what the metric gets of perfect translators, or None if the data are no translations."""
    if data.sources is None:
        return None
    chosen = torch.from_numpy(places)
    sources, answers = _at(getattr(data.sources, split), chosen), _at(getattr(data, split), chosen)
    return Translated(sources, answers, *map(as_floats, (sources, sources, answers)))


def as_floats(samples: Tensor) -> Tensor:
    """Return samples as networks see them: images in [−1, 1], points as they are."""
    return samples if samples.dtype != torch.uint8 else samples.float() / 127.5 - 1


def _at(split: NDArray[np.generic], places: Tensor) -> Tensor:
    return torch.from_numpy(np.array(split[places.numpy()]))
