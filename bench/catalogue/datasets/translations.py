"""Datasets of translations: each sample is the known answer to a source, so that a translation can be marked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from bench.catalogue import Options
from bench.catalogue.datasets import images
from bench.catalogue.datasets.data import Data, Modes, Sources, make_data

Images = NDArray[np.uint8]
Points = NDArray[np.float64]
CENTRES = ((-1.0, -0.6), (1.0, -0.8), (0.1, 0.9), (-0.9, 0.8))  # of the sources; no symmetry maps them onto themselves
WEIGHTS = (0.4, 0.3, 0.2, 0.1)  # all different, so only one assignment of modes to modes keeps them


class MovedPointsOptions(Options):
    """Options of points that are rotated around the origin and shifted.

    ``angle``: the rotation in degrees, by default 20.
    ``shift``: the distance by which they are moved to the right and upwards, by default 0.3.
    ``sigma``: the standard deviation of each Gaussian, by default 0.05.
    ``points``: number of training samples, by default 20,000; the test split has a fifth of it.
    """

    angle: Annotated[float, Field(ge=-180, le=180)] = 20.0
    shift: Annotated[float, Field(ge=-100, le=100)] = 0.3
    sigma: PositiveFloat = 0.05
    points: int = Field(default=20_000, ge=10, le=10_000_000)


class InvertedDigitsOptions(Options):
    """``quarter_turns``: by how many times 90° the inverted digits are rotated anticlockwise, by default 0."""

    quarter_turns: int = Field(default=0, ge=0, le=3)


class LowResolutionDigitsOptions(Options):
    """``factor``: the side of the squares of pixels that are averaged, by default 2."""

    factor: Literal[2, 4] = 2


class LowResolutionFashionOptions(Options):
    """``factor``: the side of the squares of pixels that are averaged, by default 4."""

    factor: Literal[2, 4, 7, 14] = 4


def moved_points(options: MovedPointsOptions) -> Data:
    """Return four Gaussians of different weights as sources, and the same points rotated and shifted as samples.

    A continuous translation that is inverted by another one maps modes to modes, and each mode to one of the same
    weight. As all weights differ, only one assignment is left: that of the answer. Within a mode, rotations around its
    centre stay possible; they move a point by a few ``sigma`` at most.
    """
    angle = np.deg2rad(options.angle)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def moved(points: Points) -> Points:
        return np.asarray(points @ rotation.T + options.shift)

    centres, sizes = np.array(CENTRES), (options.points, options.points // 5)
    drawn = [
        _cloud(centres, options.sigma, size, seed)
        for size, seed in zip(sizes, np.random.SeedSequence(0).spawn(2), strict=True)
    ]
    train, test = (moved(points).astype(np.float32) for points in drawn)
    modes = Modes(moved(centres), options.sigma, np.array(WEIGHTS))
    return make_data(train, test, modes, sources=Sources(*(points.astype(np.float32) for points in drawn)))


def _cloud(centres: Points, sigma: float, count: int, seed: np.random.SeedSequence) -> Points:
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen = centres[generator.choice(len(centres), size=count, p=WEIGHTS)]
    return np.asarray(chosen + sigma * generator.standard_normal(chosen.shape))


def inverted_digits(options: InvertedDigitsOptions) -> Data:
    """Return handwritten digits; their sources are inverted, and rotated if the options say so."""
    return _from_answers(images.digits(Options()), lambda digits: _inverted(digits, options.quarter_turns))


def _inverted(digits: Images, quarter_turns: int) -> Images:
    return np.ascontiguousarray(np.rot90(255 - digits, quarter_turns, axes=(2, 3)))


def low_resolution_digits(options: LowResolutionDigitsOptions) -> Data:
    """Return handwritten digits; their sources are averaged over squares of pixels."""
    return _from_answers(images.digits(Options()), lambda digits: averaged(digits, options.factor))


def low_resolution_fashion(options: LowResolutionFashionOptions) -> Data:
    """Return the images of Fashion-MNIST; their sources are averaged over squares of pixels."""
    return _from_answers(images.fashion_mnist(Options()), lambda clothes: averaged(clothes, options.factor))


def fashion_contours(options: Options) -> Data:
    """Return the images of Fashion-MNIST; their sources are their contours."""
    return _from_answers(images.fashion_mnist(Options()), contours)


def averaged(pictures: Images, factor: int) -> Images:
    """Return images [n, channels, h, w] of the same size, constant on squares of ``factor`` × ``factor`` pixels."""
    count, channels, height, width = pictures.shape
    blocks = pictures.reshape(count, channels, height // factor, factor, width // factor, factor)
    means = np.rint(blocks.mean(axis=(3, 5), dtype=np.float32)).astype(np.uint8)
    return np.asarray(means.repeat(factor, axis=2).repeat(factor, axis=3))


def contours(pictures: Images) -> Images:
    """Return the largest minus the smallest grey level of the 3×3 pixels around each pixel, black where they agree."""
    return _extreme(pictures, np.maximum) - _extreme(pictures, np.minimum)


def _extreme(pictures: Images, choose: Callable[[Images, Images], Images]) -> Images:
    """Return the extreme of 3×3 pixels around each; outside an image, its edge goes on."""
    for axis in (2, 3):
        padded = np.pad(pictures, [(1, 1) if each == axis else (0, 0) for each in range(4)], mode="edge")
        moved = padded.swapaxes(0, axis)  # a view, whose first axis is the one to move along
        pictures = choose(choose(moved[:-2], moved[1:-1]), moved[2:]).swapaxes(0, axis)
    return pictures


def _from_answers(answers: Data, source_of: Callable[[Images], Images]) -> Data:
    train, test = np.asarray(answers.train, dtype=np.uint8), np.asarray(answers.test, dtype=np.uint8)
    return make_data(train, test, sources=Sources(source_of(train), source_of(test)))
