"""Where a game stands: what metrics of the game look at, without a trace left in it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.architectures import Shape
from bench.batches import Batches
from bench.game import Game
from bench.penalties import Weighted
from bench.players import Players, build_players
from bench.specification import Choice, Training
from bench.stacks import Stack


@dataclass(frozen=True)
class Position:
    """The players of a run after some step.

    Attributes:
        training: What is specified.
        players: At this step; never changed by a metric.
        seed: Of the run.
        step: Generator steps done.
        shape: Of one sample.
        reals: Indices [...] into the training split → real samples [..., *shape].
        count: Size of that split.
        device: Where all is.
    """

    training: Training
    players: Players
    seed: int
    step: int
    shape: Shape
    reals: Callable[[Tensor], Tensor]
    count: int
    device: torch.device

    @property
    def update(self) -> int:
        """The critic's updates done."""
        return self.step * self.training.critic_steps

    def first(self) -> Position:
        """Where the run began."""
        players = build_players(self.training, self.shape, self.seed, self.device)
        return replace(self, players=players, step=0)

    def copy(self, samples: int) -> tuple[Game, Batches]:
        """The game of copies of the players in double precision, and batches of so many samples to look at it with.

        Penalties that training adds now and then count in every update there, with their own weight: their mean.
        """
        training, batches = self._exact(samples), self.batches(samples)
        generator, critic = (
            copy.deepcopy(network).to(batches.device).double()
            for network in (self.players.generator, self.players.critic)
        )
        return Game([training], Stack([generator]), Stack([critic]), batches.device), batches

    def batches(self, samples: int) -> Batches:
        """The same numbers each time, whatever the step."""
        device = torch.device("cpu") if self.device.type == "mps" else self.device  # which has no double precision
        return Batches(self._exact(samples), [self.seed], self.reals, self.count, device, "metric ")

    def _exact(self, samples: int) -> Training:
        return self.training.model_copy(
            update={
                "precision": "float64",
                "batch_size": samples,
                "penalty": tuple(map(_always, self.training.penalty)),
            }
        )


def _always(penalty: Choice) -> Choice:
    if not isinstance(penalty.options, Weighted):
        return penalty
    return penalty.model_copy(update={"options": penalty.options.model_copy(update={"every": 1})})
