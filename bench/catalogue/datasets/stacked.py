"""Stacked images: three random images of a dataset as the channels of one, 1000 modes from ten classes.

Stacked MNIST goes back to Metz et al. 2017 and Che et al. 2017; images of other datasets are stacked the same way.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bench.catalogue import Options
from bench.catalogue.datasets import images
from bench.catalogue.datasets.data import Data, make_data


class StackedOptions(Options):
    """How many stacked images to train on; a fifth as many are for testing."""

    images: int = Field(default=50_000, ge=10)


def stacked_digits(options: StackedOptions) -> Data:
    """Scikit-learn's handwritten digits, [n, 3, 8, 8]."""
    return _stacked(options, images.digits)


def stacked_fashion(options: StackedOptions) -> Data:
    """Fashion-MNIST, [n, 3, 28, 28]."""
    return _stacked(options, images.fashion_mnist)


def stacked_mnist(options: StackedOptions) -> Data:
    """MNIST, [n, 3, 28, 28]."""
    return _stacked(options, images.mnist)


def _stacked(options: StackedOptions, load: Callable[[Options], Data]) -> Data:
    """Each split from the same split of the base dataset; always the same, whatever the seed of a run."""
    base = load(Options())
    splits = ((base.train, options.images), (base.test, options.images // 5))
    train, test = (
        singles[triplets(count, len(singles), seed), 0]
        for (singles, count), seed in zip(splits, np.random.SeedSequence(0).spawn(2), strict=True)
    )
    return make_data(train, test)


def triplets(count: int, singles: int, seed: np.random.SeedSequence) -> NDArray[np.int64]:
    """Which of the single images are red, green and blue, [count, 3]: independent, with replacement."""
    return np.random.Generator(np.random.PCG64(seed)).integers(singles, size=(count, 3))
