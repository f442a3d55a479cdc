"""Options of the networks for sounds and strings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bench.catalogue.architectures.critic_options import CriticOptions, Normalisation


class WaveganOptions(CriticOptions):
    """Options of WaveGAN.

    ``width``: channels of the layer next to the sound, doubled with every layer; by default 64.
    ``normalisation``: by default "none".
    ``phase_shuffle``: of the critic, by default 0 for none (2 in Donahue et al. 2019): before each layer but the first,
    activations are shifted in time by a random number of places, from −phase_shuffle to phase_shuffle.
    """

    of_critics: ClassVar[tuple[str, ...]] = ("phase_shuffle",)
    width: int = Field(default=64, gt=0, le=16_384)
    normalisation: Normalisation = "none"
    phase_shuffle: int = Field(default=0, ge=0, le=15)


class Resnet1dOptions(CriticOptions):
    """Options of one-dimensional residual networks.

    ``width``: channels of all blocks, by default 128 (512 in Gulrajani et al. 2017).
    ``blocks``: number of residual blocks, by default 5.
    ``normalisation``: before every ReLU, by default "none".
    """

    width: int = Field(default=128, gt=0, le=16_384)
    blocks: int = Field(default=5, gt=0, le=1_000)
    normalisation: Normalisation = "none"
