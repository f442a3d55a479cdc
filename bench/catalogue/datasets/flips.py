"""The option of image datasets that mirrors the images of training at random."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from bench.catalogue import Options
from bench.catalogue.datasets.data import Data
from bench.catalogue.datasets.few_examples import LabelledOptions


class ImageOptions(LabelledOptions):
    """``flips``: whether training mirrors each image left to right with probability ½; by default false.

    ``examples_per_class``: how many training examples of each class a run gets; by default all.
    """

    flips: bool = False


def are_flipped(options: Options) -> bool:
    """Return whether training mirrors the images of a dataset with these options."""
    return bool(getattr(options, "flips", False))


def with_flips(data: Data) -> Data:
    """Return data whose fingerprint says that training mirrors them; the arrays stay as they are.

    The fingerprint is part of the identity of runs, and runs share a pack only if theirs are equal.
    """
    return replace(data, fingerprint=hashlib.sha256(f"{data.fingerprint} flips".encode()).hexdigest())
