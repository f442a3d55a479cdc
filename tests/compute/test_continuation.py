"""A longer run goes on where a shorter one ended, if its state was kept, and gives the bits of one from step 0."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from bench.plan.length import what_depends_on_length
from bench.plan.matrix import cells
from bench.plan.suite import parse_suite
from bench.records.record import read_all_samples, read_record
from bench.summary import Summary

SUITE = """
name = "longer"
seeds = 2
[matrix]
loss = ["wgan-gp", "relativistic"]
[training]
dataset = { name = "ring", points = 200 }
architecture = { name = "mlp", width = 8, depth = 1 }
steps = 100
batch_size = 16
latent = 4
ema = 0.9
lookahead = { every = 30 }
top_k = { every = 20 }
optimizer = { name = "adam", lr = 0.01 }
[evaluation]
every = 40
samples = 100
metrics = ["modes"]
"""
TIMES = ("seconds",)


@pytest.fixture
def train(write_suite: Callable[[str], str], tmp_path: Path) -> Callable[..., Summary]:
    def call(steps: int, folder: str = "results", text: str = SUITE, **options: Any) -> Summary:
        arguments: dict[str, Any] = {"workers": 0, "pack": 4, "device": "cpu", "report": "none", **options}
        return bench.run(write_suite(text), results=tmp_path / folder, settings={"steps": steps}, **arguments)

    return call


def assert_same_records(one: Summary, other: Summary) -> None:
    assert [run.id for run in one.runs] == [run.id for run in other.runs]
    for run in one.runs:
        paths = [summary.folder / "records" / run.file_name for summary in (one, other)]
        first, second = (read_record(path).trace for path in paths)
        assert first.keys() == second.keys()
        for name in first.keys() - {*TIMES}:
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)
        np.testing.assert_array_equal(read_all_samples(paths[0])[1], read_all_samples(paths[1])[1])
        again = [read_record(path).metadata.again for path in paths]
        assert again[0] == again[1]


@pytest.mark.parametrize(("short", "pack"), [(100, 4), (80, 4), (50, 1)])
def test_a_longer_run_has_the_bits_of_one_from_the_first_step(
    train: Callable[..., Summary], short: int, pack: int
) -> None:
    """100 is no multiple of the 40 steps between evaluations: the shorter run has a row there, the longer one none."""
    train(short, keep="state", pack=pack)
    steps: list[int] = []
    longer = train(200, watch=lambda event: steps.append(event.progress.step if event.progress else -1))
    assert min(step for step in steps if step >= 0) == short
    assert longer.notices == [f"goes on from step {short}, where a shorter run ended"]
    assert_same_records(longer, train(200, "from-step-0"))


def test_the_longest_shorter_run_is_used_and_checkpoints_come_first(train: Callable[..., Summary]) -> None:
    one = SUITE.replace(', "relativistic"', "")  # all runs share a pack
    for steps in (50, 100):
        train(steps, text=one, keep="state")
    assert train(150, text=one, keep=["state"]).notices == ["goes on from step 100, where a shorter run ended"]

    def interrupt(event: bench.Event) -> None:
        if event.progress and event.progress.step > 150:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(300, text=one, watch=interrupt)
    longer = train(300, text=one)
    assert longer.notices == []  # the checkpoint of the run itself is later
    assert_same_records(longer, train(300, "from-step-0", text=one))


def test_without_a_kept_state_a_longer_run_starts_at_step_0(train: Callable[..., Summary]) -> None:
    train(100)
    assert train(150).notices == []
    assert not (train(150).folder / "states").exists()


def test_a_state_of_other_settings_or_a_longer_run_is_not_used(train: Callable[..., Summary]) -> None:
    train(100, keep="state")
    assert train(50).notices == []
    assert train(150, text=SUITE.replace("lr = 0.01", "lr = 0.02")).notices == []
    assert train(150, text=SUITE.replace("every = 40", "every = 50")).notices == []


@pytest.mark.parametrize(
    ("old", "new", "short", "reason"),
    [
        ("[training]", "[training]\nschedule = 'linear'", 100, "schedule = linear depends on the number of steps"),
        ("lr = 0.01", "lr = 0.01, final_lr = 0.001", 100, "optimizer with a final value depends on the number"),
        ("steps = 100", "steps = 100", 90, "90 is no multiple of 50 or of 40, where losses are averaged anew"),
    ],
)
def test_a_run_that_cannot_go_on_says_why(
    train: Callable[..., Summary], old: str, new: str, short: int, reason: str
) -> None:
    text = SUITE.replace(old, new)
    train(short, text=text, keep="state")
    (notice,) = train(200, text=text).notices
    assert notice.startswith(f"starts at step 0, although a run of {short} steps kept its state: {reason}")


@pytest.mark.parametrize(
    ("penalty", "reason"),
    [
        ('"r1"', ""),
        ('{ name = "r1", final_weight = 1.0 }', "penalty r1 with a final weight"),
        ('"instance-noise"', ""),
        ('{ name = "instance-noise", anneal = "linear" }', "penalty instance-noise, which changes during training"),
    ],
)
def test_what_depends_on_the_number_of_steps(penalty: str, reason: str) -> None:
    import tomllib

    (cell, *_) = cells(parse_suite(tomllib.loads(SUITE.replace("[training]", f"[training]\npenalty = {penalty}")), "x"))
    assert what_depends_on_length(cell.training) == reason


def test_a_damaged_state_is_put_aside(train: Callable[..., Summary]) -> None:
    folder = train(100, keep="state").folder
    damaged = max((folder / "states").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:-1])
    longer = train(150)
    assert len(longer.notices) == 2
    assert f"{damaged.name} cannot be used: it is truncated or damaged; the run restarts" in " ".join(longer.notices)
    assert damaged.with_suffix(".damaged").exists()
    assert_same_records(longer, train(150, "from-step-0"))


def test_recorded_runs_without_a_state_are_told(train: Callable[..., Summary]) -> None:
    train(50)
    (notice,) = train(50, keep="state").notices
    assert notice.startswith("4 runs were recorded earlier without a state, which a run leaves only at its end")
