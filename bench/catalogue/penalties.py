"""Penalties and other regularisers of the critic, orthogonal to the loss; several at once, each with its own options.

To add a term of the critic's loss: write the function, add one line to ``PENALTIES``. The tests pick it up. A
regulariser that is no such term says by another field of its entry where it acts.

The first dimension of all samples is that of the s runs of a pack, 1 for a run alone: a regulariser computes for each
run what it would compute for it alone, and never mixes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import PositiveFloat, PositiveInt

from bench.catalogue import Options

if TYPE_CHECKING:
    from torch import Tensor

    Critic = Callable[[Tensor], Tensor]  # [s, n, ...] → logits [s, n]


class TermOptions(Options):
    """A term with its weight in the critic's loss.

    With ``every`` k > 1 it is added in every k-th critic update only, with k times the weight (lazy regularisation,
    Karras et al. 2020, section 3.1).
    """

    weight: PositiveFloat = 10.0
    every: PositiveInt = 1


class ConsensusOptions(Options):
    """Weight of ½‖v‖² in the losses of both players."""

    weight: PositiveFloat = 1.0


class WeightClipOptions(Options):
    """Every parameter of the critic is kept in [−bound, bound]."""

    bound: PositiveFloat = 0.01


class InstanceNoiseOptions(Options):
    """Standard deviation of the noise: constant, or falling in a straight line to 0 at the last step."""

    sigma: PositiveFloat = 0.1
    anneal: Literal["none", "linear"] = "none"


class Penalty(NamedTuple):
    """A regulariser; of ``term``, ``perturb``, ``project`` and ``joint`` one is there.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set.
        term: (critic, real [s, n, ...], fake [s, n, ...], uniform [s, n, k]) → per sample [s, n], before the weight,
            with a graph through the critic's parameters (and through ``fake`` where that has one).
        uniforms: Size of one sample → how many fresh numbers k of U(0, 1) the term wants for each.
        perturb: (options, samples [s, n, ...], normal like samples, share of training done) → what the critic is shown.
        project: (options, critic's parameters [s, ...]): changes them in place after every update of the critic.
        joint: (gradients of the critics' losses, gradients of the generators', each [s, ...]) → [s], what both players
            of a run descend too.
    """

    summary: str
    options: type[Options]
    term: Callable[[Critic, Tensor, Tensor, Tensor], Tensor] | None = None
    uniforms: Callable[[int], int] = lambda size: 0
    perturb: Callable[[Any, Tensor, Tensor, float], Tensor] | None = None
    project: Callable[[Any, Iterable[Tensor]], None] | None = None
    joint: Callable[[Iterable[Tensor], Iterable[Tensor]], Tensor] | None = None


def input_gradients(critic: Critic, points: Tensor) -> Tensor:
    """∇ₓD at points [s, n, ...] → [s, n, d], with a graph; each sample's own, where the critic does not mix samples."""
    import torch

    points = points if points.requires_grad else points.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return gradient.flatten(2)


def interpolated(real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """x̂ = ε·real + (1 − ε)·fake, ε ~ U(0, 1)."""
    mix = uniform.view(*uniform.shape[:2], *[1] * (real.dim() - 2))
    return mix * real + (1 - mix) * fake


def wgan_gp(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """(‖∇D(x̂)‖₂ − 1)², x̂ between a real and a generated sample (Gulrajani et al. 2017, eq. 3)."""
    return (input_gradients(critic, interpolated(real, fake, uniform)).norm(dim=2) - 1).square()


def zero_centred(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """‖∇D(x̂)‖², x̂ between a real and a generated sample, without a ½ (Thanh-Tung et al. 2019, section 5)."""
    return input_gradients(critic, interpolated(real, fake, uniform)).square().sum(dim=2)


def r1(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """½‖∇D(real)‖²; with its weight γ the (γ/2)‖∇D‖² of Mescheder et al. 2018, eq. 9. Some code leaves the ½ out."""
    return 0.5 * input_gradients(critic, real).square().sum(dim=2)


def r2(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """½‖∇D(fake)‖² (Mescheder et al. 2018, eq. 10)."""
    return 0.5 * input_gradients(critic, fake).square().sum(dim=2)


def dragan(critic: Critic, real: Tensor, fake: Tensor, uniform: Tensor) -> Tensor:
    """(‖∇D(x̂)‖ − 1)² around the data (Kodali et al. 2017), as in the authors' code.

    x̂ = x + α·½·std(batch)·u with α and all entries of u from U(0, 1).
    """
    import torch

    deviation = torch.stack([batch.std() for batch in real]).view(-1, 1, 1)
    reach = 0.5 * deviation * uniform[..., :1] * uniform[..., 1:]
    return (input_gradients(critic, real + reach.view_as(real)).norm(dim=2) - 1).square()


def weight_clip(options: WeightClipOptions, parameters: Iterable[Tensor]) -> None:
    """W ← min(max(w, −c), c) for every parameter (Arjovsky et al. 2017, algorithm 1)."""
    for parameter in parameters:
        parameter.clamp_(-options.bound, options.bound)


def instance_noise(options: InstanceNoiseOptions, samples: Tensor, normal: Tensor, done: float) -> Tensor:
    """X + σε, ε ~ N(0, 1), on real and on generated samples (Sønderby et al. 2017; Arjovsky & Bottou 2017)."""
    return samples + options.sigma * (1 - done if options.anneal == "linear" else 1) * normal


def consensus(critic: Iterable[Tensor], generator: Iterable[Tensor]) -> Tensor:
    """½‖v‖², v the gradients of both players on one batch (Mescheder et al. 2017, eq. 11)."""
    import torch

    squares = [gradient.square().reshape(len(gradient), -1).sum(dim=1) for gradient in (*critic, *generator)]
    return 0.5 * torch.stack(squares, dim=1).sum(dim=1)


PENALTIES = {
    "wgan-gp": Penalty(
        "λ(‖∇D(x̂)‖ − 1)², x̂ between real and generated (Gulrajani et al. 2017)",
        TermOptions,
        wgan_gp,
        uniforms=lambda size: 1,
    ),
    "r1": Penalty("(γ/2)‖∇D‖² on real samples (Mescheder et al. 2018)", TermOptions, r1),
    "r2": Penalty("(γ/2)‖∇D‖² on generated samples (Mescheder et al. 2018)", TermOptions, r2),
    "zero-centred": Penalty(
        "λ‖∇D(x̂)‖², x̂ between real and generated (Thanh-Tung et al. 2019)",
        TermOptions,
        zero_centred,
        uniforms=lambda size: 1,
    ),
    "dragan": Penalty(
        "λ(‖∇D(x̂)‖ − 1)², x̂ around real samples (Kodali et al. 2017)",
        TermOptions,
        dragan,
        uniforms=lambda size: 1 + size,
    ),
    "weight-clip": Penalty(
        "critic's weights kept in ±bound (Arjovsky et al. 2017)", WeightClipOptions, project=weight_clip
    ),
    "instance-noise": Penalty(
        "N(0, sigma²) on all that the critic sees (Sønderby et al. 2017)", InstanceNoiseOptions, perturb=instance_noise
    ),
    "consensus": Penalty(
        "½‖v‖² of both players' gradients in both losses (Mescheder et al. 2017)", ConsensusOptions, joint=consensus
    ),
}
