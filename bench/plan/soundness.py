"""Which regularisers a dataset supports, and which combinations of techniques are known to be unsound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bench.catalogue import find, is_added
from bench.catalogue.losses import wasserstein_critic
from bench.errors import SuiteError
from bench.plan.specification import Training


def check_regularisers(training: Training, shape: tuple[int, ...], where: str) -> None:
    """Check that every regulariser supports the samples of the dataset.

    Raises:
        SuiteError: One changes images, but the samples are points; the message begins with ``where``.
    """
    for penalty in training.penalty:
        if find("penalty", penalty.name).images_only and len(shape) != 3:
            raise SuiteError(
                f"{where}: penalty {penalty.name!r} changes images, "
                f"but dataset {training.dataset.name!r} has samples of shape {shape}"
            )


def gradient_penalties(training: Training) -> list[str]:
    """Return the names of the penalties on the critic's gradient. Those of other packages are not known to be such."""
    names = [penalty.name for penalty in training.penalty]
    return [name for name in names if find("penalty", name).term and not is_added("penalty", name)]


def _normalisation(training: Training) -> str | None:
    return getattr(training.critic.options, "normalisation", None)


def _is_wasserstein(training: Training) -> bool:
    return find("loss", training.loss.name).critic is wasserstein_critic


def _is_clipped(training: Training) -> bool:
    return any(penalty.name == "weight-clip" for penalty in training.penalty)


def _normalised_by_batch(training: Training) -> Iterator[str]:
    if _normalisation(training) == "batch":
        for name in gradient_penalties(training):
            yield (
                f"penalty {name} with batch normalisation in the critic: the penalty is on the gradient at single "
                f"samples, but each logit depends on the whole batch (Gulrajani et al. 2017, section 4)"
            )


def _unbounded_slope(training: Training) -> Iterator[str]:
    bounded = (
        gradient_penalties(training)
        or any(find("penalty", penalty.name).project for penalty in training.penalty)
        or any(is_added("penalty", penalty.name) for penalty in training.penalty)
        or _normalisation(training) == "spectral"
    )
    if _is_wasserstein(training) and not bounded:
        yield (
            f"loss {training.loss.name} without a gradient penalty, weight-clip or spectral normalisation of the "
            f"critic: nothing bounds the critic's slope, on which the loss depends (Arjovsky et al. 2017, section 3)"
        )


def _clipped_with_momentum(training: Training) -> Iterator[str]:
    options = training.critic_optimizer.options
    momentum = getattr(options, "betas", (getattr(options, "momentum", 0.0),))[0]
    if momentum > 0 and _is_wasserstein(training) and _is_clipped(training):
        yield (
            f"penalty weight-clip with momentum {momentum:g} in the critic's optimiser: WGAN training becomes unstable "
            f"at times; its authors use rmsprop without momentum (Arjovsky et al. 2017, section 3)"
        )


def _clipped_and_normalised(training: Training) -> Iterator[str]:
    if _normalisation(training) == "spectral" and _is_clipped(training):
        yield (
            "penalty weight-clip with spectral normalisation of the critic: weights are clipped before they are "
            "divided by their singular value, so clipping does not bound the critic (Miyato et al. 2018, eq. 8)"
        )


RULES: tuple[Callable[[Training], Iterator[str]], ...] = (
    _normalised_by_batch,
    _unbounded_slope,
    _clipped_with_momentum,
    _clipped_and_normalised,
)


def unsound_combinations(trainings: Iterable[Training]) -> list[str]:
    """Return one line per unsound combination, with its source and the number of cells that have it.

    Args:
        trainings: The training of each run.
    """
    found: dict[str, set[Training]] = {}
    gans = (training for training in trainings if training.is_gan)
    for training in {id(training): training for training in gans}.values():  # runs of a cell share one
        for rule in RULES:
            for reason in rule(training):
                found.setdefault(reason, set()).add(training)
    return [f"Warning: {reason}; {len(cells):,} cell{'s'[: len(cells) != 1]}" for reason, cells in found.items()]
