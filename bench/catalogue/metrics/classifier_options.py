"""The options of metrics that train a classifier."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveFloat

from bench.catalogue import Options


class ClassifierOptions(Options):
    """The training of a classifier: number of steps, samples per batch, and learning rate of Adam, which falls to 0."""

    steps: int = Field(default=300, gt=0, le=1_000_000)
    batch_size: int = Field(default=32, ge=2, le=100_000)
    lr: PositiveFloat = 2e-3


class UsefulnessOptions(ClassifierOptions):
    """The training of the classifiers, and the usual augmentation.

    ``shift``: the largest shift of an image, as a share of its sides.
    ``degrees``: the largest rotation.
    ``flips``: whether half of the images are mirrored left to right, which suits photographs but not digits.
    """

    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    degrees: Annotated[float, Field(ge=0, le=180)] = 10.0
    flips: bool = False
