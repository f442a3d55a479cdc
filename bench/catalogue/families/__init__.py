"""The families of generative models. This module does not import torch.

A family with a loss of its own is one model. Its module has ``model(options, network, latent, shape)``, which returns
an ``nn.Module`` with two functions: ``forward`` maps latents to samples, and ``objective`` maps real samples and noise
to losses, one per sample.

A family that translates is a game like a GAN, with losses and regularisers of the suite's choice. Its module has
``model`` too: ``forward`` maps sources to samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType
from typing import Literal, NamedTuple

from pydantic import Field, NonNegativeFloat, PositiveFloat

from bench.catalogue import Options

GAN = "gan"
SAMPLER_KEYS = ("sampler", "sampler_steps")  # of the protocol of a record
Shape = tuple[int, ...]
Times = Literal["uniform", "logit-normal"]


class Network(NamedTuple):
    """The architecture of a model.

    Attributes:
        name: Its name in the catalogue.
        options: Its options.
    """

    name: str
    options: Options


class VaeOptions(Options):
    """Options of variational autoencoders.

    ``beta``: weight of the KL divergence, by default 1.
    ``draws``: add the decoder's noise to samples; without it, the default, a sample is the decoder's mean.
    ``deviation``: the decoder's standard deviation at the start, by default 1; it is trained.
    """

    beta: NonNegativeFloat = 1.0
    draws: bool = False
    deviation: float = Field(default=1.0, ge=0.01, le=100)


class FlowMatchingOptions(Options):
    """Options of flow matching.

    ``sampler_steps``: steps of Heun's method per sample, by default 16; each evaluates the network twice, but the last.
    ``times``: of training, "uniform" or "logit-normal" with mean −0.8 and deviation 0.8 (Li & He 2025), where the noise
    is strong; by default logit-normal, but uniform for points, whose thin modes need times of little noise.
    """

    sampler_steps: int = Field(default=16, gt=0, le=10_000)
    times: Times | None = None


class AutoregressiveOptions(Options):
    """Options of autoregressive models.

    ``levels``: equal bins per number, by default 256.
    ``extent``: coordinates of points are quantised from −extent to extent, by default 1.5; images over all grey levels.
    ``depth``: hidden layers of masked convolutions, by default 4; with "mlp", the architecture's depth counts.
    """

    levels: int = Field(default=256, ge=2, le=65_536)
    extent: PositiveFloat = 1.5
    depth: int = Field(default=4, gt=0, le=1_000)


class CycleganOptions(Options):
    """Options of CycleGAN.

    ``cycle``: weight of the mean absolute error of both cycles, by default 10 (Zhu et al. 2017).
    ``identity``: weight of the identity terms relative to ``cycle``, by default 0.5 (section 5.2 there).
    ``adversarial``: weight of both adversarial losses, by default 1.
    """

    cycle: NonNegativeFloat = 10.0
    identity: NonNegativeFloat = 0.5
    adversarial: NonNegativeFloat = 1.0


class Pix2pixOptions(Options):
    """Options of pix2pix.

    ``l1``: weight of the mean absolute error against the known answer, by default 100 (Isola et al. 2017).
    ``adversarial``: weight of the adversarial loss, by default 1; with 0 the critic has no influence.
    """

    l1: NonNegativeFloat = 100.0
    adversarial: NonNegativeFloat = 1.0


def _as_latent(latent: int, shape: Shape, options: Options) -> int:
    return latent


def _latent_and_noise(latent: int, shape: Shape, options: Options) -> int:
    return latent + (prod(shape) if getattr(options, "draws", False) else 0)


def _as_sample(latent: int, shape: Shape, options: Options) -> int:
    return prod(shape)


class Family(NamedTuple):
    """A family of generative models.

    Attributes:
        summary: One line for ``ganbench list``.
        options: The options that a suite can set.
        loss: The name of the loss of its model; "" if the suite chooses the loss, and a critic is trained.
        module: Name of the module with ``model``; "" for GANs, whose networks come from the architecture.
        architectures: The architectures that the model can have, with those of their options that it uses. GANs can
            have any.
        latent_numbers: (latent, shape of a sample, options) → how many random numbers a sample is a function of.
        chooses_latent: Whether a suite can choose the dimension of the latent.
        sampler: The numerical method that draws samples, if there is one; the option ``sampler_steps`` says how often.
        translates: Whether samples are translations of sources instead of functions of latents.
        paired: Whether it trains on sources with their answers; otherwise sources and samples are never of one pair.
        numerics: Raised when a change of its code changes the numbers of its runs.
    """

    summary: str
    options: type[Options] = Options
    loss: str = ""
    module: str = ""
    architectures: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    latent_numbers: Callable[[int, Shape, Options], int] = _as_latent
    chooses_latent: bool = True
    sampler: str = ""
    translates: bool = False
    paired: bool = False
    numerics: int = 1


_OF_TRANSLATORS = {
    "mlp": ("width", "depth", "activation", "normalisation", "maxout"),
    "dcgan": ("width", "normalisation"),
}
FAMILIES = {
    GAN: Family("a generator trained against a critic"),
    "vae": Family(
        "variational autoencoder with a Gaussian decoder (Kingma & Welling 2014)",
        VaeOptions,
        "elbo",
        "bench.catalogue.families.vae",
        {
            "mlp": ("width", "depth", "activation", "normalisation", "maxout"),
            "dcgan": ("width", "normalisation"),
        },
        _latent_and_noise,
    ),
    "flow-matching": Family(
        "velocity field from noise to data, the kin of diffusion models (Lipman et al. 2023)",
        FlowMatchingOptions,
        "velocity-error",
        "bench.catalogue.families.flow_matching",
        {"mlp": ("width", "depth", "activation", "normalisation", "maxout"), "dcgan": ("width",)},
        _as_sample,
        chooses_latent=False,
        sampler="heun",
        numerics=2,
    ),
    "autoregressive": Family(
        "each quantised number given those before it: MADE (Germain et al. 2015), PixelCNN (van den Oord et al. 2016)",
        AutoregressiveOptions,
        "log-likelihood",
        "bench.catalogue.families.autoregressive",
        {"mlp": ("width", "depth"), "dcgan": ("width",)},
        _as_sample,
        chooses_latent=False,
    ),
    "cyclegan": Family(
        "translation without pairs: two generators, two critics, cycle and identity terms (Zhu et al. 2017)",
        CycleganOptions,
        module="bench.catalogue.families.cyclegan",
        architectures=_OF_TRANSLATORS,
        latent_numbers=_as_sample,
        chooses_latent=False,
        translates=True,
    ),
    "pix2pix": Family(
        "translation with pairs: a critic of source and sample together, and L1 to the answer (Isola et al. 2017)",
        Pix2pixOptions,
        module="bench.catalogue.families.pix2pix",
        architectures=_OF_TRANSLATORS,
        latent_numbers=_as_sample,
        chooses_latent=False,
        translates=True,
        paired=True,
    ),
}
