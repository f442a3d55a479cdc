"""What other families than GANs do not have: a chosen loss, a critic, and all that acts on either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bench.catalogue import find, suggestion
from bench.catalogue.datasets import Data
from bench.catalogue.families import GAN
from bench.catalogue.families import AutoregressiveOptions as Quantised
from bench.errors import SuiteError

if TYPE_CHECKING:  # it needs the loss of a family
    from bench.plan.specification import Evaluation, Training

OF_GANS = ("loss", "penalty", "critic", "critic_optimizer", "critic_steps", "updates", "pac", "top_k", "unroll")
NOTHING: Mapping[str, tuple[object, ...]] = {  # values that are as good as none, besides an empty table or list
    "penalty": ("none",),
    "critic_steps": (1,),
    "updates": ("alternating",),
    "pac": (1,),
    "top_k": ("none",),
    "unroll": (0,),
}
DEFAULT_LATENT = 16
FOR_GANS = f'set it only in an [[override]] with when = {{ family = "{GAN}" }}, or [[exclude]] such cells'


def check_keys(family: str, table: Mapping[str, Any]) -> None:
    """Check that a suite sets no key that means nothing for a family, or that its model does not support.

    Args:
        family: The name of the family.
        table: The training keys of the suite.

    Raises:
        SuiteError: It sets one.
    """
    entry = find("family", family)
    for problem in _meaningless_keys(family, table) if entry.translates else ():
        raise SuiteError(problem)
    if not entry.loss:
        return
    for key in OF_GANS:
        value = table.get(key)
        if value and value not in NOTHING.get(key, ()):
            raise SuiteError(
                f"family {family!r} has a loss of its own and no critic, so {key} means nothing; {FOR_GANS}"
            )
    if table.get("conditional") is True:
        raise SuiteError(f"the model of family {family!r} takes no labels, which conditional = true needs; {FOR_GANS}")
    if not entry.chooses_latent and table.get("latent", DEFAULT_LATENT) != DEFAULT_LATENT:
        raise SuiteError(f"family {family!r} has latents as long as a sample, so latent means nothing; leave it out")


def _meaningless_keys(family: str, table: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with keys of a suite that mean nothing for a family that translates.

    Args:
        family: The name of the family.
        table: The training keys of the suite.
    """
    if table.get("conditional") is True:
        yield f"the translators of family {family!r} take no labels, which conditional = true needs; leave it out"
    if table.get("latent", DEFAULT_LATENT) != DEFAULT_LATENT:
        yield f"family {family!r} translates sources and has no latents, so latent means nothing; leave it out"
    if table.get("unroll"):
        yield f"unroll looks ahead with one critic of samples from latents, but family {family!r} translates sources"


def check_family(training: Training, evaluation: Evaluation) -> str:
    """Return why the model of a family cannot be built or measured as specified, or ""."""
    return "" if training.is_gan else next(_problems(training, evaluation), "")


def _problems(training: Training, evaluation: Evaluation) -> Iterator[str]:
    name, architecture = training.family.name, training.architecture
    known = find("family", name).architectures
    if architecture.name not in known:
        nearest = suggestion(architecture.name, known)
        yield f"family {name!r} cannot be built with architecture {architecture.name!r}{nearest}"
        return
    for option, field in type(architecture.options).model_fields.items():
        if option not in known[architecture.name] and getattr(architecture.options, option) != field.default:
            used = ", ".join(known[architecture.name])
            yield f"family {name!r} makes no use of architecture.{option}; of {architecture.name!r} it uses {used}"
    for metric in evaluation.metrics:
        entry = find("metric", metric.name)
        if entry.of == "game" and not entry.sees_features:
            yield f"metric {metric.name!r} looks at a game of two players, but family {name!r} has no critic"


def check_extent(training: Training, data: Data, where: str) -> None:
    """Check that all coordinates of points are in the interval that is quantised.

    Raises:
        SuiteError: Some are not; the message begins with ``where``.
    """
    options = training.family.options
    if not isinstance(options, Quantised) or data.train.ndim != 2:
        return
    largest = max(float(data.train.max()), -float(data.train.min()))
    if largest > options.extent:
        raise SuiteError(
            f"{where}: dataset {training.dataset.name!r} has coordinates up to ±{largest:.4g}, "
            f"but family.extent is {options.extent:g}; set it to at least {largest:.4g}"
        )
