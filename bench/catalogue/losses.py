"""The losses: pairs of pure functions of the logits. Each returns one value per sample; training averages them.

``real`` and ``fake`` are the logits on real and on generated samples, r and f, both of shape [n]. s(t) = log(1 + eᵗ) is
the softplus and D = σ(logit) the probability that a sample is real.

To add a loss, write the two functions and add an entry to ``LOSSES``; the tests cover every entry. A loss with options
also names their class in ``options``, and both functions take them as keyword arguments. torch is imported only when a
loss is evaluated, so listing the losses and validating a suite do not need it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from bench.catalogue import Options

if TYPE_CHECKING:
    from torch import Tensor


class SmoothingOptions(Options):
    """``smoothing``: ε of one-sided label smoothing; the critic's label of real samples is 1 − ε. By default 0.

    The label of generated samples stays 0, and the generator's loss stays the same.

    Source: Salimans et al. 2016, section 3.4.
    """

    smoothing: float = Field(default=0.0, ge=0, lt=0.5)


class GanLoss(NamedTuple):
    """The losses that critic and generator minimise.

    Attributes:
        summary: One line for ``ganbench list``.
        critic: (real [n], fake [n]) → the critic's loss per sample, [n], with a gradient. Like ``generator``, it must
            not change the logits in place.
        generator: (real [n], fake [n]) → the generator's loss per sample, [n], with a gradient.
        penalties: Names of the penalties that are used with this loss unless the suite sets ``penalty``.
        generator_needs_real: Whether ``generator`` uses ``real``. If not, training skips the critic's forward pass on
            real samples and passes an empty tensor.
        options: What a suite can set. Both functions get all options as keyword arguments.
        mixes_samples: Whether the loss of a sample depends on the logits of others, as ``ganbench check`` must know.
    """

    summary: str
    critic: Callable[..., Tensor]
    generator: Callable[..., Tensor]
    penalties: tuple[str, ...] = ()
    generator_needs_real: bool = False
    options: type[Options] = Options
    mixes_samples: bool = False


def with_options(loss: GanLoss, options: Options) -> GanLoss:
    """Return a loss whose functions take only the logits: the options are bound to them."""
    given = dict(options)
    if not given:
        return loss
    return loss._replace(critic=partial(loss.critic, **given), generator=partial(loss.generator, **given))


def softplus(t: Tensor) -> Tensor:
    """Return log(1 + eᵗ) element by element, without overflow."""
    from torch.nn import functional as F

    return F.softplus(t)


def cross_entropy_critic(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the binary cross-entropy (1 − ε) s(−r) + ε s(r) + s(f), [n], with the label 1 − ε for real samples.

    s(r) = r + s(−r), so label smoothing adds ε r to the plain cross-entropy.

    Source: Goodfellow et al. 2014, eq. 1; Salimans et al. 2016, section 3.4.
    """
    plain = softplus(-real) + softplus(fake)
    return plain + smoothing * real if smoothing else plain


def minimax_generator(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return −s(f) = log(1 − D), [n], the generator's part of the zero-sum game.

    Its gradient −σ(f) vanishes where the critic is confident that a sample is generated. Label smoothing does not
    change it.

    Source: Goodfellow et al. 2014, eq. 1.
    """
    return -softplus(fake)


def non_saturating_generator(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return s(−f) = −log D, [n].

    The fixed point is that of minimax. The gradient −σ(−f) is largest where the critic is confident that a sample is
    generated. Label smoothing does not change it.

    Source: Goodfellow et al. 2014, section 3.
    """
    return softplus(-fake)


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Return f − r, [n]: minus the dual form of the Wasserstein-1 distance if the critic is 1-Lipschitz.

    Source: Arjovsky et al. 2017, eq. 2.
    """
    return fake - real


def negated_fake(real: Tensor, fake: Tensor) -> Tensor:
    """Return −f, [n]: the generator raises the logits of its samples.

    Source: Arjovsky et al. 2017; Lim & Ye 2017.
    """
    return -fake


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Return max(0, 1 − r) + max(0, 1 + f), [n].

    Source: Lim & Ye 2017; Miyato et al. 2018, eq. 16.
    """
    return (1 - real).relu() + (1 + fake).relu()


def least_squares_critic(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return ½(r − (1 − ε))² + ½f², [n]: the labels are 1 − ε for real and 0 for generated samples.

    Source: Mao et al. 2017, eq. 9; Salimans et al. 2016, section 3.4.
    """
    return 0.5 * (real - (1 - smoothing)).square() + 0.5 * fake.square()


def least_squares_generator(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return ½(f − 1)², [n]. Label smoothing does not change it.

    Source: Mao et al. 2017, eq. 9.
    """
    return 0.5 * (fake - 1).square()


def relativistic_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Return s(f − r), [n]: each real sample is compared with one generated sample (RpGAN).

    Source: Jolicoeur-Martineau 2018, section 4.1.
    """
    return softplus(fake - real)


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Return s(r − f), [n] (RpGAN). With the penalties r1 and r2 it is the loss of R3GAN.

    Source: Jolicoeur-Martineau 2018, section 4.1; Huang et al. 2024.
    """
    return softplus(real - fake)


def relativistic_average_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Return s(f̄ − r) + s(f − r̄), [n]: each sample is compared with the mean logit of the other kind (RaGAN).

    Source: Jolicoeur-Martineau 2018, section 4.3.
    """
    return softplus(fake.mean() - real) + softplus(fake - real.mean())


def relativistic_average_generator(real: Tensor, fake: Tensor) -> Tensor:
    """Return s(r − f̄) + s(r̄ − f), [n] (RaGAN).

    Source: Jolicoeur-Martineau 2018, section 4.3.
    """
    return softplus(real - fake.mean()) + softplus(real.mean() - fake)


LOSSES = {
    "minimax": GanLoss(
        "zero-sum game with a saturating generator: smoothing (Goodfellow et al. 2014)",
        cross_entropy_critic,
        minimax_generator,
        options=SmoothingOptions,
    ),
    "non-saturating": GanLoss(
        "as minimax, but the generator minimises −log D: smoothing (Goodfellow et al. 2014)",
        cross_entropy_critic,
        non_saturating_generator,
        options=SmoothingOptions,
    ),
    "wasserstein": GanLoss(
        "difference of mean logits; needs weight-clip or a penalty (Arjovsky et al. 2017)",
        wasserstein_critic,
        negated_fake,
    ),
    "wgan-gp": GanLoss(
        "wasserstein with the penalty wgan-gp, λ = 10 (Gulrajani et al. 2017)",
        wasserstein_critic,
        negated_fake,
        penalties=("wgan-gp",),
    ),
    "hinge": GanLoss("hinge loss for the critic, −f for the generator (Lim & Ye 2017)", hinge_critic, negated_fake),
    "least-squares": GanLoss(
        "squared errors with labels 1 and 0: smoothing (Mao et al. 2017)",
        least_squares_critic,
        least_squares_generator,
        options=SmoothingOptions,
    ),
    "relativistic": GanLoss(
        "pairs of a real and a generated sample: RpGAN (Jolicoeur-Martineau 2018; R3GAN 2024)",
        relativistic_critic,
        relativistic_generator,
        generator_needs_real=True,
    ),
    "relativistic-average": GanLoss(
        "each sample against the mean logit of the other kind: RaGAN (Jolicoeur-Martineau 2018)",
        relativistic_average_critic,
        relativistic_average_generator,
        generator_needs_real=True,
        mixes_samples=True,
    ),
}
