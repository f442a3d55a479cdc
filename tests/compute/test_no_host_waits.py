"""No operation of a step reads a number back from the device: each would wait for it, and no graph can record it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import torch
from network_shapes import shape_for
from test_product import LABELS, SMALL, TECHNIQUE_LINES, UPDATES, choices, specify, specify_technique
from torch.utils._python_dispatch import TorchDispatchMode

from bench.compute.training import loop
from bench.compute.training.game import Game
from bench.compute.training.pack import assemble
from bench.compute.training.probes import Probe
from bench.compute.training.real_data import real_samples_on
from bench.plan.specification import Training

CPU = torch.device("cpu")
ATEN = torch.ops.aten
WAITS = {
    ATEN._local_scalar_dense,  # item, tolist, float, bool
    ATEN.nonzero,
    ATEN.masked_select,
    ATEN.equal,
    ATEN.is_nonzero,
    ATEN._unique2,
    ATEN.unique_consecutive,
    ATEN.repeat_interleave,  # with a tensor of repetitions
    ATEN._linalg_check_errors,
}
READS = ("tolist", "numpy", "cpu", "__array__")


class HostWaits(TorchDispatchMode):
    """Collects the operations that would wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __enter__(self) -> HostWaits:
        """Also watch methods of tensors that read memory without an operation."""
        super().__enter__()
        self._patches = [patch.object(torch.Tensor, name, self._watched(name)) for name in READS]
        for each in self._patches:
            each.start()
        return self

    def __exit__(self, *error: Any) -> None:
        for each in self._patches:
            each.stop()
        super().__exit__(*error)

    def _watched(self, name: str) -> Any:
        method = getattr(torch.Tensor, name)

        def read(*args: Any, **kwargs: Any) -> Any:
            self.found.append(name)
            return method(*args, **kwargs)

        return read

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = function.overloadpacket
        waits = packet in WAITS and not (packet is ATEN.repeat_interleave and "self_int" in str(function))
        if packet in (ATEN.index, ATEN.index_put, ATEN.index_put_):  # by conditions, which have to be counted
            waits = any(index is not None and index.dtype is torch.bool for index in args[1])
        if waits:
            self.found.append(str(function))
        return function(*args, **(kwargs or {}))


def waits_of(training: Training, shape: tuple[int, ...], probe: Probe | None = None) -> list[str]:
    """Return the waits in the third step of a pack of two."""
    reals = torch.rand(8, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pack = assemble([training] * 2, [0, 1], shape, real_samples_on(reals.numpy(), CPU, LABELS, 2), 8, CPU)
    game = Game(pack.trainings, pack.generator, pack.critic, CPU, pack.critic_descent)
    for step in range(2):  # the first steps fill the states of the optimisers
        loop._take_step(pack, game, pack.sampler, step)
    pack.set_rates(0.5)
    with HostWaits() as waits:
        loop._take_step(pack, game, pack.sampler, 2, probe)
    return waits.found


def cells(name: str, share: int) -> Iterator[Training]:
    for number, (normalisation, loss, penalty) in enumerate(choices(name)):
        if number % share == 0:
            yield specify(name, normalisation, loss, penalty, {"steps": 4})


def check(name: str, share: int) -> None:
    shape = shape_for(name)
    assert {str(training): found for training in cells(name, share) if (found := waits_of(training, shape))} == {}


@pytest.mark.parametrize("name", SMALL)
def test_a_share_of_the_product(name: str) -> None:
    check(name, 11)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_the_whole_product(name: str) -> None:
    check(name, 1)


@pytest.mark.parametrize("line", TECHNIQUE_LINES)
def test_every_technique(line: str) -> None:
    training = specify_technique(line)
    assert waits_of(training, shape_for(training.architecture.name)) == []


@pytest.mark.parametrize("keys", UPDATES, ids=str)
def test_every_way_to_update_the_players(keys: dict[str, Any]) -> None:
    assert waits_of(specify("dcgan", "spectral", "non-saturating", "r1", keys), (1, 8, 8)) == []


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: x[x > 0],
        lambda x: x.sum().tolist(),
        lambda x: float(x.sum()),
        lambda x: x.nonzero(),
        lambda x: bool((x > 0).all()),
    ],
)
def test_waits_are_found(wait: Any) -> None:
    with HostWaits() as waits:
        wait(torch.ones(3))
    assert waits.found
