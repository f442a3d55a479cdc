"""Combinations of training keys that mean nothing, refused before anything trains."""

from __future__ import annotations

from bench.catalogue import find, naming
from bench.errors import SuiteError
from bench.plan.datasets import declared_shape
from bench.plan.specification import Evaluation, Training
from bench.plan.update_checks import contradictions

UNROLLED = ("adam", "sgd", "rmsprop")  # optimisers whose steps ganbench can differentiate


def check_combination(training: Training, evaluation: Evaluation, where: str) -> None:
    """Check that the settings of a run can be used together.

    Raises:
        SuiteError: They cannot; the message begins with ``where``.
    """
    for problem in contradictions(training):
        raise SuiteError(f"{where}: {problem}")
    for check in (_check_pac, _check_unroll):
        if problem := check(training, evaluation):
            raise SuiteError(f"{where}: {problem}")


def _check_pac(training: Training, evaluation: Evaluation) -> str:
    """Return what is wrong with the packing degree, or ""."""
    pac, size = training.pac, training.batch_size
    if size % pac:
        return f"batch_size {size} is not a multiple of pac {pac}, the number of samples judged together"
    if size == pac and getattr(training.critic.options, "normalisation", None) == "batch":
        return f"batch normalisation of a critic with pac {pac} needs a batch_size of at least {2 * pac}"
    dataset, critic = training.dataset, training.critic
    first, *rest = declared_shape(dataset)
    if pac > 1 and not rest:  # images are joined as channels, of which critics take any number
        with naming("architecture", critic.name, "fits"):
            limitation = find("architecture", critic.name).fits((pac * first,))
        if limitation:
            return f"critic {critic.name!r} judges {limitation}, so it cannot judge {pac} samples together (pac)"
    for metric in evaluation.metrics:
        samples = getattr(metric.options, "samples", pac)
        if find("metric", metric.name).of == "game" and samples % pac:
            return f"metric {metric.name!r} uses {samples} samples, which is not a multiple of pac {pac}"
    return ""


def _check_unroll(training: Training, evaluation: Evaluation) -> str:
    """Return what unrolling cannot be combined with, or ""."""
    if not training.unroll:
        return ""
    if training.updates == "extragradient":
        return "unroll and updates 'extragradient' both look ahead: choose one"
    for penalty in training.penalty:
        if find("penalty", penalty.name).joint:
            return f"unroll cannot be combined with penalty {penalty.name!r}, which needs the gradients of both players"
        if find("penalty", penalty.name).term and getattr(training.critic.options, "normalisation", None) == "batch":
            both = f"penalty {penalty.name!r} and batch normalisation in the critic"
            return f"unroll cannot be combined with {both}, which has no third derivative"
    optimizer = training.critic_optimizer.name
    if optimizer not in UNROLLED:
        return f"unroll needs a critic_optimizer that it can differentiate, not {optimizer!r}: {', '.join(UNROLLED)}"
    for metric in evaluation.metrics:
        if find("metric", metric.name).of == "game":
            return f"metric {metric.name!r} looks at the game without unrolled steps; leave it out, or set unroll = 0"
    return ""
