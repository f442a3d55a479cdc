"""Penalties and other regularisers of the critic. They combine with any loss and with one another.

To add a term of the critic's loss, write the function and add an entry to ``PENALTIES``. Other kinds set other fields
of ``Penalty``. The first dimension of all tensors is the s runs of a pack, 1 for a single run, which must not mix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import PositiveFloat

from bench.catalogue import Options
from bench.catalogue.augmentations import NUMBERS, DiffAugmentOptions, FlipOptions, diff_augment, flip
from bench.catalogue.consistency import (
    BcrOptions,
    Judged,
    LatentConsistency,
    ZcrOptions,
    balanced,
    latent_critic,
    latent_generator,
    moved_latents,
)
from bench.catalogue.term_options import TermOptions

if TYPE_CHECKING:
    from torch import Tensor

    from bench.catalogue.consistency import Critic, Draw


class ConsensusOptions(Options):
    """``weight``: the factor of ½‖v‖² in the losses of both players, by default 1."""

    weight: PositiveFloat = 1.0


class WeightClipOptions(Options):
    """``bound``: every parameter of the critic is clipped to [−bound, bound], by default 0.01."""

    bound: PositiveFloat = 0.01


class InstanceNoiseOptions(Options):
    """Options of the noise.

    ``sigma``: its standard deviation, by default 0.1, in units of the samples (images are in [−1, 1]).
    ``anneal``: "none" (the default) keeps it constant, "linear" decreases it linearly to 0 at the last step.
    """

    sigma: PositiveFloat = 0.1
    anneal: Literal["none", "linear"] = "none"


class Penalty(NamedTuple):
    """A regulariser. Exactly one of the fields ``KINDS`` is set.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set; ``TermOptions`` or a subclass if ``term`` is set. ``term`` and ``joint`` get the
            options that ``TermOptions`` does not have as keyword arguments.
        term: (critic, real [s, n, ...], fake [s, n, ...], uniform [s, n, k]) → the penalty per sample [s, n], before
            the weight. It must be differentiable by the critic's parameters, and by ``fake`` if that requires grad.
        uniforms: Number of elements of one sample → k, how many random numbers from U(0, 1) ``term`` or ``augment``
            needs per sample.
        perturb: (options, samples [s, n, ...], standard normal noise like samples, fraction of training done) → the
            samples that the critic sees.
        project: (options, the critic's parameters, each [s, ...]). It changes them in place after every update.
        joint: (gradients of the critics' losses, gradients of the generators' losses, each [s, ...]) → a term [s] that
            is added, with its weight, to the losses of both players. Its options need a ``weight``.
        augment: (options, samples [s, n, ...], uniform [s, n, k], whether they are real) → the samples that the critic
            sees, in the updates of both players.
        consistency: (options, critic, real samples with their logits, generated ones, a function k → uniform
            [s, n, k]) → a term of the critic's loss like ``term``. Its options are ``TermOptions`` or a subclass.
        latent: Compares generated samples with those of changed latents; the options are as for ``consistency``.
        images_only: Whether samples must be images.
    """

    summary: str
    options: type[Options]
    term: Callable[..., Tensor] | None = None
    uniforms: Callable[[int], int] = lambda size: 0
    perturb: Callable[[Any, Tensor, Tensor, float], Tensor] | None = None
    project: Callable[[Any, Iterable[Tensor]], None] | None = None
    joint: Callable[..., Tensor] | None = None
    augment: Callable[[Any, Tensor, Tensor, bool], Tensor] | None = None
    consistency: Callable[[Any, Critic, Judged, Judged, Draw], Tensor] | None = None
    latent: LatentConsistency | None = None
    images_only: bool = False

    @property
    def in_critic_loss(self) -> bool:
        """Whether it adds a term, with a weight, to the critic's loss alone."""
        return any((self.term, self.consistency, self.latent))


KINDS = ("term", "perturb", "project", "joint", "augment", "consistency", "latent")


def input_gradients(critic: Critic, points: Tensor) -> Tensor:
    """Return ∇ₓD at points [s, n, ...] as [s, n, d], with a graph.

    These are the gradients of single samples only if the critic does not mix samples, as batch normalisation does.
    """
    import torch

    points = points if points.requires_grad else points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return gradient.flatten(2)


def interpolated(real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """Return x̂ = ε·real + (1 − ε)·fake, [s, n, ...], with ε ~ U(0, 1) per sample, [s, n, 1]."""
    mix = uniform.view(*uniform.shape[:2], *[1] * (real.dim() - 2))
    return mix * real + (1 - mix) * fake


def wgan_gp(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """Return (‖∇D(x̂)‖₂ − 1)², [s, n], with x̂ between a real and a generated sample.

    Source: Gulrajani et al. 2017, eq. 3.
    """
    return (input_gradients(critic, interpolated(real, fake, uniform)).norm(dim=2) - 1).square()


def zero_centred(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """Return ‖∇D(x̂)‖², [s, n], with x̂ between a real and a generated sample, without the factor ½.

    Source: Thanh-Tung et al. 2019, section 5.
    """
    return input_gradients(critic, interpolated(real, fake, uniform)).square().sum(dim=2)


def r1(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """Return ½‖∇D(real)‖², [s, n]. With weight γ it is (γ/2)‖∇D‖²; some implementations omit the ½.

    Source: Mescheder et al. 2018, eq. 9.
    """
    return 0.5 * input_gradients(critic, real).square().sum(dim=2)


def r2(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """Return ½‖∇D(fake)‖², [s, n].

    Source: Mescheder et al. 2018, eq. 10.
    """
    return 0.5 * input_gradients(critic, fake).square().sum(dim=2)


def dragan(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """Return (‖∇D(x̂)‖ − 1)², [s, n], with x̂ near a real sample.

    As in the authors' code, x̂ = x + α·½·std(batch)·u, where α and all entries of u are from U(0, 1).

    Source: Kodali et al. 2017.
    """
    import torch

    deviation = torch.stack([batch.std() for batch in real]).view(-1, 1, 1)
    offset = 0.5 * deviation * uniform[..., :1] * uniform[..., 1:]
    return (input_gradients(critic, real + offset.view_as(real)).norm(dim=2) - 1).square()


def weight_clip(options: WeightClipOptions, parameters: Iterable[Tensor]) -> None:
    """Clip every parameter to [−bound, bound], in place.

    Source: Arjovsky et al. 2017, algorithm 1.
    """
    for parameter in parameters:
        parameter.clamp_(-options.bound, options.bound)


def instance_noise(options: InstanceNoiseOptions, samples: Tensor, normal: Tensor, done: float) -> Tensor:
    """Return x + σε, [s, n, ...], with ε ~ N(0, 1), for real and for generated samples.

    Source: Sønderby et al. 2017; Arjovsky & Bottou 2017.
    """
    return samples + options.sigma * (1 - done if options.anneal == "linear" else 1) * normal


def consensus(critic: Iterable[Tensor], generator: Iterable[Tensor]) -> Tensor:
    """Return ½‖v‖², [s], where v is the gradients of both players on one batch.

    Source: Mescheder et al. 2017, eq. 11.
    """
    import torch

    squares = [gradient.square().reshape(len(gradient), -1).sum(dim=1) for gradient in (*critic, *generator)]
    return 0.5 * torch.stack(squares, dim=1).sum(dim=1)


PENALTIES = {
    "wgan-gp": Penalty(
        "λ(‖∇D(x̂)‖ − 1)², x̂ between real and generated samples (Gulrajani et al. 2017)",
        TermOptions,
        wgan_gp,
        uniforms=lambda size: 1,
    ),
    "r1": Penalty("(γ/2)‖∇D‖² on real samples (Mescheder et al. 2018)", TermOptions, r1),
    "r2": Penalty("(γ/2)‖∇D‖² on generated samples (Mescheder et al. 2018)", TermOptions, r2),
    "zero-centred": Penalty(
        "λ‖∇D(x̂)‖², x̂ between real and generated samples (Thanh-Tung et al. 2019)",
        TermOptions,
        zero_centred,
        uniforms=lambda size: 1,
    ),
    "dragan": Penalty(
        "λ(‖∇D(x̂)‖ − 1)², x̂ near real samples (Kodali et al. 2017)",
        TermOptions,
        dragan,
        uniforms=lambda size: 1 + size,
    ),
    "weight-clip": Penalty(
        "critic's weights clipped to ±bound (Arjovsky et al. 2017)", WeightClipOptions, project=weight_clip
    ),
    "instance-noise": Penalty(
        "N(0, sigma²) noise on the critic's inputs (Sønderby et al. 2017)", InstanceNoiseOptions, perturb=instance_noise
    ),
    "consensus": Penalty(
        "½‖v‖², v the gradients of both players, in both losses (Mescheder et al. 2017)",
        ConsensusOptions,
        joint=consensus,
    ),
    "diffaugment": Penalty(
        "random colours, translation and cutout of all images (Zhao et al. 2020)",
        DiffAugmentOptions,
        augment=diff_augment,
        uniforms=lambda size: NUMBERS,
        images_only=True,
    ),
    "flip": Penalty(
        "random mirror images of real images, or of all that the critic sees",
        FlipOptions,
        augment=flip,
        uniforms=lambda size: 1,
        images_only=True,
    ),
    "bcr": Penalty(
        "λ(D(x) − D(T(x)))², x real or generated, T an augmentation (Zhang et al. 2020; Zhao et al. 2021)",
        BcrOptions,
        consistency=balanced,
    ),
    "zcr": Penalty(
        "λ(D(G(z)) − D(G(z + δ)))², and −λ'‖G(z) − G(z + δ)‖² for the generator (Zhao et al. 2021)",
        ZcrOptions,
        latent=LatentConsistency(moved_latents, latent_critic, latent_generator),
    ),
}
