"""Short trials of training for a check of contracts: alone and in a pack, at once and from a checkpoint."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.compute.contracts.checks import NotApplicable
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import Players
from bench.errors import ContractError
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
STEPS, BATCH, LATENT = 4, 6, 4
SEEDS = (3, 1, 2)
DATASETS = {  # a dataset with samples of a shape; only its name is used
    (2,): "ring",
    (1,): "point",
    (1, 8, 8): "digits",
    (3, 8, 8): "stacked-digits",
    (1, 28, 28): "fashion-mnist",
    (3, 28, 28): "stacked-fashion",
    (3, 32, 32): "cifar10",
    (1, 256): "tones",
    (25, 16): "strings",
}


@dataclass(frozen=True)
class Trial:
    """Training for a few steps on a few samples.

    Attributes:
        training: The settings.
        real: Real samples, [n, *shape]; images are in [−1, 1].
    """

    training: Training
    real: Tensor

    @classmethod
    def of(cls, shape: tuple[int, ...], **keys: Any) -> Trial:
        """Return a trial of settings that replace those of a small network, on random samples of a shape."""
        table = {
            "dataset": DATASETS[shape],
            "architecture": {"name": "mlp", "width": 8, "depth": 1},
            "loss": "non-saturating",
            "penalty": "none",
            "batch_size": BATCH,
            "latent": LATENT,
            "steps": STEPS,
            **keys,
        }
        real = torch.rand(16, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
        return cls(complete_training(table, "check"), real)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.real.shape[1:])

    def begin(self, seeds: Sequence[int]) -> Pack:
        """Return the pack of runs with these seeds before the first step."""
        return assemble([self.training] * len(seeds), seeds, self.shape, lambda i: self.real[i], len(self.real), CPU)

    def trained(self, seeds: Sequence[int]) -> Pack:
        """Return the pack of runs with these seeds after all steps."""
        pack = self.begin(seeds)
        _go(pack, 0, STEPS)
        return pack


def check_packed(trial: Trial) -> None:
    """Check that runs have the same bits in a pack as alone.

    Raises:
        ContractError: They have not.
        NotApplicable: Their code draws random numbers of its own, so that each trains alone.
    """
    alone = [trial.trained([seed]) for seed in SEEDS]
    if any(pack.draws for pack in alone):
        raise NotApplicable("it draws random numbers of its own, so runs train one at a time")
    for pack, together in zip(alone, trial.trained(SEEDS).players, strict=True):
        if name := _difference(pack.players[0], together):
            raise ContractError(f"a run that trains in a pack differs from the same run alone, in {name}")


def check_resumed(trial: Trial) -> None:
    """Check that a run that is interrupted and resumed has the same bits as one that is not.

    Raises:
        ContractError: It has not.
    """
    (at_once,) = trial.trained(SEEDS[:1]).players
    (again,) = trial.trained(SEEDS[:1]).players
    if name := _difference(at_once, again):
        raise ContractError(f"the same run gives other numbers when it is repeated, in {name}")
    interrupted = trial.begin(SEEDS[:1])
    _go(interrupted, 0, STEPS // 2)
    buffer = io.BytesIO()
    torch.save(interrupted.state_dict(0), buffer)
    resumed = trial.begin([7])  # networks of another seed show what a checkpoint leaves out
    resumed.load_state_dicts([torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)])
    _go(resumed, STEPS // 2, STEPS)
    if name := _difference(at_once, resumed.players[0]):
        raise ContractError(f"a resumed run differs from one that was not interrupted, in {name}")


def _go(pack: Pack, first: int, last: int) -> None:
    for measurements in train(pack, first, steps=last):
        for each in measurements:
            if each.diverged:
                raise ContractError(f"training diverged at step {each.step}: {each.diverged} is not finite")


def _difference(one: Players, other: Players) -> str:
    """Return the first tensor in which two runs differ, as "generator.0.weight"; "" if there is none."""
    for network, state in one.state_dict().items():
        for name, value in state.items():
            if not torch.equal(value, other.state_dict()[network][name]):
                return f"{network}.{name}"
    return ""
