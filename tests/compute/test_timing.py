"""Timings: what is timed, which timings can be compared, and the speed table."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from bench.command import main
from bench.compute import timing
from bench.compute.checkpoints import History
from bench.compute.timing import WARM_UP, time_suite
from bench.compute.training.loop import Measurement
from bench.errors import ResultsError
from bench.plan.runs import Run
from bench.records.timing_results import incomparable, read_timings, timings_path, write_timings
from bench.report.speed import format_speed, summarise_speed, write_speed_table

ENVIRONMENT = {
    "ganbench": "0.1.0", "commit": "0123456789abcdef", "dirty": False, "torch": "2.6.0", "device": "cuda:0",
    "device_name": "A card", "threads": 1, "workers": 1, "pack": 1, "alone": True, "load_average": 0.25,
    "date": "2026-11-24", "warm_up": 20,
}  # fmt: skip
SECONDS = {"minimax": [0.01, 0.02, 0.03], "wgan-gp": [0.02, 0.08, 0.06], "hinge": [0.01, 0.01, 0.01]}
MEBIBYTES = 2**20


def content(**environment: Any) -> dict[str, Any]:
    """Return the content of a timings file with three cells and the seconds per step above."""
    cells = [
        {
            "axes": {"loss": loss, "dataset": "grid" if loss == "hinge" else "ring"},
            "training": {"batch_size": 64, "precision": "float32", "steps": 100, "penalty": [{"name": "r1"}]},
            "evaluation": {"samples": 100, "every": 50},
            "rounds": [
                {
                    "round": number,
                    "steps": 50,
                    "seconds_per_step": each,
                    "images_per_second": 64 / each,
                    "seconds_per_evaluation": 0.5 + number,
                    "peak_memory_bytes": 100 * MEBIBYTES + number * MEBIBYTES,
                }
                for number, each in enumerate(seconds)
            ],
        }
        for loss, seconds in SECONDS.items()
    ]
    return {
        "suite": "tiny", "version": 1, "title": "Tiny", "axes": ["loss", "dataset"],
        "environment": ENVIRONMENT | environment, "cells": cells,
    }  # fmt: skip


def test_every_cell_is_timed_in_every_round_and_nothing_is_recorded(tiny: str, tmp_path: Path) -> None:
    settings = {"critic_steps": 3}
    path = time_suite(tiny, results=tmp_path / "results", rounds=2, steps=4, device="cpu", settings=settings)
    found = read_timings(path.parent)
    assert [each.name for each in path.parent.rglob("*")] == ["timings.json"]
    assert found.axes[0] == "loss"
    assert (found.suite, found.environment["device"], found.environment["alone"]) == ("tiny", "cpu", True)
    frame = found.frame
    assert list(frame["loss"]) == ["non-saturating"] * 2 + ["wgan-gp"] * 2
    assert list(frame["round"]) == [0, 1] * 2
    assert (frame["steps"] == 4).all()
    assert (frame[["seconds_per_step", "seconds_per_evaluation", "peak_memory_bytes"]] > 0).all(axis=None)
    assert (frame["images_per_second"] * frame["seconds_per_step"]).tolist() == pytest.approx([3 * 16] * 4)
    work = next(iter(found.work.values()))
    assert (work["training"]["batch_size"], work["evaluation"]["samples"]) == (16, 200)


def test_warm_up_steps_are_not_timed(tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Warm-up steps take 100 s here, and later ones 0.5 s: the result is 0.5 s."""

    def train(pack: Any, first: int, steps: int) -> Iterator[list[Measurement]]:
        middle = (first + steps) // 2
        for begin, end in ((first, middle), (middle, steps)):
            yield [Measurement(end, (end - begin) * (100.0 if first < WARM_UP else 0.5), 0.0, 0.0)]

    monkeypatch.setattr(timing, "train", train)
    path = time_suite(tiny, results=tmp_path, rounds=1, steps=30, device="cpu", filters={"loss": {"non-saturating"}})
    assert read_timings(path.parent).frame["seconds_per_step"].tolist() == [0.5]


def test_short_evaluations_are_repeated_and_averaged(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evaluations take 0.06, 0.07, 0.08 and 0.09 s here, until 0.25 s are exceeded: the mean is 0.075 s."""

    def evaluate(state: Any, latents: Any, data: Any, evaluator: Any, history: History, measurement: Any) -> None:
        history.evaluation_seconds += 0.06 + 0.01 * len(history.trace)
        history.trace.append({})

    monkeypatch.setattr(timing, "evaluate", evaluate)
    monkeypatch.setattr(timing, "EVALUATION_TIME", 0.25)
    path = time_suite(tiny, results=tmp_path, rounds=1, steps=1, device="cpu", filters={"loss": {"non-saturating"}})
    assert read_timings(path.parent).frame["seconds_per_evaluation"].tolist() == pytest.approx([0.075])


def test_rounds_time_all_cells_in_rotated_order() -> None:
    order = list(timing._rotated_order(3, 4))
    assert [cell for cell, number in order if number == 1] == [1, 2, 0]
    assert set(Counter(order).values()) == {1}
    assert [number for _, number in order] == sorted([-1, 0, 1, 2, 3] * 3)  # a round ends before the next begins
    firsts = Counter(order[3 * number][0] for number in range(1, 4))
    assert firsts == {0: 1, 1: 1, 2: 1}


def test_an_interruption_keeps_the_previous_timings(tiny: str, tmp_path: Path) -> None:
    old = write_timings(tmp_path / "tiny", content()).read_bytes()

    def interrupt(run: Run, number: int) -> None:
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        time_suite(tiny, results=tmp_path, rounds=2, steps=2, device="cpu", watch=interrupt)
    assert [each.name for each in (tmp_path / "tiny").iterdir()] == ["timings.json"]
    assert timings_path(tmp_path / "tiny").read_bytes() == old


def command(*words: str) -> Result:
    return CliRunner().invoke(main, ["time", *words], env={"COLUMNS": "200"})


def test_the_command_prints_the_table_and_writes_it(tiny: str, tmp_path: Path) -> None:
    done = command(tiny, "--results", str(tmp_path), "--rounds", "2", "--steps", "3", "--device", "cpu")
    assert done.exit_code == 0, done.output
    for word in ("steps/s", "ratio", "s/evaluation", "wgan-gp", "2 rounds", f"3 steps after {WARM_UP}", "speed.tex"):
        assert word in done.output
    assert {each.name for each in (tmp_path / "tiny").iterdir()} == {
        "timings.json", "speed.md", "speed.csv", "speed.tex",
    }  # fmt: skip


def test_an_error_is_one_line(tiny: str, tmp_path: Path) -> None:
    options = ("--results", str(tmp_path), "--rounds", "1", "--steps", "5", "--device", "cpu")
    done = command(tiny, *options, "--set", "optimizer.lr=1e30")
    assert done.exit_code == 2
    assert "loss not finite at step 1; use fewer --steps" in done.output
    assert "--only" in done.output
    assert len(done.output.strip().splitlines()) == 1
    file = tmp_path / "file"
    file.write_text("")
    done = command(tiny, "--results", str(file))
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert "cannot be written" in done.output
    assert not (tmp_path / "tiny").exists()


def test_missing_and_truncated_timings_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"holds no timings .* run `ganbench time SUITE` to take them"):
        read_timings(tmp_path / "tiny")
    path = write_timings(tmp_path / "tiny", content())
    text = path.read_text()
    for broken in (text[: len(text) // 2], "[]", "{}", text.replace('"suite"', '"sweet"')):
        path.write_text(broken)
        with pytest.raises(ResultsError, match="cut short or not a file of timings"):
            read_timings(tmp_path / "tiny")
    path.write_text(text.replace('"schema": 1', '"schema": 99'))
    with pytest.raises(ResultsError, match="schema 99"):
        read_timings(tmp_path / "tiny")


def why_not(tmp_path: Path, other: dict[str, Any]) -> str | None:
    for name, each in (("one", content()), ("other", other)):
        write_timings(tmp_path / name, each)
    return incomparable(read_timings(tmp_path / "one"), read_timings(tmp_path / "other"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        (
            {"torch": "9.9", "commit": None, "date": "2030-01-01", "load_average": 7.0},
            None,
        ),  # may differ: they can be what is compared
        ({"device": "cuda:1"}, None),  # a device of the same name
        ({"device": "cpu"}, "device is cuda and cpu"),
        ({"device_name": "Another card"}, "device name is A card and Another card"),
        ({"threads": 2}, "threads is 1 and 2"),
        ({"alone": False}, "alone is True and False"),
    ],
)
def test_only_timings_of_the_same_machine_are_compared(
    tmp_path: Path, change: dict[str, Any], reason: str | None
) -> None:
    assert why_not(tmp_path, content(**change)) == reason


def test_only_timings_of_the_same_work_are_compared(tmp_path: Path) -> None:
    other = content()
    other["cells"][0]["training"] |= {"steps": 7, "new_option": True}
    other["cells"][0]["evaluation"]["every"] = 9
    assert why_not(tmp_path, other) is None  # none of these changes the duration of a step or an evaluation
    other["cells"][1]["training"]["precision"] = "bf16"
    assert why_not(tmp_path, other) == "cell (wgan-gp · ring): training.precision is float32 and bf16"
    del other["cells"][1]
    assert why_not(tmp_path, other) is None  # not in both files
    other["cells"][0]["training"]["penalty"][0]["name"] = "r2"
    assert why_not(tmp_path, other) == "cell (minimax · ring): training.penalty.name is r1 and r2"
    assert why_not(tmp_path, content() | {"suite": "huge"}) == "suite is tiny and huge"


def test_ratios_pair_rounds_with_those_of_the_first_cell_of_the_dataset(tmp_path: Path) -> None:
    """By hand: 1/2, 1/4 and 1/2 have the geometric mean 2^(−4/3); the half-width of their logarithms is t₂ · s/√3."""
    write_timings(tmp_path, content())
    table = summarise_speed(read_timings(tmp_path)).set_index("loss")
    assert table.loc["minimax", "steps_per_second"] == pytest.approx(50)
    assert table.loc["minimax", "steps_per_second_lowest"] == pytest.approx(100 / 3)
    assert table.loc["minimax", "steps_per_second_highest"] == pytest.approx(100)
    assert table.loc["wgan-gp", "ratio"] == pytest.approx(2 ** (-4 / 3))
    half = 4.302653 * math.log(2) / math.sqrt(3) / math.sqrt(3)  # −1, −2, −1 times ln 2: s = ln 2 · √(1/3)
    assert table.loc["wgan-gp", "ratio_low"] == pytest.approx(2 ** (-4 / 3) * math.exp(-half), rel=1e-6)
    assert table.loc["wgan-gp", "ratio_high"] == pytest.approx(2 ** (-4 / 3) * math.exp(half), rel=1e-6)
    assert table["ratio"][["minimax", "hinge"]].tolist() == [1, 1]
    assert table["ratio_low"][["minimax", "hinge"]].isna().all()
    assert (table["seconds_per_evaluation"] == 1.5).all()
    assert (table["peak_memory_bytes"] == 102 * MEBIBYTES).all()


def test_the_table_is_written_in_three_formats(tmp_path: Path) -> None:
    given = content()
    given["title"] = "Tiny & 50 %"
    for cell in given["cells"]:
        cell["rounds"] = [each | {"peak_memory_bytes": None} for each in cell["rounds"][:1]]
    write_timings(tmp_path, given)
    assert format_speed(read_timings(tmp_path)).iloc[1].tolist() == [
        "wgan-gp", "ring", "50 (50–50)", "0.5", "3,200", "0.5", "–",
    ]  # fmt: skip
    markdown, csv, latex = write_speed_table(tmp_path)
    assert "| wgan-gp | ring" in markdown.read_text()
    assert "commit 0123456789)" in markdown.read_text()
    assert pd.read_csv(csv)["steps_per_second"].tolist() == [100, 50, 100]
    assert "Tiny \\& 50 \\%" in latex.read_text()
    assert json.loads(timings_path(tmp_path).read_text())["schema"] == 1
