"""The architectures: families of networks with a generator and a critic, one module per family.

To add one, write a module with ``generator(options, latent, shape)`` and ``critic(options, shape)``, which both return
an ``nn.Module``, and add its options and an entry here; the tests cover every entry. This module does not import torch,
so listing the architectures and validating a suite do not need it.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple, Protocol, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, model_validator

from bench.catalogue import Options
from bench.catalogue.architectures.critic_options import CriticOptions as CriticOptions
from bench.catalogue.architectures.critic_options import GroupOptions
from bench.catalogue.architectures.critic_options import Normalisation as Normalisation
from bench.catalogue.architectures.critic_options import mixes_samples as mixes_samples
from bench.catalogue.architectures.shapes import (
    any_shape,
    large_square_image,
    short_sound,
    single_number,
    sound_or_string,
    square_image,
)
from bench.catalogue.architectures.signal_options import Resnet1dOptions, WaveganOptions

Shape = tuple[int, ...]
CONCATENATION = "concatenation"
Activation = Literal["relu", "leaky-relu", "tanh", "elu", "gelu", "softplus"]


class Fits(Protocol):
    """Return None if a family supports samples of a shape, else a description of the shapes that it supports."""

    def __call__(self, shape: Shape) -> str | None: ...  # noqa: D102


class MlpOptions(CriticOptions):
    """Options of fully connected networks.

    ``width``: units per hidden layer, by default 128.
    ``depth``: number of hidden layers, by default 3.
    ``activation``: by default "relu" for the generator and "leaky-relu" (slope 0.2) for the critic.
    ``normalisation``: between linear layer and activation, by default "none"; "spectral" is on all weights.
    ``maxout``: if positive, replaces the activation by the maximum over this many linear pieces, as in PacGAN.
    """

    width: int = Field(default=128, gt=0, le=16_384)
    depth: int = Field(default=3, gt=0, le=1_000)
    activation: Activation = "relu"
    normalisation: Normalisation = "none"
    maxout: NonNegativeInt = 0


class DcganOptions(CriticOptions):
    """Options of DCGAN.

    ``width``: channels of the layer next to the image, doubled with every halving of the size; by default 64.
    ``normalisation``: by default "batch".
    """

    width: int = Field(default=64, gt=0, le=16_384)
    normalisation: Normalisation = "batch"


class DcganUpsampleOptions(CriticOptions):
    """Options of DCGAN with upsampling.

    ``width``: channels of the generator's first layers, by default 128; all other widths are proportional to it.
    ``normalisation``: by default "batch".
    ``normalisation_eps``: ε of all normalisations but the generator's first, by default 1e-5; 0.8 in many tutorials.
    """

    width: int = Field(default=128, gt=0, le=16_384)
    normalisation: Normalisation = "batch"
    normalisation_eps: PositiveFloat = 1e-5


class ResnetOptions(CriticOptions):
    """Options of residual networks.

    ``width``: channels of all blocks, by default 128.
    ``normalisation``: by default "batch" for the generator and "none" for the critic.
    ``pooling``: over the critic's last feature map, by default the "mean" (Gulrajani et al. 2017). The code of Miyato
    et al. 2018 takes the "sum"; with the mean, the logits of a spectrally normalised critic are close to 0.
    """

    width: int = Field(default=128, gt=0, le=16_384)
    normalisation: Normalisation = "batch"
    pooling: Literal["mean", "sum"] = "mean"


class DoubledOptions(GroupOptions):
    """Options of networks whose channels double with every halving of the size, up to a limit.

    ``width``: channels of the feature maps of the image's size.
    ``widest``: no feature map has more channels.
    """

    width: int = Field(default=64, gt=0, le=16_384)
    widest: int = Field(default=512, gt=0, le=16_384)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.widest < self.width:
            raise ValueError(f"widest = {self.widest} is below width = {self.width}; set widest to at least the width")
        return self

    def widths(self, stages: int) -> list[int]:
        """Return the channels of the feature maps, from the smallest map to the one of the image's size."""
        return [min(self.width * 2**halvings, self.widest) for halvings in reversed(range(stages))]


class StyleganOptions(DoubledOptions):
    """Options of StyleGAN2.

    ``width``: channels next to the image, doubled with every halving of the size up to ``widest``; by default 64.
    ``widest``: by default 512. Styles are as long as the smallest feature map has channels.
    ``mapping_depth``: layers of the mapping network, by default 8.
    ``noise``: whether the generator adds noise to every pixel, by default true.
    ``minibatch_deviation``: by default 4 for the critic.
    """

    of_generators: ClassVar[tuple[str, ...]] = ("mapping_depth", "noise")
    mapping_depth: int = Field(default=8, gt=0, le=1_000)
    noise: bool = True


class R3ganOptions(DoubledOptions):
    """Options of R3GAN.

    ``width``: channels next to the image, doubled with every halving of the size up to ``widest``; by default 96.
    ``widest``: by default 768.
    ``blocks``: residual blocks per size, by default 2.
    ``group``: channels in each group of the grouped convolutions, by default 16; if it does not divide them, the next
    larger number that does.
    """

    width: int = Field(default=96, gt=0, le=16_384)
    widest: int = Field(default=768, gt=0, le=16_384)
    blocks: int = Field(default=2, gt=0, le=1_000)
    group: int = Field(default=16, gt=0, le=32_768)


class DiracOptions(Options):
    """``start``: the initial value of the only parameter, θ of the generator and ψ of the critic; by default 1."""

    start: float = 1.0


class Architecture(NamedTuple):
    """A family of networks.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set in ``architecture`` and, for the critic alone, in ``critic``.
        module: Name of the module with ``generator(options, latent, shape)`` and ``critic(options, shape)``, imported
            when networks are built. The generator maps latents [n, latent] to samples [n, *shape], images from −1
            (black) to 1 (white), beyond which they are clipped when they are measured; the critic maps samples to
            logits [n]. Neither changes its input in place. A generator with noise in its layers has an attribute
            ``noise_numbers``, k: in training it gets latents with k further normal numbers, [n, latent + k].
        fits: Which shapes of samples the family supports.
        critic_defaults: Defaults of the critic's options that differ from the generator's.
        conditional: How labels enter the networks. "concatenation": they are further latents, and further channels of
            images or coordinates of points; the module's functions build these networks from larger numbers. Otherwise
            the module with ``generator(options, latent, classes, shape)`` and ``critic(options, classes, shape)``,
            whose inputs are latents and flattened samples, each followed by the label as one-hot numbers. "": not
            at all.
    """

    summary: str
    options: type[Options]
    module: str
    fits: Fits
    critic_defaults: dict[str, object] = {}
    conditional: str = ""


ARCHITECTURES = {
    "dirac": Architecture(
        "one parameter per player: generated point θ, logit ψ·x (Mescheder et al. 2018)",
        DiracOptions,
        "bench.catalogue.architectures.dirac",
        single_number,
    ),
    "mlp": Architecture(
        "fully connected: width, depth, activation, normalisation, maxout",
        MlpOptions,
        "bench.catalogue.architectures.mlp",
        any_shape,
        {"activation": "leaky-relu"},
        CONCATENATION,
    ),
    "dcgan": Architecture(
        "DCGAN: transposed and strided convolutions (Radford et al. 2016)",
        DcganOptions,
        "bench.catalogue.architectures.dcgan",
        square_image,
        conditional=CONCATENATION,
    ),
    "dcgan-upsample": Architecture(
        "DCGAN with nearest-neighbour upsampling and 3×3 convolutions, 128–128–64 channels",
        DcganUpsampleOptions,
        "bench.catalogue.architectures.dcgan_upsample",
        square_image,
        conditional=CONCATENATION,
    ),
    "resnet": Architecture(
        "residual networks (Gulrajani et al. 2017; Miyato et al. 2018)",
        ResnetOptions,
        "bench.catalogue.architectures.resnet",
        large_square_image,
        {"normalisation": "none"},
        "bench.catalogue.architectures.conditional_resnet",
    ),
    "stylegan": Architecture(
        "StyleGAN2: styles, noise per pixel, equalised learning rate (Karras et al. 2020)",
        StyleganOptions,
        "bench.catalogue.architectures.stylegan",
        large_square_image,
        {"minibatch_deviation": 4},
    ),
    "r3gan": Architecture(
        "R3GAN: residual blocks of grouped convolutions without normalisation (Huang et al. 2024)",
        R3ganOptions,
        "bench.catalogue.architectures.r3gan",
        large_square_image,
    ),
    "wavegan": Architecture(
        "WaveGAN for sounds: 1-D convolutions of size 25 and stride 4 (Donahue et al. 2019)",
        WaveganOptions,
        "bench.catalogue.architectures.wavegan",
        short_sound,
        conditional=CONCATENATION,
    ),
    "resnet-1d": Architecture(
        "1-D residual networks for strings and sounds: 5 blocks, softmax for letters (Gulrajani et al. 2017)",
        Resnet1dOptions,
        "bench.catalogue.architectures.resnet_1d",
        sound_or_string,
        conditional=CONCATENATION,
    ),
}
