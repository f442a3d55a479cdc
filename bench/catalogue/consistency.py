"""Consistency regularisation: the critic should judge a sample and a slightly changed copy alike.

Tensors have a first dimension for the s runs of a pack.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import Field, NonNegativeFloat, PositiveFloat

from bench.catalogue.augmentations import SHIFT, flipped, offsets, translated
from bench.catalogue.term_options import TermOptions

if TYPE_CHECKING:
    from torch import Tensor

    Critic = Callable[[Tensor], Tensor]  # samples [s, n, ...] → logits [s, n]
    Draw = Callable[[int], Tensor]  # k → numbers from U(0, 1), [s, n, k]


class BcrOptions(TermOptions):
    """Options of balanced consistency regularisation, besides ``weight`` (by default 10) and ``every``.

    ``balance``: the weight of generated samples relative to that of real ones, by default 1; 0 is CR-GAN.
    ``shift``: the largest translation of images, as a share of their sides, by default an eighth.
    ``sigma``: the standard deviation of the noise on points, by default 0.01.
    """

    balance: NonNegativeFloat = 1.0
    shift: Annotated[float, Field(ge=0, le=1)] = SHIFT
    sigma: PositiveFloat = 0.01


class ZcrOptions(TermOptions):
    """Options of latent consistency regularisation, besides ``every``, which holds for the critic's term.

    ``weight``: the factor of the critic's term, by default 5.
    ``generator_weight``: the factor of the generator's term, by default 0.5.
    ``sigma``: the standard deviation of the latents' change, by default 0.03.
    """

    weight: PositiveFloat = 5.0
    generator_weight: NonNegativeFloat = 0.5
    sigma: PositiveFloat = 0.03


class Judged(NamedTuple):
    """Samples as the critics saw them, [s, n, ...], and the logits that they gave, [s, n]."""

    samples: Tensor
    logits: Tensor


class LatentConsistency(NamedTuple):
    """What a regulariser does with generated samples and those of changed latents.

    Attributes:
        move: (options, latents [s, n, latent], standard normal noise like latents) → the changed latents.
        critic: (options, logits of the generated samples, logits of those of the changed latents, [s, n] each) → a
            term of the critic's loss, [s, n], before its weight.
        generator: (options, generated samples, those of the changed latents, [s, n, ...] each) → a term of the
            generator's loss, [s, n].
    """

    move: Callable[[Any, Tensor, Tensor], Tensor]
    critic: Callable[[Any, Tensor, Tensor], Tensor]
    generator: Callable[[Any, Tensor, Tensor], Tensor]


def balanced(options: BcrOptions, critic: Critic, real: Judged, fake: Judged, draw: Draw) -> Tensor:
    """Return (D(x) − D(T(x)))² + balance · (D(G(z)) − D(T(G(z))))², [s, n], with T as in ``changed``.

    Source: Zhang et al. 2020, eq. 4 (real samples only); Zhao et al. 2021, algorithm 1 (both).
    """
    term = (real.logits - critic(changed(options, real.samples, draw))).square()
    if not options.balance:
        return term
    return term + options.balance * (fake.logits - critic(changed(options, fake.samples, draw))).square()


def changed(options: BcrOptions, samples: Tensor, draw: Draw) -> Tensor:
    """Return flipped and translated images, or points with Gaussian noise of standard deviation ``sigma``.

    The noise is made from uniform numbers, two for each coordinate, as by Box & Muller 1958.
    """
    if samples.dim() == 5:
        uniform = draw(3)
        images = flipped(samples, uniform[..., 0])
        return translated(images, *offsets(images, uniform[..., 1:], options.shift))
    first, second = draw(2 * samples[0, 0].numel()).chunk(2, dim=-1)
    normal = (-2 * (1 - first).log()).sqrt() * (2 * pi * second).cos()  # 1 − u is never 0
    return samples + options.sigma * normal.view_as(samples)


def moved_latents(options: ZcrOptions, latents: Tensor, normal: Tensor) -> Tensor:
    """Return z + δ, δ ~ N(0, sigma²)."""
    return latents + options.sigma * normal


def latent_critic(options: ZcrOptions, logits: Tensor, moved: Tensor) -> Tensor:
    """Return (D(G(z)) − D(G(z + δ)))², [s, n].

    Source: Zhao et al. 2021, algorithm 2.
    """
    return (logits - moved).square()


def latent_generator(options: ZcrOptions, samples: Tensor, moved: Tensor) -> Tensor:
    """Return −λ‖G(z) − G(z + δ)‖², [s, n], with λ = ``generator_weight``: changed latents should change samples.

    Source: Zhao et al. 2021, algorithm 2.
    """
    return -options.generator_weight * (samples - moved).flatten(2).square().sum(dim=2)
