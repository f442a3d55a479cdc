"""Options that act on critics only, and which choices of a critic cannot be trained as specified."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field, PositiveFloat, field_validator

from bench.catalogue import Options
from bench.errors import SuiteError

Normalisation = Literal["none", "batch", "layer", "spectral"]
LARGEST_GROUP = 1_000_000  # samples


class GroupOptions(Options):
    """Options of the critics of every family but Dirac-GANs. Generators ignore them.

    ``minibatch_deviation``: the number of samples in a group, or 0 (default) for none. The critic's output layer gets
    one more feature: the standard deviation of each of its inputs over the group, averaged over all of them (Karras et
    al. 2018, section 3, with the groups of their code).

    Attributes:
        of_generators: The options that critics ignore.
    """

    of_generators: ClassVar[tuple[str, ...]] = ()
    minibatch_deviation: int = Field(default=0, ge=0, le=LARGEST_GROUP)

    @field_validator("minibatch_deviation")
    @classmethod
    def _none_or_several(cls, size: int) -> int:
        if size == 1:
            raise ValueError("a group needs at least 2 samples (0 for no groups)")
        return size


class CriticOptions(GroupOptions):
    """Options of the critics of families with normalisations. Generators ignore them.

    ``lipschitz``: with normalisation "spectral", the logit is multiplied by this number; by default 1. Miyato et al.
    2018 normalise every layer to 1, and call the Lipschitz constant the only hyper-parameter of their method; at small
    constants all losses are almost linear (Qin et al. 2020, "How does Lipschitz regularization influence GAN
    training?"). The critic's Lipschitz constant is at most this number if all layers are fully connected and all
    activations have slopes of at most 1 (all but "gelu", 1.13). A convolution is normalised as a matrix, and a residual
    adds to its shortcut, so for other families it is a scale, not a bound.
    """

    lipschitz: PositiveFloat = 1.0


def mixes_samples(options: Options) -> bool:
    """Return whether a critic with these options judges a sample by its whole batch.

    The gradient of a logit then also has parts with respect to the other samples, which gradient penalties add up.
    """
    return getattr(options, "normalisation", None) == "batch" or getattr(options, "minibatch_deviation", 0) > 0


def check_critic(generator: Options, critic: Options, given: Iterable[str], *, own: bool) -> None:
    """Check that every option that is set for one of the players has an effect.

    Args:
        generator: The options of the generator's architecture.
        critic: The options of the critic's.
        given: The options that are set for the critic alone.
        own: Whether the critic has another architecture, so that it does not inherit the generator's options.

    Raises:
        SuiteError: One has none.
    """
    unused = _options_of_critics(generator) if own else []
    if unused:
        raise SuiteError(f"architecture: {unused[0]} is an option of critics; set it in critic, which has its own name")
    ignored = [name for name in getattr(critic, "of_generators", ()) if name in given]
    if ignored:
        raise SuiteError(f"critic: {ignored[0]} is an option of generators; set it in architecture")
    if isinstance(critic, CriticOptions) and critic.lipschitz != 1:
        normalisation = getattr(critic, "normalisation", None)
        if normalisation != "spectral":
            raise SuiteError(
                f"critic: lipschitz = {critic.lipschitz:g} needs normalisation 'spectral', not {normalisation!r}; "
                f"otherwise leave lipschitz out, or set it to 1"
            )


def check_groups(critic: Options, count: int, pac: int, what: str) -> None:
    """Check that a critic can divide ``count`` samples into its groups.

    Args:
        critic: The options of the critic.
        count: The number of samples that it judges at once, a multiple of ``pac``.
        pac: The number of samples that are joined before it groups them.
        what: How the message calls this number.

    Raises:
        SuiteError: It cannot.
    """
    group = getattr(critic, "minibatch_deviation", 0)
    if group and count // pac % group:
        nearest = pac * max(group, group * round(count / (pac * group)))
        joined = f" of {pac:,} joined samples each" if pac > 1 else ""
        raise SuiteError(
            f"{what} = {count:,} cannot be divided into groups of minibatch_deviation = {group:,}{joined}; "
            f"nearest: {nearest:,}"
        )


def _options_of_critics(options: Options) -> list[str]:
    """Return the options of critics that are not at their default."""
    fields = type(options).model_fields if isinstance(options, GroupOptions) else {}
    of_critics = (*CriticOptions.model_fields, "pooling", *getattr(options, "of_critics", ()))
    names = [name for name in of_critics if name in fields]
    return [name for name in names if getattr(options, name) != fields[name].default]
