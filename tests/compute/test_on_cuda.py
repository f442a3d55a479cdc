"""On a GPU, steps are really recorded as graphs, give what separate kernels give, and errors end nothing else.

Tests that need CUDA are marked ``gpu``; ``pytest -m gpu`` runs them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from network_shapes import WITHOUT_IMAGES, dataset_for, shape_for
from test_product import NORMALISED, SMALL, TECHNIQUE_LINES, specify_technique
from torch import Tensor, nn

from bench.catalogue.optimizers import OPTIMIZERS
from bench.catalogue.penalties import PENALTIES
from bench.compute import execution
from bench.compute.engines.local import local
from bench.compute.engines.retries import attempt
from bench.compute.settings import Settings
from bench.compute.training import loop
from bench.compute.training.cuda_graphs import GraphedSteps, can_capture
from bench.compute.training.game import Game
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.players import Players
from bench.compute.training.probes import Probe
from bench.plan.runs import Run
from bench.plan.specification import Training, complete_training
from bench.records.record import read_metadata

CUDA = torch.device("cuda")
STEPS = 30
IMAGES_ONLY = ("diffaugment", "flip")
PAIRS = [
    (name, penalty)
    for name in SMALL
    for penalty in ("none", *PENALTIES)
    if name not in WITHOUT_IMAGES or penalty not in IMAGES_ONLY
]


def specify(name: str = "mlp", **keys: Any) -> Training:
    table = {
        "dataset": dataset_for(name),
        "architecture": {"name": name, **SMALL[name]},
        "loss": "non-saturating",
        "batch_size": 4,
        "latent": 2,
        "steps": 60,
        "precision": "float64",
    }
    return complete_training({**table, **keys}, "test")


def begin(training: Training, runs: int, device: torch.device = CUDA) -> Pack:
    shape = shape_for(training.architecture.name)
    reals = (torch.rand(8, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(device)
    return assemble([training] * runs, range(runs), shape, lambda i: reals[i.to(device)], len(reals), device)


def probe_of(device: torch.device = CUDA) -> Probe:
    reals = torch.rand(1, 4, 1, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(device)
    return Probe(lambda seeds: [(reals.expand(len(seeds), -1, -1, -1, -1), None)] * 2)


def compare(training: Training, runs: int, device: torch.device = CUDA) -> GraphedSteps:
    """Check that graphs give the numbers of separate kernels, for all runs of a pack; return what took the steps."""
    plain, graphed = begin(training, runs, device), begin(training, runs, device)
    games = [
        Game(pack.trainings, pack.generator, pack.critic, device, pack.critic_descent) for pack in (plain, graphed)
    ]
    take = GraphedSteps(loop._take_step, graphed)
    for step in range(STEPS):
        for pack in (plain, graphed):
            pack.set_rates(step / training.steps)
        expected = loop._take_step(plain, games[0], plain.sampler, step)
        torch.testing.assert_close(
            take(graphed, games[1], graphed.sampler, step), expected, rtol=1e-4, atol=1e-6, equal_nan=True
        )
    for one, other in ((plain.generator, graphed.generator), (plain.critic, graphed.critic)):
        torch.testing.assert_close(one.flat, other.flat, rtol=1e-4, atol=1e-6)
    assert take.refusal == ""
    if can_capture(training):
        assert take.captured
        assert take.replayed
    return take


def specify_pair(name: str, penalty: str) -> Training:
    """Return the training of an architecture with a penalty; the optimisers take turns."""
    optimizers = list(OPTIMIZERS)
    optimizer = optimizers[PAIRS.index((name, penalty)) % len(optimizers)]
    critic = {"normalisation": "none"} if name in NORMALISED else {}
    return specify(name, penalty=penalty, optimizer=optimizer, critic=critic)


def test_every_architecture_and_penalty_can_be_specified() -> None:
    """Tests that need a GPU are rarely run, so what they compare is built here too."""
    for name, penalty in PAIRS:
        for runs in (1, 4):
            assert len(begin(specify_pair(name, penalty), runs, torch.device("cpu"))) == runs


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "penalty"), PAIRS)
def test_graphs_of_every_architecture_and_penalty(name: str, penalty: str) -> None:
    for runs in (1, 4):
        compare(specify_pair(name, penalty), runs)


@pytest.mark.gpu
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", ["constant", "linear"])
def test_graphs_of_every_optimiser(optimizer: str, schedule: str) -> None:
    for options in ({}, {"final_beta2": 0.9}) if "adam" in optimizer else ({}, {"momentum": 0.5}):
        table = {"name": optimizer, **options}
        compare(specify(optimizer=table, critic_optimizer=table, schedule=schedule), 4)


@pytest.mark.gpu
@pytest.mark.parametrize("line", TECHNIQUE_LINES)
def test_graphs_of_every_technique(line: str) -> None:
    training = specify_technique(line).model_copy(update={"precision": "float64", "steps": 60})
    compare(training, 2)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["dcgan", "dcgan-upsample", "resnet"])
def test_spectral_convolutions_train_in_packs(name: str) -> None:
    training = specify(name, critic={"normalisation": "spectral"})
    compare(training, 4)
    together, alone = begin(training, 4), begin(training, 1)
    for pack in (together, alone):
        list(loop.train(pack, steps=5))
    one, other = together.players[0].critic.state_dict(), alone.players[0].critic.state_dict()
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.gpu
def test_lazy_penalties_and_evaluations_are_recorded_once_each() -> None:
    training = specify(penalty={"name": "r1", "every": 16}, critic={"normalisation": "none"})
    pack = begin(training, 2)
    list(loop.train(pack, pause=10, probe=probe_of()))
    take = pack.prepared[1]
    assert take.captured == 2  # with the penalty and without
    assert take.refusal == ""
    assert take.replayed > 30


@pytest.mark.gpu
def test_consensus_takes_no_more_memory_with_every_step() -> None:
    pack = begin(specify(penalty="consensus"), 2)
    list(loop.train(pack, steps=20))
    before = torch.cuda.memory_allocated()
    list(loop.train(pack, 20, steps=60))
    assert torch.cuda.memory_allocated() <= before + 4096


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["mlp", "dcgan", "resnet"])
def test_bfloat16_with_a_gradient_penalty_is_close_to_float32(name: str) -> None:
    ends = []
    for precision in ("float32", "bf16"):
        pack = begin(specify(name, precision=precision, penalty="wgan-gp", critic={"normalisation": "none"}), 2)
        (*_, last) = loop.train(pack, steps=STEPS)
        assert not any(each.diverged for each in last)
        ends.append(pack.critic.in_index_order(pack.critic.flat.detach()))  # their memory formats differ
    assert ends[1].isfinite().all()
    torch.testing.assert_close(*ends, rtol=0.1, atol=0.05)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda:0", marks=pytest.mark.gpu)])
def test_out_of_memory_in_an_evaluation_trains_the_runs_in_smaller_packs(
    device: str, tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate, evaluations = execution._evaluate, 0

    def fail_once(*args: Any) -> None:
        nonlocal evaluations
        evaluations += 1
        if evaluations == 4:  # the first of the second evaluation of two runs is the third
            if device == "cpu":
                raise MemoryError
            torch.empty(10**15, dtype=torch.uint8, device=device)
        evaluate(*args)

    monkeypatch.setattr(execution, "_evaluate", fail_once)
    settings = Settings(folder=tmp_path, device=device)
    events = list(attempt(tiny_runs[:2], settings, lambda: False))
    assert [event.state for event in events if event.state != "progress"] == ["recorded", "recorded"]


class Synchronising(nn.Module):
    """A layer that reads a number back from the device."""

    def forward(self, samples: Tensor) -> Tensor:
        return samples + 0.0 * min(1.0, samples.sum().item())


def with_layer(training: Training, layer: Callable[[], nn.Module], device: torch.device = CUDA) -> Pack:
    pack = begin(training, 1, device)
    (players,) = pack.players
    critic = nn.Sequential(layer(), players.critic)
    return Pack(pack.trainings, pack.seeds, [Players(players.generator, critic)], pack.sampler)


@pytest.mark.gpu
def test_a_layer_that_waits_is_told_and_does_not_harm_the_next_pack() -> None:
    pack = with_layer(specify(), Synchronising)
    (*_, (last,)) = loop.train(pack, steps=STEPS)
    assert last.diverged is None
    take = pack.prepared[1]
    assert not take.captured
    assert "captur" in take.refusal
    compare(specify(), 2)


@pytest.mark.gpu
def test_the_runs_that_stay_are_recorded_again_after_one_diverged() -> None:
    pack = begin(specify(), 3)
    list(loop.train(pack, steps=10))
    with torch.no_grad():
        pack.critic.flat[1].fill_(torch.nan)
    steps = list(loop.train(pack, 10, steps=60))
    assert [len(measured) for measured in steps] == [3, 2]
    assert len(pack) == 2
    take = pack.prepared[1]
    assert take.captured == 1
    assert take.refusal == ""


@pytest.mark.gpu
def test_deterministic_algorithms_give_the_same_bits_each_time() -> None:
    training = specify("dcgan", precision="float32", deterministic=True)
    ends = []
    for _ in range(2):
        pack = begin(training, 2)
        list(loop.train(pack, steps=STEPS))
        ends.append(pack.critic.flat.detach().clone())
    assert torch.equal(*ends)


@pytest.mark.gpu
def test_two_gpus_share_the_runs(tiny_runs: list[Run], tmp_path: Path) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip("this machine has one GPU")
    workers = [Settings(folder=tmp_path, device=f"cuda:{index}") for index in range(2)]
    list(local([[run] for run in tiny_runs[:4]], workers))
    devices = {read_metadata(workers[0].record(run)).environment.device for run in tiny_runs[:4]}
    assert devices == {"cuda:0", "cuda:1"}
