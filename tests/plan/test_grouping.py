"""Which runs share a pack, how many of them, and what is known and told of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TOGETHER
from torch import Tensor, nn

from bench.catalogue import entries
from bench.catalogue.losses import LOSSES
from bench.compute import pack_tuning
from bench.compute.engines.in_process import in_process
from bench.compute.execution import Settings
from bench.compute.training.loop import Measurement, train
from bench.compute.training.pack import Pack
from bench.errors import SuiteError, in_short
from bench.plan.grouping import divide, halves, kind, program
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.plan.throughput import Rates, devices_known, read_rates, write_rates

CPU = torch.device("cpu")


def test_kinds(runs: list[Run], write_suite: Callable[[str], str]) -> None:
    assert len({kind(run) for run in runs}) == 1
    for line, changed in (
        ("steps = 120", "steps = 100"),
        ("latent = 4", "latent = 5"),
        ("ema = 0.9", "ema = 0.8"),
        ("width = 16", "width = 17"),
        ("points = 1000", "points = 999"),
        ("every = 40", "every = 30"),
        ("batch_size = 16", 'batch_size = 16\noptimizer = { name = "adam", lr = 1e-5 }'),
        ('"hinge"]', '"relativistic"]'),
        ('{ name = "r1", weight = 1.0,', '{ name = "r1", weight = 1.0, every = 2,'),
    ):
        assert line in TOGETHER
        others = plan_runs(load_suite(write_suite(TOGETHER.replace(line, changed))))
        assert {kind(run) for run in others} != {kind(run) for run in runs}, line


def test_every_run_is_in_one_pack_that_is_not_too_large(runs: list[Run]) -> None:
    assert halves([]) == []
    for count, size, workers in product(range(1, 9), (1, 2, 3, 8), (1, 2, 3)):
        packs = divide(runs[:count], lambda alike, size=size: size, workers)  # type: ignore[misc]
        assert sorted(run.id for pack in packs for run in pack) == sorted(run.id for run in runs[:count])
        lengths = [len(pack) for pack in packs]
        assert max(lengths) <= size
        assert max(lengths) - min(lengths) <= 1
        assert len(packs) >= min(workers, count)
        assert [run for half in halves(runs[:count]) for run in half] == runs[:count]


def test_the_longest_packs_are_first(write_suite: Callable[[str], str]) -> None:
    text = TOGETHER + '[[override]]\nwhen = { loss = "hinge" }\nset = { steps = 200 }\n'
    packs = divide(plan_runs(load_suite(write_suite(text))), lambda alike: 2, 1)
    assert [pack[0].training.steps for pack in packs] == [200, 200, 120, 120]


def test_the_smallest_pack_that_is_about_as_fast_as_any_within_memory() -> None:
    rates = Rates({1: 4.0, 2: 3.0, 4: 2.0, 8: 1.0, 16: 0.99}, {1: 10, 8: 96}, ended=True)
    assert rates.best() == 8
    assert rates.best(limit=95) == 4
    assert rates.best(limit=5) == 1
    assert Rates({1: 1.0}, {}, ended=True).best() == 1
    assert not Rates({1: 2.0, 2: 1.0}).suffice(3)
    assert Rates({1: 2.0, 2: 1.0}).suffice(2)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def sized(alike: list[Run], told: list[str]) -> int:
    return pack_tuning.pack_sizer("auto", [Settings(folder=Path("nowhere"))], None, told.append)(alike)


def weighing(run: Run, weight: float) -> Run:
    """The same with another weight of its penalty, as another cell."""
    (penalty,) = run.training.penalty
    other = penalty.model_copy(update={"options": penalty.options.model_copy(update={"weight": weight})})
    training = run.training.model_copy(update={"penalty": (other,)})
    return replace(run, training=training, axes={**run.axes, "penalty": str(weight)})


@pytest.mark.usefixtures("cache")
def test_sizes_are_measured_once_and_kept(runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    crew, told = [Settings(folder=Path("nowhere"))], []
    size = sized(runs, told)
    assert 1 <= size <= len(runs)
    monkeypatch.setattr(pack_tuning, "measure_rates", lambda *_: pytest.fail("measured again"))
    assert sized(runs, told) == size
    assert pack_tuning.pack_sizer("auto", crew, 1e-6, told.append)(runs) == 1  # a kilobyte holds no pack
    assert pack_tuning.pack_sizer("off", crew, None, told.append)(runs) == 1
    assert pack_tuning.pack_sizer(5, crew, None, told.append)(runs) == 5
    assert told == []


@pytest.mark.parametrize(
    ("pack", "memory", "told"),
    [
        (0, None, "pack 0: expected a number of runs, 'auto' or 'off'"),
        ("many", None, "pack 'many': expected a number of runs, 'auto' or 'off'"),
        ("auto", math.nan, "memory nan: expected a number of gigabytes above 0"),
        ("auto", math.inf, "memory inf: expected a number of gigabytes above 0"),
        ("auto", -1.0, "memory -1.0: expected a number of gigabytes above 0"),
        (8, 4.0, "memory 4: only applies with pack 'auto', not 8"),
    ],
)
def test_sizes_and_memory_that_mean_nothing(pack: Any, memory: float | None, told: str) -> None:
    with pytest.raises(SuiteError, match=re.escape(told)):
        pack_tuning.pack_sizer(pack, [Settings(folder=Path("nowhere"))], memory, print)


@pytest.mark.parametrize("text", ["[]", "{", '{"cpu": []}', '{"cpu": {"a program": {"seconds": 1}}}', '{"cpu": 3}'])
def test_what_is_no_table_of_rates_is_written_anew(cache: Path, text: str) -> None:
    (cache / "packs.json").write_text(text)
    assert read_rates("a program", "cpu") is None
    assert devices_known("a program") == {}
    write_rates("a program", "cpu", Rates({1: 2.0, 2: 1.5}, {1: 10}))
    assert devices_known("a program") == {"cpu": Rates({1: 2.0, 2: 1.5}, {1: 10})}


@pytest.mark.parametrize(
    ("shares", "tried", "best"),
    [
        ({1: 4.0, 2: 3.9, 4: 2.0, 8: 1.5, 16: 1.6, 32: 1.5}, [1, 2, 4, 8, 16, 32], 8),  # size 2 had bad luck
        ({1: 4.0, 2: 4.1, 4: 4.2}, [1, 2, 4], 1),
        ({1: 4.0, 2: 2.0, 4: 2.1, 8: 1.99}, [1, 2, 4, 8], 2),
        ({1: 60.0}, [1], 1),  # seconds: nothing that a pack makes less
    ],
)
def test_larger_packs_are_tried_until_two_in_turn_gain_nothing(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch, shares: dict[int, float], tried: list[int], best: int
) -> None:
    unit = 1.0 if len(shares) == 1 else 1e-3
    monkeypatch.setattr(pack_tuning, "_time_step", lambda run, size, device: (unit * size * shares[size], 1))
    rates = pack_tuning.measure_rates(runs[0], CPU, 64)
    assert list(rates.seconds) == tried
    assert rates.ended
    assert rates.best() == best


def test_runs_that_diverge_at_once_are_not_timed(runs: list[Run]) -> None:
    with pytest.raises(ArithmeticError, match="nothing to time"):
        pack_tuning.measure_rates(weighing(runs[0], 1e300), CPU, 8)


def test_runs_that_diverge_while_they_are_timed_are_not_either(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop drops them, and what is left of the pack is not what was to be timed."""

    def diverging(pack: Pack, first: int, steps: int) -> Iterator[list[Measurement]]:
        yield from train(pack, first, steps=steps)
        if first > 0:
            pack.drop(pack.players)

    monkeypatch.setattr(pack_tuning, "train", diverging)
    with pytest.raises(ArithmeticError, match="nothing to time"):
        pack_tuning.measure_rates(runs[0], CPU, 8)


@pytest.mark.usefixtures("cache")
def test_a_cell_that_diverges_at_once_leaves_the_timing_to_the_next(runs: list[Run]) -> None:
    told: list[str] = []
    wild = [weighing(runs[0], 1e300), weighing(runs[1], 1e300)]
    assert sized(wild, told) == 1
    assert devices_known(program(runs[0])) == {}
    sized([*wild, *runs[2:]], told)
    (known,) = devices_known(program(runs[0])).values()
    assert 2 in known.seconds
    assert told == []


@pytest.mark.usefixtures("cache")
def test_a_network_that_vmap_cannot_run_trains_alone_and_that_is_said(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.catalogue.architectures import mlp

    class Peeks(nn.Module):
        def forward(self, samples: Tensor) -> Tensor:
            return samples * (1.0 if samples.sum().item() > 0 else 1.5)

    plain, told = mlp.critic, []
    monkeypatch.setattr(mlp, "critic", lambda options, shape: nn.Sequential(Peeks(), plain(options, shape)))
    assert sized(runs, told) == 1
    why = "RuntimeError: vmap: It looks like you're calling .item() on a Tensor"
    assert told == [f"mlp (width=16, depth=1) · r1: these runs cannot share a pack, so each trains alone ({why})"]
    assert [known.alone for known in devices_known(program(runs[0])).values()] == [why]
    events = [event.state for event in in_process([runs[:2]], [Settings(folder=tmp_path / "forced")])]
    assert events.count("recorded") == 2
    monkeypatch.setattr(mlp, "critic", plain)  # mended
    sized(runs, told)
    assert [known.alone for known in devices_known(program(runs[0])).values()] == [""]


@pytest.mark.usefixtures("cache")
def test_a_loss_of_another_package_that_vmap_cannot_run_leaves_the_others_their_packs(
    write_suite: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def peeks(real: Tensor, fake: Tensor) -> Tensor:
        return fake if fake.sum().item() > 0 else -fake

    monkeypatch.setitem(entries("loss"), "peeking", LOSSES["hinge"]._replace(generator=peeks))  # type: ignore[index]
    with_it = plan_runs(
        load_suite(
            write_suite(TOGETHER.replace('["non-', '["peeking", "non-').replace("batch_size = 16", "batch_size = 32"))
        )
    )
    sizes, told = {}, []
    for pack in divide(with_it, lambda alike: sizes.setdefault(alike[0].training.loss.name, sized(alike, told)), 1):
        assert len({run.training.loss.name == "peeking" for run in pack}) == 1
    assert sizes["peeking"] == 1
    assert len(told) == 1
    assert told[0].startswith(
        "mlp (width=16, depth=1) · peeking · r1: these runs cannot share a pack, so each trains alone"
    )
    kept = {run.training.loss.name: next(iter(devices_known(program(run)).values())).alone for run in with_it}
    assert kept.pop("peeking")
    assert kept == {"non-saturating": "", "hinge": ""}


def test_errors_in_short() -> None:
    assert in_short(ValueError("no 1.5 of it.  More\nis said. Here")) == "ValueError: no 1.5 of it"
    assert in_short(ValueError("one\ntwo")) == "ValueError: one two"
    assert in_short(ValueError()) == "ValueError"
