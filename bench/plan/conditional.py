"""Conditional training: what it needs of a dataset and of the networks."""

from __future__ import annotations

from math import prod

from bench.catalogue import entries, find, is_added, naming, title
from bench.catalogue.architectures import CONCATENATION
from bench.catalogue.datasets import Data
from bench.errors import SuiteError
from bench.plan.datasets import declared_shape
from bench.plan.specification import Choice, Training

LEAST_CLASSES = 2


def check_conditional(training: Training, where: str) -> None:
    """Check that the networks of a run have a conditional form, if the run is conditional.

    Raises:
        SuiteError: One has none; the message begins with ``where``.
    """
    if not training.conditional:
        return
    for choice in (training.architecture, training.critic):
        if not find("architecture", choice.name).conditional:
            known = ", ".join(name for name, entry in entries("architecture").items() if entry.conditional)
            raise SuiteError(
                f"{where}: conditional = true needs networks that take labels; "
                f"{title('architecture', choice.name)} does not, these do: {known}"
            )
    own = find("architecture", training.architecture.name).conditional != CONCATENATION
    normalisation = getattr(training.architecture.options, "normalisation", "batch")
    if own and normalisation != "batch" and not is_added("architecture", training.architecture.name):
        raise SuiteError(
            f"{where}: labels enter the generator of {training.architecture.name!r} by batch normalisation: "
            f"conditional = true needs normalisation 'batch' in architecture, not {normalisation!r}"
        )
    if training.pac > 1 and find("architecture", training.critic.name).conditional != CONCATENATION:
        raise SuiteError(
            f"{where}: critic {training.critic.name!r} projects the features of one sample on its label, "
            f"so with conditional = true it cannot judge {training.pac} samples together (pac)"
        )


def check_labels(training: Training, data: Data, where: str) -> None:
    """Check that a dataset has the labels that a conditional run needs, and that its critic takes them.

    Raises:
        SuiteError: It has none, or only one class; the message begins with ``where``.
    """
    if not training.conditional:
        return
    if data.labels is None:
        raise SuiteError(
            f"{where}: conditional = true needs labels, which dataset {training.dataset.name!r} does not provide"
        )
    classes = len(data.labels.names)
    if classes < LEAST_CLASSES:
        raise SuiteError(
            f"{where}: dataset {training.dataset.name!r} has only the class {data.labels.names[0]!r}, "
            f"but conditional = true needs at least {LEAST_CLASSES}"
        )
    _check_critic(training.critic, declared_shape(training.dataset), training.pac, classes, where)


def _check_critic(critic: Choice, shape: tuple[int, ...], pac: int, classes: int, where: str) -> None:
    """Check that a critic takes points with their labels; images get further channels, of which it takes any number."""
    entry = find("architecture", critic.name)
    if len(shape) > 1 or entry.conditional != CONCATENATION:
        return
    with naming("architecture", critic.name, "fits"):
        limitation = entry.fits((pac * (prod(shape) + classes),))
    if limitation:
        raise SuiteError(f"{where}: critic {critic.name!r} judges {limitation}, so it cannot judge points with labels")
