"""The architectures: a generator and a critic of one family each; one file a family.

To add one: write a file with ``generator(options, latent, shape)`` and ``critic(options, shape)``, both giving an
``nn.Module``; put its options and one line here. The tests in ``tests/test_architectures.py`` pick it up. Nothing here
imports torch, so that the table can be listed and a suite validated without it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from bench.catalogue import Options

Shape = tuple[int, ...]
Normalisation = Literal["none", "batch", "layer", "spectral"]
Activation = Literal["relu", "leaky-relu", "tanh", "elu", "gelu", "softplus"]


class Fits(Protocol):
    """Whether a family can make and judge samples of this shape: None, or what it asks for."""

    def __call__(self, shape: Shape) -> str | None: ...  # noqa: D102


class MlpOptions(Options):
    """Fully connected layers; ``maxout`` > 0 replaces the activation by the largest of so many pieces (PacGAN)."""

    width: PositiveInt = 128
    depth: PositiveInt = 3
    activation: Activation = "relu"
    normalisation: Normalisation = "none"
    maxout: NonNegativeInt = 0


class DcganOptions(Options):
    """Strided convolutions; ``width`` is the number of channels beside the image."""

    width: PositiveInt = 64
    normalisation: Normalisation = "batch"


class DcganUpsampleOptions(Options):
    """Nearest-neighbour upsampling and 3×3 convolutions; ``normalisation_eps`` is 0.8 in many tutorials."""

    width: PositiveInt = 128
    normalisation: Normalisation = "batch"
    normalisation_eps: PositiveFloat = 1e-5


class ResnetOptions(Options):
    """Residual blocks; ``width`` is the number of channels of all of them."""

    width: PositiveInt = 128
    normalisation: Normalisation = "batch"


class DiracOptions(Options):
    """One parameter a player, and where it begins: θ of the generator, ψ of the critic."""

    start: float = 1.0


class Architecture(NamedTuple):
    """A family of networks.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set, for the generator and, in ``critic``, for the critic.
        module: Where ``generator`` and ``critic`` are, imported when networks are built.
        fits: Whether the family can make samples of a shape.
        critic_defaults: What is different for the critic unless the suite says otherwise.
    """

    summary: str
    options: type[Options]
    module: str
    fits: Fits
    critic_defaults: dict[str, object] = {}


def any_shape(shape: Shape) -> str | None:
    """Everything fits."""
    return None


def point_of_the_line(shape: Shape) -> str | None:
    """Only single numbers."""
    return None if shape == (1,) else "single numbers"


def square_image(shape: Shape) -> str | None:
    """Only square images, 8 to 64 pixels wide, of 1 or 3 channels."""
    if len(shape) == 3 and shape[1] == shape[2] and 8 <= shape[1] <= 64 and shape[0] in (1, 3):
        return None
    return "square images of 8×8 to 64×64 pixels with 1 or 3 channels"


ARCHITECTURES = {
    "dirac": Architecture(
        "one parameter a player: point θ against logit ψ·x (Mescheder et al. 2018)",
        DiracOptions,
        "bench.catalogue.architectures.dirac",
        point_of_the_line,
    ),
    "mlp": Architecture(
        "fully connected: width, depth, activation, normalisation, maxout",
        MlpOptions,
        "bench.catalogue.architectures.mlp",
        any_shape,
        {"activation": "leaky-relu"},
    ),
    "dcgan": Architecture(
        "transposed and strided convolutions (Radford et al. 2016)",
        DcganOptions,
        "bench.catalogue.architectures.dcgan",
        square_image,
    ),
    "dcgan-upsample": Architecture(
        "nearest-neighbour upsampling and 3×3 convolutions, 128–128–64",
        DcganUpsampleOptions,
        "bench.catalogue.architectures.dcgan_upsample",
        square_image,
    ),
    "resnet": Architecture(
        "residual blocks (Gulrajani et al. 2017; Miyato et al. 2018)",
        ResnetOptions,
        "bench.catalogue.architectures.resnet",
        square_image,
        {"normalisation": "none"},
    ),
}
