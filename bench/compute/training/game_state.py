"""Where a game stands: what metrics of the game look at, without a trace left in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.catalogue.architectures import Shape
from bench.catalogue.optimizers import SCHEDULES
from bench.catalogue.penalties import TermOptions
from bench.compute.training.game import Game
from bench.compute.training.players import Players, build_players, settled
from bench.compute.training.samplers import Batches
from bench.compute.training.stack import Stack
from bench.plan.specification import Choice, Training


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
    def run(self) -> tuple[Training, int]:
        """What tells its run apart."""
        return self.training, self.seed

    @property
    def penalties(self) -> tuple[str, ...]:
        """Names of the regularisers."""
        return tuple(each.name for each in self.training.penalty)

    @property
    def update(self) -> int:
        """The critic's updates done."""
        return self.step * self.training.critic_steps

    def parameters(self) -> Tensor:
        """All parameters, [p]."""
        return _flat(self.players)

    def initial_parameters(self) -> Tensor:
        """Those before the first step, [p]."""
        return _flat(build_players(self.training, self.shape, self.seed, self.device))

    def learning_rates(self) -> Tensor:
        """The learning rate of each parameter at this step, [p]."""
        share = SCHEDULES[self.training.schedule](self.step / self.training.steps)
        optimizers = self.training.critic_optimizer, self.training.optimizer
        networks = self.players.critic, self.players.generator
        rates = [
            torch.full((parameter.numel(),), share * float(choice.options.lr))  # type: ignore[attr-defined]
            for choice, network in zip(optimizers, networks, strict=True)
            for parameter in network.parameters()
        ]
        return torch.cat(rates).double()

    def gradients(self, samples: int) -> tuple[list[Tensor], list[Tensor]]:
        """All parameters and their gradients, tensor by tensor; the gradients can be differentiated again."""
        game = self.copy(samples)
        _, _, gradients = game.field(self.batches(samples), self.update, graph=True)
        return [*game.critic.parameters, *game.generator.parameters], list(gradients)

    def gradients_at(self, points: Iterable[Tensor], samples: int) -> list[Tensor]:
        """All gradients [p] at each point [p]; spectral normalisation divides by the singular values there."""
        game = self.copy(samples)
        networks = game.critic.networks[0], game.generator.networks[0]
        device = self.batches(samples).device
        found = []
        for point in points:
            torch.nn.utils.vector_to_parameters(point.to(device), _parameters(*networks))
            critic, generator = (Stack([settled(network)]) for network in networks)
            here = Game([game.training], generator, critic, device)
            _, _, gradients = here.field(self.batches(samples), self.update)
            found.append(torch.cat([gradient.flatten() for gradient in gradients]).cpu())
        return found

    def at(self, parameters: Tensor) -> Position:
        """The same with these parameters [p], in copies of the players."""
        players = copy.deepcopy(self.players)
        own = _parameters(players.critic, players.generator)
        torch.nn.utils.vector_to_parameters(parameters.to(own[0]), own)
        return replace(self, players=players)

    def copy(self, samples: int) -> Game:
        """The game of copies of the players in double precision."""
        device = self.batches(samples).device
        generator, critic = (
            copy.deepcopy(network).to(device).double() for network in (self.players.generator, self.players.critic)
        )
        return Game([self._exact(samples)], Stack([generator]), Stack([critic]), device)

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
    if not isinstance(penalty.options, TermOptions):
        return penalty
    return penalty.model_copy(update={"options": penalty.options.model_copy(update={"every": 1})})


def _parameters(critic: torch.nn.Module, generator: torch.nn.Module) -> list[Tensor]:
    return [*critic.parameters(), *generator.parameters()]


def _flat(players: Players) -> Tensor:
    parameters = _parameters(players.critic, players.generator)
    return torch.cat([parameter.detach().cpu().double().flatten() for parameter in parameters])
