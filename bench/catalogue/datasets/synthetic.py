"""A point, and mixtures of Gaussians in the plane whose modes are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveFloat, PositiveInt

from bench.catalogue import Options
from bench.catalogue.datasets.data import Data, Modes, make_data


class RingOptions(Options):
    """PacGAN's scales (Lin et al. 2018, section 4.1)."""

    modes: PositiveInt = 8
    radius: PositiveFloat = 1.0
    sigma: PositiveFloat = 0.01
    points: PositiveInt = 100_000


class GridOptions(Options):
    """PacGAN's scales (Lin et al. 2018, section 4.1): ``side``² modes, ``step`` apart, around the origin."""

    side: PositiveInt = 5
    step: PositiveFloat = 2.0
    sigma: PositiveFloat = 0.05
    points: PositiveInt = 100_000


def point(options: Options) -> Data:
    """All real samples at the origin of the line: the data of the Dirac-GAN (Mescheder et al. 2018, section 2)."""
    return make_data(np.zeros((16, 1), dtype=np.float32), np.zeros((16, 1), dtype=np.float32))


def ring(options: RingOptions) -> Data:
    """Equal Gaussians on a circle around the origin, the first at angle 0."""
    angles = 2 * np.pi * np.arange(options.modes) / options.modes
    centres = options.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _mixture(Modes(centres, options.sigma), options.points)


def grid(options: GridOptions) -> Data:
    """Equal Gaussians on a square grid around the origin."""
    ticks = options.step * (np.arange(options.side) - (options.side - 1) / 2)
    centres = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return _mixture(Modes(centres, options.sigma), options.points)


def _mixture(modes: Modes, points: int) -> Data:
    """``points`` to train on and a fifth as many to test; always the same, whatever the seed of a run."""
    train, test = np.random.SeedSequence(0).spawn(2)
    return make_data(_sample(modes, points, train), _sample(modes, max(1, points // 5), test), modes)


def _sample(modes: Modes, count: int, seed: np.random.SeedSequence) -> NDArray[np.float32]:
    generator = np.random.Generator(np.random.PCG64(seed))
    which = generator.integers(len(modes.centres), size=count)
    noise = modes.sigma * generator.standard_normal((count, modes.centres.shape[1]))
    return (modes.centres[which] + noise).astype(np.float32)
