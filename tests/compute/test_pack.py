"""On the CPU, a run gives the same bits in a pack as alone, and ends independently of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from conftest import TOGETHER, train_suite
from network_shapes import dataset_for, shape_for
from torch import Tensor

import bench
from bench.catalogue import entries
from bench.catalogue.architectures import ARCHITECTURES
from bench.catalogue.losses import LOSSES
from bench.catalogue.penalties import PENALTIES
from bench.compute.engines.in_process import in_process
from bench.compute.engines.retries import attempt
from bench.compute.events import Event
from bench.compute.settings import Settings
from bench.compute.training.loop import Measurement, train
from bench.compute.training.pack import Pack, assemble
from bench.plan.grouping import divide, pack_key
from bench.plan.runs import Run
from bench.plan.specification import Training, complete_training
from bench.records.listing import record_paths
from bench.records.record import read_metadata

CPU = torch.device("cpu")
SMALL: dict[str, dict[str, Any]] = {
    "dirac": {},
    "mlp": {"width": 8, "depth": 2},
    "dcgan": {"width": 2},
    "dcgan-upsample": {"width": 8},
    "resnet": {"width": 2},
    "stylegan": {"width": 2, "widest": 4, "mapping_depth": 2},
    "r3gan": {"width": 2, "widest": 4, "blocks": 1},
    "wavegan": {"width": 2},
    "resnet-1d": {"width": 2, "blocks": 1},
}
NORMALISED = [name for name in SMALL if "normalisation" in ARCHITECTURES[name].options.model_fields]


def mlp(width: int, depth: int, **options: object) -> dict[str, object]:
    return {"name": "mlp", "width": width, "depth": depth, **options}


def specify(name: str = "mlp", **keys: object) -> Training:
    table = {
        "dataset": dataset_for(name),
        "architecture": {"name": name, **SMALL[name]},
        "loss": "non-saturating",
        "batch_size": 6,
        "latent": 2,
        "steps": 3,
    }
    return complete_training({**table, **keys}, "test")


def shape_of(training: Training) -> tuple[int, ...]:
    return shape_for(training.architecture.name)


def trained(trainings: Sequence[Training], seeds: Sequence[int]) -> tuple[Pack, list[list[Measurement]]]:
    shape = shape_of(trainings[0])
    reals = torch.rand(20, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pack = assemble(trainings, seeds, shape, lambda indices: reals[indices], len(reals), CPU)
    return pack, list(train(pack))


def check_alike(trainings: Sequence[Training], seeds: Sequence[int] = (0, 1, 1)) -> None:
    """Check that runs have the same networks and losses, bit by bit, in one pack and alone."""
    pack, together = trained(trainings, seeds)
    for index, (training, seed) in enumerate(zip(trainings, seeds, strict=True)):
        alone, measured = trained([training], [seed])
        for one, other in zip(measured, together, strict=True):
            assert (one[0].critic_loss, one[0].generator_loss) == (
                other[index].critic_loss,
                other[index].generator_loss,
            )
        ours, theirs = pack.players[index].state_dict(), alone.players[0].state_dict()
        for network in ours:
            for name, value in ours[network].items():
                assert torch.equal(value, theirs[network][name]), (training, network, name)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_run_gives_the_same_bits_in_a_pack_as_alone(name: str, loss: str) -> None:
    check_alike([specify(name, loss=loss)] * 3)


@pytest.mark.parametrize("normalisation", ["batch", "layer", "spectral"])
@pytest.mark.parametrize("penalty", [None, "wgan-gp"])
@pytest.mark.parametrize("name", NORMALISED)
def test_the_same_bits_with_every_normalisation(name: str, normalisation: str, penalty: str | None) -> None:
    architecture = {"name": name, **SMALL[name], "normalisation": normalisation}
    check_alike([specify(name, architecture=architecture, penalty=penalty or "none")] * 3)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_same_bits_with_every_regulariser(penalty: str) -> None:
    check_alike([specify(penalty=penalty)] * 3)


@pytest.mark.parametrize(
    "keys",
    [
        {"updates": "simultaneous", "critic_steps": 2},
        {"updates": "extragradient"},
        {"updates": "extragradient", "optimizer": {"name": "sgd", "momentum": 0.5, "max_norm": 0.01}, "penalty": "r1"},
        {"lookahead": {"every": 2}},
        {"ema": 0.9, "ema_warmup": 0.5},
        {"penalty": {"name": "r1", "final_weight": 1.0}, "optimizer": {"name": "adam", "final_beta2": 0.9}},
        {"ema": 0.9},
        {"precision": "float64"},
        {"precision": "bf16"},
        *(
            {"precision": "bf16", "architecture": mlp(8, 2, normalisation=name)}
            for name in ("batch", "layer", "spectral")
        ),
        {"precision": "bf16", "architecture": mlp(8, 2, activation="softplus"), "penalty": "wgan-gp"},
        {"schedule": "cosine"},
        {"batch_size": 33, "latent": 5},
        {"architecture": {"name": "mlp", "width": 8, "depth": 1, "maxout": 3}},
        {"pac": 3},
        {"pac": 2, "batch_size": 64, "penalty": "wgan-gp"},
        {"loss": {"name": "minimax", "smoothing": 0.1}},
        {"top_k": {"decay": 0.5, "every": 1}},
        {"top_k": {"decay": 0.5, "every": 1}, "loss": "relativistic", "batch_size": 64},
        {"unroll": 2},
        {"unroll": 1, "critic_optimizer": {"name": "sgd", "momentum": 0.5}, "penalty": "r1"},
        {"unroll": 2, "critic_optimizer": {"name": "rmsprop"}, "critic": {"normalisation": "spectral"}},
        *(
            {"unroll": 1, "architecture": mlp(32, 2), "critic": {"normalisation": name}, "batch_size": 32}
            for name in ("batch", "layer")
        ),
        *({"optimizer": {"name": name, "lr": 0.01}} for name in ("sgd", "rmsprop", "optimistic-adam")),
        *({"optimizer": {"name": name, "max_norm": 0.01}} for name in ("adam", "rmsprop", "optimistic-adam")),
    ],
    ids=str,
)
def test_the_same_bits_with_every_training_option(keys: dict[str, object]) -> None:
    check_alike([specify(**keys)] * 3)


DIFFERENT = {
    "adam": [{"lr": 0.01}, {"betas": [0.0, 0.9]}, {"max_norm": 0.01}, {"final_lr": 1e-4, "final_beta2": 0.9}],
    "sgd": [{"lr": 0.01}, {"momentum": 0.5}, {"weight_decay": 0.1}],
    "rmsprop": [{"lr": 0.01}, {"alpha": 0.5}, {"momentum": 0.5}],
    "optimistic-adam": [{"lr": 0.01}, {"eps": 0.1}, {"final_lr": 1e-4}],
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_options_of_an_optimiser_may_differ_between_runs(name: str) -> None:
    """Each run trains as alone; neighbours with the same options, the first two, share an optimiser."""
    options = [{}, {}, *DIFFERENT[name]]
    check_alike([specify(optimizer={"name": name, **own}, schedule="linear") for own in options], range(len(options)))
    check_alike([specify(optimizer={"name": name}, critic_optimizer=own) for own in options], range(len(options)))


def test_a_pack_of_different_optimisers_loses_runs_and_resumes() -> None:
    options: list[dict[str, Any]] = [{"lr": 0.01}, {"lr": 0.02}, {"lr": 0.02}, {"max_norm": 0.1}]
    trainings = [specify(optimizer={"name": "adam", **own}) for own in options]
    whole, resumed = (trained(trainings, [0, 1, 2, 3])[0] for _ in range(2))
    whole.drop(whole.players[1:2])
    states = [resumed.state_dict(index) for index in (3, 0, 2)]  # in another order, so in other parts
    resumed, _ = trained([trainings[index] for index in (3, 0, 2)], [3, 0, 2])
    resumed.load_state_dicts(states)
    for pack in (whole, resumed):
        list(train(pack, 3, steps=6))
    for here, there in ((0, 1), (1, 2), (2, 0)):
        assert torch.equal(whole.generator.flat[here], resumed.generator.flat[there])
        assert torch.equal(whole.critic.flat[here], resumed.critic.flat[there])


def test_the_loop_prepares_a_pack_again_only_when_runs_leave() -> None:
    pack, _ = trained([specify()] * 2, [0, 1])
    prepared = pack.prepared
    list(train(pack, 3, steps=6))
    assert pack.prepared is prepared
    pack.drop(pack.players[:1])
    list(train(pack, 6, steps=9))
    assert pack.prepared is not prepared


def test_losses_and_penalty_weights_may_differ_between_runs() -> None:
    losses = ["minimax", "minimax", "hinge", "least-squares", "wasserstein"]
    trainings = [
        specify(loss=loss, penalty={"name": "r1", "weight": weight})
        for loss, weight in zip(losses, (0.1, 1.0, 1.0, 3.0, 10.0), strict=True)
    ]
    check_alike(trainings, [0, 0, 0, 1, 2])
    check_alike([specify(loss=loss, batch_size=32) for loss in losses], [3, 4, 3, 4, 5])
    smoothed: list[Any] = [{"name": "minimax", "smoothing": 0.1}, *losses, {"name": "least-squares", "smoothing": 0.2}]
    check_alike([specify(loss=loss) for loss in smoothed], [0, 0, 1, 2, 3, 4, 4])


# Records: independent of which runs share a pack


def measured(folder: Path) -> pd.DataFrame:
    frame = bench.traces(folder).drop(columns="seconds")
    return frame.sort_values(["run", "measure", "step"], ignore_index=True)


def execute(packs: Sequence[Sequence[Run]], folder: Path) -> pd.DataFrame:
    ends = [event for event in in_process(packs, [Settings(folder=folder)]) if event.state != "progress"]
    assert {event.state for event in ends} == {"recorded"}
    return measured(folder)


@pytest.fixture(scope="module")
def trained_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of the eight runs, each trained alone; not to be changed."""
    return train_suite(TOGETHER, tmp_path_factory.mktemp("alone"))


@pytest.fixture
def alone(trained_alone: Path) -> pd.DataFrame:
    return measured(trained_alone)


def test_records_do_not_depend_on_packs_and_state_their_size(
    runs: list[Run], trained_alone: Path, tmp_path: Path
) -> None:
    together = execute(divide(runs, lambda *_: 8, 1), tmp_path / "together")
    pd.testing.assert_frame_equal(measured(trained_alone), together, check_exact=True)
    for folder, size in ((trained_alone, 1), (tmp_path / "together", 8)):
        assert {read_metadata(path).environment.pack for path in record_paths(folder)} == {size}


def test_a_diverging_run_does_not_affect_the_others(runs: list[Run], alone: pd.DataFrame, tmp_path: Path) -> None:
    """A penalty weight of 1e300 is infinite in float32, so one critic's loss is non-finite at the first step."""
    bad = runs[3].training.penalty[0]
    bad = bad.model_copy(update={"options": bad.options.model_copy(update={"weight": 1e300})})
    training = runs[3].training.model_copy(update={"penalty": (bad,)})
    diverging = replace(runs[3], training=training)
    pack = [*runs[:3], diverging, *runs[4:]]
    assert len({pack_key(run) for run in pack}) == 1
    together = execute([pack], tmp_path / "together")
    ending = next(
        read_metadata(path).ending
        for path in record_paths(tmp_path / "together")
        if read_metadata(path).run == diverging.id
    )
    assert (ending.status, ending.place) == ("diverged", "critic loss")
    others = {run.id for run in pack} - {diverging.id}
    pd.testing.assert_frame_equal(
        *(frame[frame["run"].isin(others)].reset_index(drop=True) for frame in (alone, together)), check_exact=True
    )


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_stopped_pack_resumes_bit_by_bit_in_other_packs(
    runs: list[Run], alone: pd.DataFrame, tmp_path: Path, stop_after: int
) -> None:
    settings, asked = Settings(folder=tmp_path / "stopped"), iter(range(100))
    events = list(attempt(runs, settings, lambda: next(asked) >= stop_after))
    assert [event.state for event in events if event.state != "progress"] == ["stopped"] * 8
    assert len(list(tmp_path.rglob("*.pt"))) == 8
    half = [*runs[:3], runs[7]]
    asked = iter(range(100))
    list(attempt(half, settings, lambda: next(asked) >= 1))  # now some runs are further than others
    resumed = execute([runs[::-1]], tmp_path / "stopped")
    pd.testing.assert_frame_equal(alone, resumed, check_exact=True)


def test_a_pack_that_exceeds_memory_is_halved_and_finishes(
    runs: list[Run], alone: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.compute.training import real_data

    def limited(trainings: Sequence[Training], *rest: object) -> Pack:
        if len(trainings) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return assemble(trainings, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(real_data, "assemble", limited)
    notices = {
        event.progress.notice
        for event in in_process([runs], [Settings(folder=tmp_path / "limited")])
        if event.progress and event.progress.notice
    }
    assert notices == {
        "a pack of 8 failed (OutOfMemoryError: CUDA out of memory); retrying in a pack of 4",
        "a pack of 4 failed (OutOfMemoryError: CUDA out of memory); retrying in a pack of 2",
    }
    pd.testing.assert_frame_equal(alone, measured(tmp_path / "limited"), check_exact=True)


@pytest.mark.skipif(not hasattr(torch, "AcceleratorError"), reason="needs torch 2.8 or later")
def test_a_device_error_ends_the_process_of_a_pack(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent then handles the death of the process; for a single run it is the run's failure."""
    from bench.compute.engines import retries

    def lost(*_: object) -> Iterator[Event]:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(retries, "execute", lost)
    with pytest.raises(torch.AcceleratorError):
        list(attempt(runs, Settings(folder=tmp_path), lambda: False))
    (event,) = attempt(runs[:1], Settings(folder=tmp_path), lambda: False)
    assert event.state == "failed"


def test_a_fault_of_one_run_does_not_affect_the_others(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(real: Tensor, fake: Tensor) -> Tensor:
        raise ValueError("no such loss")

    entry = LOSSES["hinge"]._replace(generator=faulty)
    monkeypatch.setitem(entries("loss"), "hinge", entry)  # type: ignore[arg-type]
    events = [event for event in in_process([runs], [Settings(folder=tmp_path)]) if event.state != "progress"]
    assert {event.run.id for event in events if event.state == "failed"} == {
        run.id for run in runs if run.training.loss.name == "hinge"
    }
    assert sum(event.state == "recorded" for event in events) == 4


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_learning_rates_stay_constant_after_the_end(schedule: str) -> None:
    pack, _ = trained([specify(schedule=schedule)], [0])
    list(train(pack, 3, steps=9))
    assert 0 <= pack.critic_descent.parts[0].optimizer.param_groups[0]["lr"] < 1e-12
