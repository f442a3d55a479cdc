"""Conditional runs: every technique trains and resumes bit by bit, alone and in packs, and labels go where they should."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.catalogue.losses import LOSSES
from bench.catalogue.penalties import PENALTIES
from bench.compute.training.loop import train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.real_data import RealSamples, real_samples_on
from bench.plan.specification import Training, complete_training

CPU = torch.device("cpu")
CLASSES, COUNT, SHAPE = 3, 12, (1, 8, 8)
SMALL: dict[str, dict[str, Any]] = {
    "mlp": {"width": 4, "depth": 1},
    "dcgan": {"width": 2},
    "dcgan-upsample": {"width": 8},
    "resnet": {"width": 2},
}
LABELS = np.arange(COUNT) % CLASSES


def specify(name: str = "mlp", **keys: Any) -> Training:
    table = {
        "dataset": "digits",
        "architecture": {"name": name, **SMALL[name]},
        "loss": "non-saturating",
        "batch_size": 6,
        "latent": 2,
        "steps": 2,
        "conditional": True,
    }
    return complete_training({**table, **keys}, "test")


def reals(shape: tuple[int, ...] = SHAPE) -> RealSamples:
    numbers = torch.rand(COUNT, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return real_samples_on(numbers.numpy(), CPU, LABELS, CLASSES)


def begin(*trainings: Training, seeds: tuple[int, ...] = (0,), shape: tuple[int, ...] = SHAPE) -> Pack:
    return assemble(trainings, seeds, shape, reals(shape), COUNT, CPU)


def states(pack: Pack, index: int) -> dict[str, Tensor]:
    state = pack.players[index].state_dict()
    return {f"{network}.{name}": value for network in state for name, value in state[network].items()}


def check_resumes(training: Training, shape: tuple[int, ...] = SHAPE) -> None:
    """Check that a step, a checkpoint and another step with new players give the bits of two steps at once."""
    at_once, interrupted, again = (
        begin(training, shape=shape),
        begin(training, shape=shape),
        begin(training, seeds=(7,)),
    )
    before = {name: value.clone() for name, value in states(at_once, 0).items()}
    for pack, first, steps in ((at_once, 0, 2), (interrupted, 0, 1)):
        ((last,),) = train(pack, first, steps=steps)
        assert last.diverged is None
    buffer = io.BytesIO()
    torch.save(interrupted.state_dict(0), buffer)
    again = begin(training, seeds=(7,), shape=shape)
    again.load_state_dicts([torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)])
    list(train(again, 1, steps=2))
    for (name, one), other in zip(states(at_once, 0).items(), states(again, 0).values(), strict=True):
        assert torch.equal(one, other), (training, name)
    assert any(not torch.equal(value, states(at_once, 0)[name]) for name, value in before.items())


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_and_every_penalty_trains_and_resumes_bit_by_bit(loss: str, name: str) -> None:
    for penalty in ("none", *PENALTIES):
        check_resumes(specify(name, loss=loss, penalty=penalty, architecture=plain(name)))


def plain(name: str) -> dict[str, Any]:
    """Return an architecture whose critic has no batch normalisation, as gradient penalties need."""
    return {"name": name, **SMALL[name]}
