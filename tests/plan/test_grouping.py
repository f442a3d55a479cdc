"""Which runs share a pack, how many of them, and what is measured and reported."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOGETHER
from torch import Tensor, nn

from bench.catalogue import entries
from bench.catalogue.losses import LOSSES
from bench.compute import pack_tuning
from bench.compute.engines.in_process import in_process
from bench.compute.settings import Settings
from bench.compute.training.loop import Measurement, train
from bench.compute.training.pack import Pack
from bench.errors import SuiteError, summarise_error
from bench.plan.grouping import divide, pack_key, split_in_half, timing_key
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.plan.throughput import Rates, rates_by_device, read_rates, write_rates

CPU = torch.device("cpu")


def test_runs_with_one_pack_key(runs: list[Run], write_suite: Callable[[str], str]) -> None:
    assert len({pack_key(run) for run in runs}) == 1
    for line, changed in (
        ("steps = 120", "steps = 100"),
        ("latent = 4", "latent = 5"),
        ("ema = 0.9", "ema = 0.8"),
        ("width = 16", "width = 17"),
        ("points = 1000", "points = 999"),
        ("every = 40", "every = 30"),
        ("batch_size = 16", 'batch_size = 16\noptimizer = { name = "sgd" }'),
        ('"hinge"]', '"relativistic"]'),
        ('{ name = "r1", weight = 1.0,', '{ name = "r1", weight = 1.0, every = 2,'),
    ):
        assert line in TOGETHER
        others = plan_runs(load_suite(write_suite(TOGETHER.replace(line, changed))))
        assert {pack_key(run) for run in others} != {pack_key(run) for run in runs}, line


def test_every_run_is_in_one_pack_that_is_not_too_large(runs: list[Run]) -> None:
    assert split_in_half([]) == []
    for count, size, workers in product(range(1, 9), (1, 2, 3, 8), (1, 2, 3)):
        packs = divide(runs[:count], lambda *_, size=size: size, workers)  # type: ignore[misc]
        assert sorted(run.id for pack in packs for run in pack) == sorted(run.id for run in runs[:count])
        lengths = [len(pack) for pack in packs]
        assert max(lengths) <= size
        assert max(lengths) - min(lengths) <= 1
        assert len(packs) >= min(workers, count)
        assert [run for half in split_in_half(runs[:count]) for run in half] == runs[:count]


def test_the_longest_packs_are_first(write_suite: Callable[[str], str]) -> None:
    text = TOGETHER + '[[override]]\nwhen = { loss = "hinge" }\nset = { steps = 200 }\n'
    packs = divide(plan_runs(load_suite(write_suite(text))), lambda *_: 2, 1)
    assert [pack[0].training.steps for pack in packs] == [200, 200, 120, 120]


def test_only_groups_that_are_much_of_the_work_are_spread(write_suite: Callable[[str], str]) -> None:
    """Four runs of 120 steps are split between two workers; four of 12 steps share a pack."""
    text = TOGETHER + '[[override]]\nwhen = { loss = "hinge" }\nset = { steps = 12 }\n'
    runs = plan_runs(load_suite(write_suite(text)))
    asked: list[int] = []

    def size(group: Sequence[Run], spread: int) -> int:
        asked.append(spread)
        return 8

    packs = divide(runs, size, 2)
    assert [(len(pack), pack[0].training.steps) for pack in packs] == [(2, 120), (2, 120), (4, 12)]
    assert asked == [2, 1]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_finish_at_about_the_same_time(runs: list[Run], workers: int) -> None:
    """The last one at most half of a mean load after the mean, apart from one run that cannot be divided."""
    works = np.random.default_rng(workers).integers(1, 1000, 6).tolist()
    trainings = [runs[0].training.model_copy(update={"steps": steps}) for steps in works]
    many = [replace(runs[0], seed=seed, training=training) for training in trainings for seed in range(16)]
    loads = [0] * workers
    for pack in divide(many, lambda *_: 16, workers):
        loads[loads.index(min(loads))] += sum(run.training.steps for run in pack)
    assert max(loads) <= 1.5 * sum(loads) / workers + max(works)


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


def sized(group: list[Run], notices: list[str]) -> int:
    return pack_tuning.pack_sizer("auto", [Settings(folder=Path("nowhere"))], None, notices.append)(group, 1)


def weighing(run: Run, weight: float) -> Run:
    """The same run with another penalty weight, as another cell."""
    (penalty,) = run.training.penalty
    other = penalty.model_copy(update={"options": penalty.options.model_copy(update={"weight": weight})})
    training = run.training.model_copy(update={"penalty": (other,)})
    return replace(run, training=training, axes={**run.axes, "penalty": str(weight)})


@pytest.mark.usefixtures("cache")
def test_sizes_are_measured_once_and_kept(runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    crew, notices = [Settings(folder=Path("nowhere"))], []
    size = sized(runs, notices)
    assert 1 <= size <= len(runs)
    monkeypatch.setattr(pack_tuning, "measure_rates", lambda *_: pytest.fail("measured again"))
    assert sized(runs, notices) == size
    assert pack_tuning.pack_sizer("auto", crew, 1e-6, notices.append)(runs, 1) == 1  # a kilobyte holds no pack
    assert pack_tuning.pack_sizer("off", crew, None, notices.append)(runs, 1) == 1
    assert pack_tuning.pack_sizer(5, crew, None, notices.append)(runs, 1) == 5
    assert notices == []


@pytest.mark.usefixtures("cache")
def test_no_pack_is_timed_that_would_leave_a_worker_without_runs(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four runs on two workers train as two packs of two, and on four workers alone."""
    timed: list[int] = []

    def time_step(run: Run, size: int, device: torch.device) -> tuple[float, int]:
        timed.append(size)
        return 1e-3, 1

    monkeypatch.setattr(pack_tuning, "_time_step", time_step)
    four, crew = [runs[0]] * 4, [Settings(folder=Path("nowhere"))] * 4
    assert pack_tuning.pack_sizer("auto", crew, None, print)(four, 4) == 1
    assert timed == []
    assert pack_tuning.pack_sizer("auto", crew[:2], None, print)(four, 2) == 2
    assert timed == [1, 2]


@pytest.mark.parametrize(
    ("pack", "memory", "message"),
    [
        (0, None, "pack 0: expected a number of runs, 'auto' or 'off'"),
        ("many", None, "pack 'many': expected a number of runs, 'auto' or 'off'"),
        ("auto", math.nan, "memory nan: expected a number of gigabytes above 0"),
        ("auto", math.inf, "memory inf: expected a number of gigabytes above 0"),
        ("auto", -1.0, "memory -1.0: expected a number of gigabytes above 0"),
        (8, 4.0, "memory 4: only applies with pack 'auto', not 8"),
    ],
)
def test_sizes_and_memory_that_mean_nothing(pack: Any, memory: float | None, message: str) -> None:
    with pytest.raises(SuiteError, match=re.escape(message)):
        pack_tuning.pack_sizer(pack, [Settings(folder=Path("nowhere"))], memory, print)


@pytest.mark.parametrize("text", ["[]", "{", '{"cpu": []}', '{"cpu": {"a program": {"seconds": 1}}}', '{"cpu": 3}'])
def test_an_invalid_rates_file_is_replaced(cache: Path, text: str) -> None:
    (cache / "packs.json").write_text(text)
    assert read_rates("a program", "cpu") is None
    assert rates_by_device("a program") == {}
    write_rates("a program", "cpu", Rates({1: 2.0, 2: 1.5}, {1: 10}))
    assert rates_by_device("a program") == {"cpu": Rates({1: 2.0, 2: 1.5}, {1: 10})}


@pytest.mark.parametrize(
    ("shares", "tried", "best"),
    [
        (
            {1: 4.0, 2: 3.9, 4: 2.0, 8: 1.5, 16: 1.6, 32: 1.5},
            [1, 2, 4, 8, 16, 32],
            8,
        ),  # the timing of size 2 was disturbed
        ({1: 4.0, 2: 4.1, 4: 4.2}, [1, 2, 4], 1),
        ({1: 4.0, 2: 2.0, 4: 2.1, 8: 1.99}, [1, 2, 4, 8], 2),
        ({1: 60.0}, [1], 1),  # a step takes seconds: no pack is tried
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


def test_runs_that_diverge_during_timing_are_not_timed(runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop drops diverged runs, so the rest of the pack has another size than intended."""

    def diverging(pack: Pack, first: int, steps: int) -> Iterator[list[Measurement]]:
        yield from train(pack, first, steps=steps)
        if first > 0:
            pack.drop(pack.players)

    monkeypatch.setattr(pack_tuning, "train", diverging)
    with pytest.raises(ArithmeticError, match="nothing to time"):
        pack_tuning.measure_rates(runs[0], CPU, 8)


@pytest.mark.usefixtures("cache")
def test_if_a_cell_diverges_at_once_the_next_is_timed(runs: list[Run]) -> None:
    notices: list[str] = []
    wild = [weighing(runs[0], 1e300), weighing(runs[1], 1e300)]
    assert sized(wild, notices) == 1
    assert rates_by_device(timing_key(runs[0])) == {}
    sized([*wild, *runs[2:]], notices)
    (known,) = rates_by_device(timing_key(runs[0])).values()
    assert 2 in known.seconds
    assert notices == []


@pytest.mark.usefixtures("cache")
def test_runs_that_vmap_does_not_support_train_alone_with_a_notice(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.catalogue.architectures import mlp

    class Peeks(nn.Module):
        def forward(self, samples: Tensor) -> Tensor:
            return samples * (1.0 if samples.sum().item() > 0 else 1.5)

    plain, notices = mlp.critic, []
    monkeypatch.setattr(mlp, "critic", lambda options, shape: nn.Sequential(Peeks(), plain(options, shape)))
    assert sized(runs, notices) == 1
    why = "RuntimeError: vmap: It looks like you're calling .item() on a Tensor"
    assert notices == [f"mlp (width=16, depth=1) · r1: these runs cannot share a pack, so each trains alone ({why})"]
    assert [known.alone for known in rates_by_device(timing_key(runs[0])).values()] == [why]
    events = [event.state for event in in_process([runs[:2]], [Settings(folder=tmp_path / "forced")])]
    assert events.count("recorded") == 2
    monkeypatch.setattr(mlp, "critic", plain)  # repaired
    sized(runs, notices)
    assert [known.alone for known in rates_by_device(timing_key(runs[0])).values()] == [""]


@pytest.mark.usefixtures("cache")
def test_a_plugin_loss_that_vmap_does_not_support_does_not_affect_other_packs(
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
    sizes, notices = {}, []
    for pack in divide(
        with_it, lambda group, _: sizes.setdefault(group[0].training.loss.name, sized(group, notices)), 1
    ):
        assert len({run.training.loss.name == "peeking" for run in pack}) == 1
    assert sizes["peeking"] == 1
    assert len(notices) == 1
    assert notices[0].startswith(
        "mlp (width=16, depth=1) · peeking · r1: these runs cannot share a pack, so each trains alone"
    )
    kept = {run.training.loss.name: next(iter(rates_by_device(timing_key(run)).values())).alone for run in with_it}
    assert kept.pop("peeking")
    assert kept == {"non-saturating": "", "hinge": ""}


def test_errors_are_summarised_in_one_line() -> None:
    assert summarise_error(ValueError("no 1.5 of it.  More\nis said. Here")) == "ValueError: no 1.5 of it"
    assert summarise_error(ValueError("one\ntwo")) == "ValueError: one two"
    assert summarise_error(ValueError()) == "ValueError"
