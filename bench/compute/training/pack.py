"""Runs that train as one tensor program: their players as stacks, their optimisers, and their sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from bench.catalogue import find, is_added, title
from bench.catalogue.architectures import Shape
from bench.compute.training.averaging import average_share, update_average
from bench.compute.training.conditioning import classes_of
from bench.compute.training.descent import Descent
from bench.compute.training.global_streams import GlobalStream, drawing_from
from bench.compute.training.model_loss import WithLoss, changes_bits_in_packs
from bench.compute.training.parts import stack_class
from bench.compute.training.players import Players, build_players
from bench.compute.training.sampler import BatchSampler
from bench.compute.training.slow_weights import SlowWeights, is_lookahead_due
from bench.compute.training.stack import Stack
from bench.errors import PluginError
from bench.plan.grouping import added_code
from bench.plan.specification import Training


class Pack:
    """Everything that training changes in s runs of one kind (``bench.plan.grouping.pack_key``).

    A run that trains alone is a pack of one.

    Args:
        trainings: The training settings of each run. They may differ as ``bench.plan.grouping.pack_key`` says.
        seeds: The seed of each run.
        players: The players of each run. Their parameters become slices of the pack's.
        sampler: Draws the batches of all runs.
        shape: The shape of a sample; only the losses of models without a critic need it.

    Attributes:
        generator: The generators of all runs; without a critic, the losses of the models.
        critic: The critics of all runs. Only GANs have them and their optimisers.
        average: The moving averages of the generators, or None.
        generator_descent: The optimisers of the generators.
        critic_descent: The optimisers of the critics.
        slow_weights: The slow weights of lookahead, or None.
        prepared: What the training loop keeps between calls; reset when runs leave the pack.
    """

    prepared: Any

    def __init__(
        self,
        trainings: Sequence[Training],
        seeds: Sequence[int],
        players: Sequence[Players],
        sampler: BatchSampler,
        shape: Shape = (),
    ):
        self.trainings, self.seeds, self.players, self.sampler = list(trainings), list(seeds), list(players), sampler
        self.shape = shape
        foreign = bool(added_code(trainings[0]))
        self._global_streams = [GlobalStream(seed, "layers", sampler.device) for seed in seeds] if foreign else []
        self._stack_players()

    def _stack_players(self) -> None:
        training = self.trainings[0]
        self.generator = self._stack_generators([players.generator for players in self.players])
        self.generator_descent = Descent(self.generator, [each.optimizer for each in self.trainings])
        lookahead, players = training.lookahead, {"generator": self.generator}
        self._descents = {"generator_optimizer": self.generator_descent}
        networks = [players.critic for players in self.players if players.critic is not None]
        if networks:
            penalised = any(find("penalty", penalty.name).term for penalty in training.penalty)
            stack = stack_class(training, of_critics=True)
            self.critic = stack(networks, double_backward=penalised, architecture=_if_added(training.critic.name))
            self.critic_descent = Descent(self.critic, [each.critic_optimizer for each in self.trainings])
            players["critic"], self._descents["critic_optimizer"] = self.critic, self.critic_descent
        averages = [players.average for players in self.players if players.average is not None]
        self.average = self._stack_generators(averages) if averages else None
        self.slow_weights = SlowWeights(lookahead, players) if lookahead else None
        self.prepared = None

    def _stack_generators(self, networks: Sequence[nn.Module]) -> Stack:
        """Return generators as a stack; models without a critic with their losses."""
        training, device = self.training, self.sampler.device
        if training.is_gan:
            return stack_class(training)(networks, architecture=_if_added(training.architecture.name))
        models = [WithLoss(model, self.shape) for model in networks]
        return Stack(models, apart=device.type == "cpu" and changes_bits_in_packs(models[0], training))

    def __len__(self) -> int:
        return len(self.players)

    @property
    def training(self) -> Training:
        """The training settings of the first run; what runs of a pack share holds for all."""
        return self.trainings[0]

    @property
    def draws(self) -> bool:
        """Whether the last chunk of steps drew from the global random generators."""
        return bool(self._global_streams) and self._global_streams[0].drawn

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Let the global random generators continue a stream of the run inside the block, for code of other packages.

        Raises:
            PluginError: A pack of several runs drew from them, so that the runs would share random numbers.
        """
        if not self._global_streams:
            yield
            return
        with self._global_streams[0].active():
            yield
        if len(self) > 1 and self.draws:
            names = " or ".join(title(*part) for part in added_code(self.training))
            raise PluginError(f"{names} draws from a global random generator, which the runs of a pack would share")

    @contextmanager
    def drawing_aside(self, name: str) -> Iterator[None]:
        """Let the global random generators begin another stream inside the block, so that training is unaffected."""
        with drawing_from(self.seeds[0], name, self.sampler.device) if self._global_streams else nullcontext():
            yield

    @property
    def nbytes(self) -> int:
        """The size of parameters, gradients and optimiser states: a lower bound of the pack's memory."""
        return sum(descent.gradient.nbytes + descent.nbytes for descent in self._descents.values())

    def set_rates(self, done: float) -> None:
        """Set the learning rates and betas of both players for a fraction of training done."""
        for descent in self._descents.values():
            descent.set_rates(self.training.schedule, done)

    def descend(self, critic: Sequence[Tensor], generator: Sequence[Tensor]) -> None:
        """Take one step of both optimisers with the gradients of both players, [s, ...] each."""
        self.critic_descent.step(critic)
        self.generator_descent.step(generator)

    def end_step(self, step: int, sampler: BatchSampler) -> None:
        """Return to the slow weights if that is due after this step (counted from 0), and update the averages."""
        if self.slow_weights is not None and is_lookahead_due(self.training, step):
            self.slow_weights.return_to()
        if self.average is not None:
            update_average(self.average, self.generator, average_share(self.training, step, sampler))

    def drop(self, leaving: Iterable[Players]) -> None:
        """Remove some of the runs; the others are unaffected."""
        gone = {id(players) for players in leaving}
        stay = [index for index, players in enumerate(self.players) if id(players) not in gone]
        if len(stay) == len(self.players):
            return
        states = [self._update_states(index) for index in stay]
        self.trainings = [self.trainings[index] for index in stay]
        self.seeds = [self.seeds[index] for index in stay]
        self._global_streams = [self._global_streams[index] for index in stay] if self._global_streams else []
        self.players = [self.players[index] for index in stay]
        if stay:
            self._stack_players()
            self._load_update_states(states)
            self.sampler.keep(self.seeds)

    def state_dict(self, index: int) -> dict[str, Any]:
        """Return a copy of the whole state of one run: players, optimisers, slow weights and random streams."""
        players: dict[str, Any] = {
            name: {key: value.clone() for key, value in state.items()}
            for name, state in self.players[index].state_dict().items()
        }
        streams = self.sampler.state_dict(self.seeds[index])
        state = {"players": players, "streams": streams, **self._update_states(index)}
        if self._global_streams:
            state["global_streams"] = self._global_streams[index].state_dict()
        return state

    def load_state_dicts(self, states: Sequence[dict[str, Any]]) -> None:
        """Restore all runs from states that were taken after the same number of steps."""
        for players, state in zip(self.players, states, strict=True):
            players.load_state_dict(state["players"])
        self._load_update_states(states)
        for global_stream, state in zip(self._global_streams, states, strict=False):
            if "global_streams" in state:  # checkpoints of earlier versions have none
                global_stream.load_state_dict(state["global_streams"])
        self.sampler.load_state_dict(dict(zip(self.seeds, (state["streams"] for state in states), strict=True)))

    def _update_states(self, index: int) -> dict[str, Any]:
        states = {name: descent.state_dict(index) for name, descent in self._descents.items()}
        return states if self.slow_weights is None else {**states, "slow_weights": self.slow_weights.state_dict(index)}

    def _load_update_states(self, states: Sequence[dict[str, Any]]) -> None:
        for name, descent in self._descents.items():
            descent.load_state_dicts([state[name] for state in states])
        if self.slow_weights is not None:
            self.slow_weights.load_state_dicts([state["slow_weights"] for state in states])


def assemble(
    trainings: Sequence[Training],
    seeds: Sequence[int],
    shape: Shape,
    real_samples: Callable[[Tensor], Tensor],
    count: int,
    device: torch.device,
) -> Pack:
    """Return the pack of some runs before their first step.

    Args:
        trainings: The training settings of each run.
        seeds: The seed of each run.
        shape: The shape of one sample.
        real_samples: Maps indices [...] into the training split to real samples [..., *shape] on the device.
        count: The size of the training split.
        device: The device to train on.
    """
    classes = classes_of(trainings[0], real_samples)
    runs = zip(trainings, seeds, strict=True)
    players = [build_players(training, shape, seed, device, classes) for training, seed in runs]
    sampler = BatchSampler(trainings[0], seeds, real_samples, count, device)
    return Pack(trainings, seeds, players, sampler, shape)


def _if_added(architecture: str) -> str:
    return architecture if is_added("architecture", architecture) else ""
