"""The option of datasets with labels that trains on a few examples of each class, chosen anew for each seed."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bench.catalogue import Options
from bench.errors import DataError

if TYPE_CHECKING:
    from bench.catalogue.datasets.data import Data


class LabelledOptions(Options):
    """``examples_per_class``: how many training examples of each class a run gets; by default all.

    Each seed gets examples of its own. Metrics still compare with the whole dataset.
    """

    examples_per_class: int | None = Field(default=None, gt=0, le=10_000_000)


def with_few_examples(name: str, data: Data, options: Options) -> Data:
    """Return data that say how many examples of each class a run trains on; the arrays stay as they are.

    The number and the labels become part of the fingerprint, and so of the identity of runs and packs.

    Args:
        name: Name of the dataset, for messages.
        data: The whole dataset.
        options: Its options; without ``examples_per_class``, the data are returned unchanged.

    Raises:
        DataError: The dataset has no labels, or a class has fewer training examples.
    """
    count: int | None = getattr(options, "examples_per_class", None)
    if count is None:
        return data
    if data.labels is None:
        raise DataError(f"dataset {name!r} has no labels, which examples_per_class = {count:,} needs")
    sizes = np.bincount(data.labels.train, minlength=len(data.labels.names))
    if sizes.min() < count:
        scarcest = data.labels.names[int(sizes.argmin())]
        raise DataError(
            f"dataset {name!r}: examples_per_class = {count:,} is more than the {sizes.min():,} training examples "
            f"of class {scarcest!r}"
        )
    content = f"{data.fingerprint_for(True)} {count} examples per class"
    return replace(data, fingerprint=hashlib.sha256(content.encode()).hexdigest(), examples_per_class=count)


def choose_examples(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return the positions of ``count`` examples of each class, drawn without replacement, [classes · count], sorted.

    With the same seed, the examples of a smaller count are among those of a larger one.

    Args:
        labels: The class of each training sample, [n].
        count: Examples of each class.
        seed: The seed of the run.
    """
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(b"examples"),)))
    chosen = [generator.permutation(np.flatnonzero(labels == label))[:count] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))
