"""The state of a game at one step, as metrics of the game see it; they work on copies, so training is unaffected."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from bench.catalogue.architectures import Shape
from bench.catalogue.optimizers import learning_rate
from bench.catalogue.term_options import TermOptions
from bench.compute.training.conditioning import classes_of
from bench.compute.training.game import Game
from bench.compute.training.parts import stack_class
from bench.compute.training.players import (
    Players,
    build_players,
    generate,
    latent_numbers,
    with_converged_spectral_norm,
)
from bench.compute.training.random_streams import stream
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.translation import game_of
from bench.plan.specification import Choice, Training


@dataclass(frozen=True)
class GameState:
    """The players of a run after some step; implements ``bench.catalogue.metrics.context.GameView``.

    Attributes:
        training: The training settings of the run.
        players: The players at this step. Metrics never change them.
        seed: The seed of the run.
        step: The number of generator steps done.
        shape: The shape of one sample.
        real_samples: Maps indices [...] into the training split to real samples [..., *shape].
        count: The size of the training split.
        device: The device of the players.
    """

    training: Training
    players: Players
    seed: int
    step: int
    shape: Shape
    real_samples: Callable[[Tensor], Tensor]
    count: int
    device: torch.device

    @property
    def run(self) -> tuple[Training, int]:
        """A key that identifies the run."""
        return self.training, self.seed

    @property
    def penalties(self) -> tuple[str, ...]:
        """The names of the regularisers."""
        return tuple(penalty.name for penalty in self.training.penalty)

    @property
    def update(self) -> int:
        """The number of critic updates done."""
        return self.step * self.training.critic_steps

    def evaluation_latents(self, name: str, count: int) -> Tensor:
        """Return latents [count, latent] from the run's own stream of this name, the same at every step."""
        return torch.randn(
            count, latent_numbers(self.training, self.shape), generator=stream(self.seed, f"evaluation {name}")
        )

    def generate(self, latents: Tensor) -> Tensor:
        """Return the generator's samples [n, *shape] on the CPU, in evaluation mode and without a graph.

        The i-th sample of a conditional generator always has the same label.
        """
        return generate(self.players.generator, self._labelled(latents))

    def parameters(self) -> Tensor:
        """Return all parameters, [p], the critic's first."""
        return _flatten(self.players)

    def initial_parameters(self) -> Tensor:
        """Return the parameters before the first step, [p]."""
        classes = classes_of(self.training, self.real_samples)
        return _flatten(build_players(self.training, self.shape, self.seed, self.device, classes))

    def learning_rates(self) -> Tensor:
        """Return the learning rate of each parameter at this step, [p]."""
        schedule, done = self.training.schedule, self.step / self.training.steps
        optimizers = self.training.critic_optimizer, self.training.optimizer
        networks = self.players.opponent, self.players.generator
        rates = [
            torch.full((parameter.numel(),), learning_rate(choice.options.lr, choice.options, schedule, done))  # type: ignore[attr-defined]
            for choice, network in zip(optimizers, networks, strict=True)
            for parameter in network.parameters()
        ]
        return torch.cat(rates).double()

    def gradients(self, samples: int) -> tuple[list[Tensor], list[Tensor]]:
        """Return all parameters and their gradients as lists of tensors; the gradients are differentiable."""
        game = self.game_copy(samples)
        _, _, gradients = game.field(self.sampler(samples), self.update, create_graph=True)
        return [*game.critic.parameters, *game.generator.parameters], list(gradients)

    def gradients_at(self, points: Iterable[Tensor], samples: int) -> list[Tensor]:
        """Return all gradients [p] at each point [p]; spectral norms are recomputed at each point."""
        game = self.game_copy(samples)
        networks = game.critic.networks[0], game.generator.networks[0]
        device = self.sampler(samples).device
        fields = []
        for point in points:
            torch.nn.utils.vector_to_parameters(point.to(device), _parameters(*networks))
            critic, generator = (with_converged_spectral_norm(network) for network in networks)
            game_at_point = self._game_of(game.training, generator, critic, device)
            _, _, gradients = game_at_point.field(self.sampler(samples), self.update)
            fields.append(torch.cat([gradient.flatten() for gradient in gradients]).cpu())
        return fields

    def at(self, parameters: Tensor) -> GameState:
        """Return the state with other parameters [p], in copies of the players."""
        players = copy.deepcopy(self.players)
        copied = _parameters(players.opponent, players.generator)
        torch.nn.utils.vector_to_parameters(parameters.to(copied[0]), copied)
        return replace(self, players=players)

    def game_copy(self, samples: int) -> Game:
        """Return the game of copies of the players in double precision."""
        device = self.sampler(samples).device
        generator, critic = (
            copy.deepcopy(network).to(device).double() for network in (self.players.generator, self.players.opponent)
        )
        return self._game_of(self._metric_training(samples), generator, critic, device)

    def _game_of(
        self, training: Training, generator: torch.nn.Module, critic: torch.nn.Module, device: torch.device
    ) -> Game:
        stacks = stack_class(training)([generator]), stack_class(training, of_critics=True)([critic])
        return game_of([training], *stacks, device)

    def sampler(self, samples: int) -> BatchSampler:
        """Return a sampler that draws the same batches at every step."""
        device = torch.device("cpu") if self.device.type == "mps" else self.device  # MPS has no double precision
        training = self._metric_training(samples)
        return BatchSampler(training, [self.seed], self.real_samples, self.count, device, "metric ")

    def _labelled(self, latents: Tensor) -> Tensor:
        if not self.training.conditional:
            return latents
        places = torch.randint(self.count, (len(latents),), generator=stream(self.seed, "evaluation game labels"))
        labels = self.real_samples.labels(places)  # type: ignore[attr-defined]
        return torch.cat([latents, labels.to(latents)], dim=1)

    def _metric_training(self, samples: int) -> Training:
        return self.training.model_copy(
            update={
                "precision": "float64",
                "batch_size": samples,
                "penalty": tuple(map(_in_every_update, self.training.penalty)),
            }
        )


def _in_every_update(penalty: Choice) -> Choice:
    if not isinstance(penalty.options, TermOptions):
        return penalty
    return penalty.model_copy(update={"options": penalty.options.model_copy(update={"every": 1})})


def _parameters(critic: torch.nn.Module, generator: torch.nn.Module) -> list[Tensor]:
    return [*critic.parameters(), *generator.parameters()]


def _flatten(players: Players) -> Tensor:
    parameters = _parameters(players.opponent, players.generator)
    return torch.cat([parameter.detach().cpu().double().flatten() for parameter in parameters])
