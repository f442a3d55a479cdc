"""Stacked images: three random grey images as the channels of a colour image, so that 10 classes make 1,000 modes.

Stacked MNIST was introduced by Metz et al. 2017 and Che et al. 2017. Images of other datasets are stacked the same way.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bench.catalogue import Options
from bench.catalogue.datasets import images
from bench.catalogue.datasets.data import Data, make_data
from bench.catalogue.datasets.flips import ImageOptions


class StackedOptions(ImageOptions):
    """``images``: number of stacked images in the training split, by default 50,000; the test split has a fifth.

    ``flips``: as in ``ImageOptions``.
    """

    images: int = Field(default=50_000, ge=10, le=500_000)


def stacked_digits(options: StackedOptions) -> Data:
    """Return stacks of scikit-learn's handwritten digits, [n, 3, 8, 8]."""
    return _stacked(options, images.digits)


def stacked_fashion(options: StackedOptions) -> Data:
    """Return stacks of Fashion-MNIST, [n, 3, 28, 28]."""
    return _stacked(options, images.fashion_mnist)


def stacked_mnist(options: StackedOptions) -> Data:
    """Return stacks of MNIST, [n, 3, 28, 28]."""
    return _stacked(options, images.mnist)


def _stacked(options: StackedOptions, load: Callable[[Options], Data]) -> Data:
    """Stack images within each split of the base dataset. The stacks are the same for every seed of a run."""
    base = load(Options())
    splits = ((base.train, options.images), (base.test, options.images // 5))
    train, test = (
        singles[triplets(count, len(singles), seed), 0]
        for (singles, count), seed in zip(splits, np.random.SeedSequence(0).spawn(2), strict=True)
    )
    return make_data(train, test)


def triplets(count: int, singles: int, seed: np.random.SeedSequence) -> NDArray[np.int64]:
    """Return the indices of the images for the three channels, [count, 3], drawn independently with replacement."""
    return np.random.Generator(np.random.PCG64(seed)).integers(singles, size=(count, 3))
