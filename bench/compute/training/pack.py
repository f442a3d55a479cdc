"""Runs that train as one tensor program: their players as stacks, their optimisers, and what they draw from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from bench.catalogue import find
from bench.catalogue.architectures import Shape
from bench.compute.training.players import Players, build_players
from bench.compute.training.samplers import Batches
from bench.compute.training.stack import Stack
from bench.plan.specification import Choice, Training


class Pack:
    """All that training changes in s runs of one kind (``bench.plan.grouping.pack_key``); a run alone is a pack of one.

    Args:
        trainings: Of the runs; they differ in loss and weights of penalties at the most.
        seeds: Of the runs.
        players: Of the runs; they become slices of the pack.
        batches: What the runs draw from.

    Attributes:
        generator: The generators of all runs.
        critic: The critics of all runs.
        average: The averages of the generators, or None.
        generator_optimizer: Of all generators.
        critic_optimizer: Of all critics.
        prepared: What the loop keeps of the pack from one call to the next, for as long as it has the same runs.
    """

    prepared: Any

    def __init__(
        self, trainings: Sequence[Training], seeds: Sequence[int], players: Sequence[Players], batches: Batches
    ):
        self.trainings, self.seeds, self.players, self.batches = list(trainings), list(seeds), list(players), batches
        self._stack()

    def _stack(self) -> None:
        first = self.trainings[0]
        self.generator = Stack([each.generator for each in self.players])
        penalised = any(find("penalty", each.name).term for each in first.penalty)
        self.critic = Stack([each.critic for each in self.players], twice=penalised)
        averages = [each.average for each in self.players if each.average is not None]
        self.average = Stack(averages) if averages else None
        self.generator_optimizer = _optimizer(first.optimizer, self.generator)
        self.critic_optimizer = _optimizer(first.critic_optimizer, self.critic)
        self.prepared = None

    def __len__(self) -> int:
        return len(self.players)

    @property
    def training(self) -> Training:
        """What all runs of the pack share, and the loss and weights of the first."""
        return self.trainings[0]

    @property
    def _optimizers(self) -> dict[str, tuple[Optimizer, Stack]]:
        return {
            "generator_optimizer": (self.generator_optimizer, self.generator),
            "critic_optimizer": (self.critic_optimizer, self.critic),
        }

    @property
    def nbytes(self) -> int:
        """Of the parameters, their gradients, and what the optimisers keep: it takes as much at the least."""
        kept = [
            value for optimizer, stack in self._optimizers.values() for value in optimizer.state[stack.flat].values()
        ]
        flat = [stack.flat for _, stack in self._optimizers.values()]
        return sum(each.nbytes for each in (*flat, *flat, *kept) if isinstance(each, Tensor))

    def set_rates(self, share: float) -> None:
        """Sets the learning rates of both players to a share of what the specification says."""
        for optimizer, _ in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = share * optimizer.defaults["lr"]

    @torch.no_grad()
    def follow(self, first: bool) -> None:
        """Moves the average of the generator, if there is one, towards it; at the ``first`` step onto it.

        Buffers (running statistics) are copied, parameters averaged.
        """
        if self.average is None:
            return
        self.average.flat.lerp_(self.generator.flat, 1.0 if first else 1 - self.training.ema)
        for name, buffer in self.generator.buffers.items():
            self.average.buffers[name].copy_(buffer)

    def drop(self, leaving: Iterable[Players]) -> None:
        """Goes on without some of the runs; nothing of the others changes."""
        gone = {id(players) for players in leaving}
        stay = [index for index, players in enumerate(self.players) if id(players) not in gone]
        if len(stay) == len(self.players):
            return
        states = [self._states_of_optimizers(index) for index in stay]
        self.trainings = [self.trainings[index] for index in stay]
        self.seeds = [self.seeds[index] for index in stay]
        self.players = [self.players[index] for index in stay]
        if stay:
            self._stack()
            self._load_states_of_optimizers(states)
            self.batches.keep(self.seeds)

    def state_dict(self, index: int) -> dict[str, Any]:
        """Everything of one run, its own copy."""
        players: dict[str, Any] = {
            name: {key: value.clone() for key, value in state.items()}
            for name, state in self.players[index].state_dict().items()
        }
        streams = self.batches.state_dict(self.seeds[index])
        return {"players": players, "streams": streams, **self._states_of_optimizers(index)}

    def load_state_dicts(self, states: Sequence[dict[str, Any]]) -> None:
        """Continues from the states of all runs, taken after the same number of steps."""
        for players, state in zip(self.players, states, strict=True):
            players.load_state_dict(state["players"])
        self._load_states_of_optimizers(states)
        self.batches.load_state_dict(dict(zip(self.seeds, (state["streams"] for state in states), strict=True)))

    def _states_of_optimizers(self, index: int) -> dict[str, Any]:
        return {
            name: {key: _of_run(value, index) for key, value in optimizer.state[stack.flat].items()}
            for name, (optimizer, stack) in self._optimizers.items()
        }

    def _load_states_of_optimizers(self, states: Sequence[dict[str, Any]]) -> None:
        for name, (optimizer, stack) in self._optimizers.items():
            own = [state[name] for state in states]
            counts = any(optimizer.defaults.get(name) for name in ("fused", "capturable"))  # steps on the device
            place = stack.flat.device if counts else torch.device("cpu")
            optimizer.state[stack.flat] = {
                key: _of_all([each[key] for each in own], stack.flat.device, place) for key in own[0]
            }


def assemble(
    trainings: Sequence[Training],
    seeds: Sequence[int],
    shape: Shape,
    reals: Callable[[Tensor], Tensor],
    count: int,
    device: torch.device,
) -> Pack:
    """The pack of runs at their first step; arguments as of ``Batches``."""
    players = [build_players(training, shape, seed, device) for training, seed in zip(trainings, seeds, strict=True)]
    return Pack(trainings, seeds, players, Batches(trainings[0], seeds, reals, count, device))


def _optimizer(choice: Choice, stack: Stack) -> Optimizer:
    optimizer: Optimizer = find("optimizer", choice.name).build([stack.flat], choice.options)
    return optimizer


def _of_run(value: Any, index: int) -> Any:
    """What an optimiser keeps of one run: its row, or the count of steps, which all runs share."""
    if not isinstance(value, Tensor):
        return value
    return (value[index] if value.dim() else value).clone()


def _of_all(values: Sequence[Any], device: torch.device, device_of_count: torch.device) -> Any:
    first = values[0]
    if not isinstance(first, Tensor):
        return first
    return torch.stack(list(values)).to(device) if first.dim() else first.to(device_of_count)
