"""The losses: a pair of pure functions each, on logits, per sample; the loop takes the mean.

To add one: write the pair, add one line to ``LOSSES``. The tests in ``tests/test_losses.py`` pick it up.

``real`` and ``fake`` are the critic's raw outputs ("logits") on real and on generated samples, both of shape [n].
Written with s(t) = log(1 + eᵗ), the softplus. No module of torch is imported before a loss is evaluated, so that
the table can be listed and a suite validated without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class GanLoss(NamedTuple):
    """What the two players minimise.

    Attributes:
        summary: One line for ``ganbench list``.
        critic: (real [n], fake [n]) → the critic's loss per sample, [n].
        generator: (real [n], fake [n]) → the generator's loss per sample, [n]. Most ignore the first.
        penalties: What the technique of this name adds to the critic's loss, unless the suite sets ``penalty``.
        generator_needs_real: Whether ``generator`` reads its first argument. The loop spares a pass of the critic
            over real data when it does not, and then gives an empty tensor.
    """

    summary: str
    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    penalties: tuple[str, ...] = ()
    generator_needs_real: bool = False


def softplus(t: Tensor) -> Tensor:
    """log(1 + eᵗ), element by element, without overflow."""
    from torch.nn import functional as F

    return F.softplus(t)


def cross_entropy_critic(real: Tensor, fake: Tensor) -> Tensor:
    """s(−r) + s(f): the binary cross-entropy of real against generated (Goodfellow et al. 2014, eq. 1)."""
    return softplus(-real) + softplus(fake)


def minimax_generator(real: Tensor, fake: Tensor) -> Tensor:
    """−s(f) = log(1 − D): the zero-sum game; its gradient −σ(f) vanishes where the critic is sure (eq. 1)."""
    return -softplus(fake)


def non_saturating_generator(real: Tensor, fake: Tensor) -> Tensor:
    """s(−f) = −log D: the same fixed point; its gradient −σ(−f) is largest where the critic is sure (section 3)."""
    return softplus(-fake)


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Minus the dual r − f of the Wasserstein-1 distance, for a 1-Lipschitz critic (Arjovsky et al. 2017, eq. 2)."""
    return fake - real


def negated_fake(real: Tensor, fake: Tensor) -> Tensor:
    """−f: the generator raises the critic's output on its samples (Arjovsky et al. 2017; Lim & Ye 2017)."""
    return -fake


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 − r) + max(0, 1 + f) (Lim & Ye 2017; Miyato et al. 2018, eq. 16)."""
    return (1 - real).relu() + (1 + fake).relu()


def least_squares_critic(real: Tensor, fake: Tensor) -> Tensor:
    """½(r − 1)² + ½f²: labels 1 for real and 0 for generated (Mao et al. 2017, eq. 9)."""
    return 0.5 * (real - 1).square() + 0.5 * fake.square()


def least_squares_generator(real: Tensor, fake: Tensor) -> Tensor:
    """½(f − 1)² (Mao et al. 2017, eq. 9)."""
    return 0.5 * (fake - 1).square()


def relativistic_critic(real: Tensor, fake: Tensor) -> Tensor:
    """s(f − r): real is told from generated, pair by pair (RpGAN, Jolicoeur-Martineau 2018, section 4.1)."""
    return softplus(fake - real)


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """s(r − f) (RpGAN, Jolicoeur-Martineau 2018, section 4.1; with r1 and r2 the loss of R3GAN, Huang et al. 2024)."""
    return softplus(real - fake)


def relativistic_average_critic(real: Tensor, fake: Tensor) -> Tensor:
    """s(−(r − f̄)) + s(f − r̄), against the mean of the other half (Jolicoeur-Martineau 2018, section 4.3)."""
    return softplus(fake.mean() - real) + softplus(fake - real.mean())


def relativistic_average_generator(real: Tensor, fake: Tensor) -> Tensor:
    """s(r − f̄) + s(−(f − r̄)) (Jolicoeur-Martineau 2018, section 4.3)."""
    return softplus(real - fake.mean()) + softplus(real.mean() - fake)


LOSSES = {
    "minimax": GanLoss(
        "the zero-sum game, saturating (Goodfellow et al. 2014)", cross_entropy_critic, minimax_generator
    ),
    "non-saturating": GanLoss(
        "minimax with −log D for the generator (Goodfellow et al. 2014)",
        cross_entropy_critic,
        non_saturating_generator,
    ),
    "wasserstein": GanLoss(
        "difference of the critic's means; wants weight-clip or a penalty (Arjovsky et al. 2017)",
        wasserstein_critic,
        negated_fake,
    ),
    "wgan-gp": GanLoss(
        "wasserstein with the penalty wgan-gp, λ = 10 (Gulrajani et al. 2017)",
        wasserstein_critic,
        negated_fake,
        penalties=("wgan-gp",),
    ),
    "hinge": GanLoss("hinge for the critic, −f for the generator (Lim & Ye 2017)", hinge_critic, negated_fake),
    "least-squares": GanLoss("labels 1 and 0 (Mao et al. 2017)", least_squares_critic, least_squares_generator),
    "relativistic": GanLoss(
        "real against generated, pair by pair: RpGAN (Jolicoeur-Martineau 2018; R3GAN 2024)",
        relativistic_critic,
        relativistic_generator,
        generator_needs_real=True,
    ),
    "relativistic-average": GanLoss(
        "each half against the other's mean: RaGAN (Jolicoeur-Martineau 2018)",
        relativistic_average_critic,
        relativistic_average_generator,
        generator_needs_real=True,
    ),
}
