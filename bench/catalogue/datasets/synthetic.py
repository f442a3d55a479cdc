"""Synthetic data: a point, and mixtures of Gaussians in the plane with known modes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, model_validator

from bench.catalogue import Options
from bench.catalogue.datasets.data import Data, Labels, Modes, make_data
from bench.catalogue.datasets.few_examples import LabelledOptions

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weights = Annotated[tuple[Weight, ...], Field(strict=False)] | None


class RingOptions(LabelledOptions):
    """Options of Gaussians on a circle; the defaults are PacGAN's (Lin et al. 2018, section 4.1).

    ``modes``: number of Gaussians, by default 8.
    ``radius``: radius of the circle, by default 1.
    ``sigma``: standard deviation of each Gaussian, by default 0.01.
    ``points``: number of training samples, by default 100,000; the test split has a fifth of it.
    ``weights``: relative weight of each Gaussian, in the order of their angles; by default all are equally likely.
    ``examples_per_class``: how many training points of each Gaussian a run gets; by default all.
    """

    modes: int = Field(default=8, gt=0, le=10_000)
    radius: PositiveFloat = 1.0
    sigma: PositiveFloat = 0.01
    points: int = Field(default=100_000, gt=0, le=10_000_000)
    weights: Weights = None

    @model_validator(mode="after")
    def _one_weight_per_mode(self) -> RingOptions:
        _check_weights(self.weights, self.modes)
        return self


class GridOptions(LabelledOptions):
    """Options of Gaussians on a square grid; the defaults are PacGAN's (Lin et al. 2018, section 4.1).

    ``side``: number of Gaussians along each side, by default 5, which makes 25 modes.
    ``step``: distance between neighbouring modes, by default 2.
    ``sigma``: standard deviation of each Gaussian, by default 0.05.
    ``points``: number of training samples, by default 100,000; the test split has a fifth of it.
    ``weights``: relative weight of each Gaussian, column by column; by default all are equally likely.
    ``examples_per_class``: how many training points of each Gaussian a run gets; by default all.
    """

    side: int = Field(default=5, gt=0, le=100)
    step: PositiveFloat = 2.0
    sigma: PositiveFloat = 0.05
    points: int = Field(default=100_000, gt=0, le=10_000_000)
    weights: Weights = None

    @model_validator(mode="after")
    def _one_weight_per_mode(self) -> GridOptions:
        _check_weights(self.weights, self.side**2)
        return self


def _check_weights(weights: tuple[float, ...] | None, modes: int) -> None:
    if weights is not None and len(weights) != modes:
        raise ValueError(f"weights: expected one for each of the {modes} modes, not {len(weights)}")


def point(options: Options) -> Data:
    """Return samples [16, 1] that are all 0: the data of the Dirac-GAN (Mescheder et al. 2018, section 2)."""
    return make_data(np.zeros((16, 1), dtype=np.float32), np.zeros((16, 1), dtype=np.float32))


def ring(options: RingOptions) -> Data:
    """Return Gaussians on a circle around the origin, the first at angle 0."""
    angles = 2 * np.pi * np.arange(options.modes) / options.modes
    centres = options.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _mixture(Modes(centres, options.sigma, _normalised(options.weights)), options.points)


def grid(options: GridOptions) -> Data:
    """Return Gaussians on a square grid around the origin."""
    ticks = options.step * (np.arange(options.side) - (options.side - 1) / 2)
    centres = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return _mixture(Modes(centres, options.sigma, _normalised(options.weights)), options.points)


def _normalised(weights: tuple[float, ...] | None) -> NDArray[np.float64] | None:
    return None if weights is None else np.array(weights) / np.sum(weights)


def _mixture(modes: Modes, points: int) -> Data:
    """Draw ``points`` training samples and a fifth as many test samples, the same for every seed of a run."""
    train, test = np.random.SeedSequence(0).spawn(2)
    first, second = _sample(modes, points, train), _sample(modes, max(1, points // 5), test)
    labels = Labels(first[1], second[1], tuple(map(str, range(len(modes.centres)))))
    return make_data(first[0], second[0], modes, labels=labels)


def _sample(modes: Modes, count: int, seed: np.random.SeedSequence) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return points [count, d] and the mode of each."""
    generator = np.random.Generator(np.random.PCG64(seed))
    if modes.weights is None:
        labels = generator.integers(len(modes.centres), size=count)
    else:
        labels = generator.choice(len(modes.centres), size=count, p=modes.weights)
    noise = modes.sigma * generator.standard_normal((count, modes.centres.shape[1]))
    return (modes.centres[labels] + noise).astype(np.float32), labels.astype(np.int64)
