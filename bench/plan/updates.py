"""What belongs to the updates of both players: the options of lookahead, and the batches that updates take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol

from pydantic import Field

from bench.catalogue import Options


class Lookahead(Options):
    """Lookahead-minmax (Chavdarova et al. 2021).

    ``every``: generator steps between two returns to the slow weights, by default 5.
    ``alpha``: how far the slow weights move towards the players before each return, by default 0.5.
    """

    every: int = Field(default=5, gt=0, le=1_000_000_000)
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.5


def lookahead_or_none(given: object) -> object:
    """Return None for "none", and a table without the name that it has if an override changes options of "none"."""
    if isinstance(given, Mapping):
        return {key: value for key, value in given.items() if (key, value) != ("name", "none")}
    return None if given == "none" else given


class CriticUpdates(Protocol):
    """The training settings that ``critic_batches`` needs, as planned or as recorded."""

    @property
    def critic_steps(self) -> int:
        """Critic updates per generator step."""
        ...

    @property
    def updates(self) -> str | None:
        """The kind of the updates; None if unknown."""
        ...


def batches_per_update(updates: str | None) -> int:
    """Return the number of batches that one update of a player takes: two for extragradient, which looks ahead."""
    return 2 if updates == "extragradient" else 1


def critic_batches(training: CriticUpdates) -> int:
    """Return the number of batches that the critic sees per generator step."""
    return training.critic_steps * batches_per_update(training.updates)
