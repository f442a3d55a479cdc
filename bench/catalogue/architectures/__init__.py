"""The architectures: families of networks with a generator and a critic, one module per family.

To add one, write a module with ``generator(options, latent, shape)`` and ``critic(options, shape)``, which both return
an ``nn.Module``, and add its options and an entry here; the tests cover every entry. This module does not import torch,
so listing the architectures and validating a suite do not need it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from pydantic import Field, NonNegativeInt, PositiveFloat

from bench.catalogue import Options
from bench.catalogue.architectures.critic_options import CriticOptions as CriticOptions
from bench.catalogue.architectures.critic_options import mixes_samples as mixes_samples

Shape = tuple[int, ...]
Normalisation = Literal["none", "batch", "layer", "spectral"]
LARGEST_SIZE = 256  # the width of DCGAN doubles with every halving of the size, so larger networks take gigabytes
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


class DiracOptions(Options):
    """``start``: the initial value of the only parameter, θ of the generator and ψ of the critic; by default 1."""

    start: float = 1.0


class Architecture(NamedTuple):
    """A family of networks.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set in ``architecture`` and, for the critic alone, in ``critic``.
        module: Name of the module with ``generator(options, latent, shape)`` and ``critic(options, shape)``, imported
            when networks are built. The generator maps latents [n, latent] to samples [n, *shape], images in [−1, 1];
            the critic maps samples to logits [n]. Neither changes its input in place.
        fits: Which shapes of samples the family supports.
        critic_defaults: Defaults of the critic's options that differ from the generator's.
    """

    summary: str
    options: type[Options]
    module: str
    fits: Fits
    critic_defaults: dict[str, object] = {}


def any_shape(shape: Shape) -> str | None:
    """Support every shape."""
    return None


def single_number(shape: Shape) -> str | None:
    """Support samples of one number."""
    return None if shape == (1,) else "single numbers"


def square_image(shape: Shape) -> str | None:
    """Support square images of 8 to 256 pixels with 1 or 3 channels."""
    if len(shape) == 3 and shape[1] == shape[2] and 8 <= shape[1] <= LARGEST_SIZE and shape[0] in (1, 3):
        return None
    return f"square images of 8×8 to {LARGEST_SIZE}×{LARGEST_SIZE} pixels with 1 or 3 channels"


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
    ),
    "dcgan": Architecture(
        "DCGAN: transposed and strided convolutions (Radford et al. 2016)",
        DcganOptions,
        "bench.catalogue.architectures.dcgan",
        square_image,
    ),
    "dcgan-upsample": Architecture(
        "DCGAN with nearest-neighbour upsampling and 3×3 convolutions, 128–128–64 channels",
        DcganUpsampleOptions,
        "bench.catalogue.architectures.dcgan_upsample",
        square_image,
    ),
    "resnet": Architecture(
        "residual networks (Gulrajani et al. 2017; Miyato et al. 2018)",
        ResnetOptions,
        "bench.catalogue.architectures.resnet",
        square_image,
        {"normalisation": "none"},
    ),
}
