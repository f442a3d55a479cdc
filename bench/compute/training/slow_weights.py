"""Lookahead-minmax: both players return to a point between their slow weights and where they are (every k steps)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bench.compute.training.stack import Stack
from bench.plan.specification import Training
from bench.plan.updates import Lookahead

Weights = dict[str, Tensor]  # name of the player → weights of one run, [numbers]


def is_lookahead_due(training: Training, step: int) -> bool:
    """Return whether both players return to their slow weights after a step, counted from 0."""
    return training.lookahead is not None and (step + 1) % training.lookahead.every == 0


class SlowWeights:
    """The slow weights of both players of s runs: φ̃ ← φ̃ + α(φ − φ̃) and φ ← φ̃, every k generator steps.

    They begin as the players' weights before the first step. The states of the optimisers are kept, as in the authors'
    code, and buffers (running statistics) are not interpolated.

    Source: Chavdarova et al. 2021, algorithm 1.

    Args:
        options: k and α.
        stacks: Both players by name.
    """

    def __init__(self, options: Lookahead, stacks: Mapping[str, Stack]):
        self._options, self._stacks = options, stacks
        self._slow = {name: stack.flat.detach().clone() for name, stack in stacks.items()}

    def return_to(self) -> None:
        """Move the slow weights towards the players, and both players to the slow weights."""
        with torch.no_grad():
            for name, stack in self._stacks.items():
                self._slow[name].lerp_(stack.flat, self._options.alpha)
                stack.flat.copy_(self._slow[name])

    def state_dict(self, index: int) -> Weights:
        """Return a copy of the slow weights of one run."""
        return {
            name: self._stacks[name].in_index_order(slow[index : index + 1])[0] for name, slow in self._slow.items()
        }

    def load_state_dicts(self, states: Sequence[Weights]) -> None:
        """Restore the slow weights of all runs."""
        for name, slow in self._slow.items():
            slow.copy_(self._stacks[name].from_index_order(torch.stack([state[name] for state in states])))
