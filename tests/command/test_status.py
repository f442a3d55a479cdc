"""``ganbench status``: each run of a suite stands somewhere, and failed runs say why."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.command import main
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.mirror import Mirror
from bench.records.unfinished import NAME, note_failure, note_plan, read_unfinished
from bench.running import train_runs
from bench.summary import RunOptions


def standings(folder: Path) -> dict[str, str]:
    answer = CliRunner().invoke(main, ["status", str(folder), "--format", "json"])
    assert answer.exit_code == 0, answer.output
    (suite,) = json.loads(answer.stdout)
    found = {run["run"]: run["standing"] for run in suite["runs"]}
    assert {name: list(found.values()).count(name) for name in suite["counts"]} == suite["counts"]
    return found


def checkpoint(folder: Path, run: Run) -> None:
    path = folder / "checkpoints" / f"{run.id}.pt"
    path.parent.mkdir(exist_ok=True)
    path.touch()


def test_every_run_stands_somewhere(tiny: str, tiny_results: Path) -> None:
    """Two of ten runs are recorded; the others have a lease, a checkpoint, an error, or nothing yet."""
    runs = plan_runs(load_suite(tiny), seeds=5)
    for path in record_paths(tiny_results)[2:]:
        path.unlink()
    note_plan(tiny_results, runs, beside=False)
    left = [run for run in runs if standings(tiny_results)[run.id] == "waiting"]
    assert len(left) == 8
    note_failure(tiny_results, left[0], "ValueError: no such thing\nTraceback: …")
    checkpoint(tiny_results, left[1])
    checkpoint(tiny_results, left[2])
    with Mirror.at(tiny_results).leases().hold([left[1].id]):
        found = standings(tiny_results)
        text = CliRunner().invoke(main, ["status", str(tiny_results)]).output
    assert [found[run.id] for run in left[:4]] == ["failed", "running", "interrupted", "waiting"]
    assert list(found.values()).count("recorded") == 2
    assert "10 runs: 2 recorded, 1 running, 1 interrupted, 5 waiting, 1 failed" in text
    assert f"failed {left[0]}: ValueError: no such thing\n" in text
    assert standings(tiny_results)[left[1].id] == "interrupted"  # its lease is released


def test_runs_of_a_living_owner_are_running(tiny_runs: list[Run], tmp_path: Path) -> None:
    note_plan(tmp_path, tiny_runs, beside=False)
    with Mirror.at(tmp_path).leases().hold([tiny_runs[0].id]):
        assert [standings(tmp_path)[run.id] for run in tiny_runs] == ["running", "waiting", "waiting", "waiting"]
        (owner,) = tmp_path.glob(".leases/*.owner")
        os.utime(owner, (time.time() - 3600,) * 2)  # as if another machine had lost it
        assert set(standings(tmp_path).values()) == {"waiting"}
    assert set(standings(tmp_path).values()) == {"waiting"}


def test_a_command_notes_its_plan_and_errors_until_all_is_recorded(tiny_runs: list[Run], tmp_path: Path) -> None:
    broken = replace(tiny_runs[1], training=tiny_runs[1].training.model_copy(update={"precision": "float3"}))
    options = RunOptions(workers=0, pack="off", device="cpu")
    train_runs([tiny_runs[0], broken], tmp_path, options)
    assert standings(tmp_path) == {tiny_runs[0].id: "recorded", broken.id: "failed"}
    assert "float3" in read_unfinished(tmp_path).failed[broken.id]
    train_runs(tiny_runs[:2], tmp_path, options)
    assert set(standings(tmp_path).values()) == {"recorded"}
    assert not (tmp_path / NAME).exists()


def test_a_command_beside_another_keeps_its_plan(tiny_runs: list[Run], tmp_path: Path) -> None:
    note_plan(tmp_path, tiny_runs[:2], beside=False)
    note_plan(tmp_path, tiny_runs[2:], beside=True)
    assert set(read_unfinished(tmp_path).runs) == {run.id for run in tiny_runs}
    note_plan(tmp_path, tiny_runs[2:], beside=False)
    assert set(read_unfinished(tmp_path).runs) == {run.id for run in tiny_runs[2:]}


def test_several_suites_take_a_row_each(tiny_results: Path) -> None:
    (tiny_results.parent / "other" / "checkpoints").mkdir(parents=True)
    (tiny_results.parent / "notes").mkdir()
    text = CliRunner().invoke(main, ["status", str(tiny_results.parent)]).output
    assert [line.split()[0] for line in text.splitlines()[:3]] == ["suite", "other", "tiny"]
    assert "4 runs: 4 recorded" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere", "there is no results folder"), (".", "holds no results: neither records nor a plan")],
)
def test_folders_without_results(tmp_path: Path, name: str, message: str) -> None:
    answer = CliRunner().invoke(main, ["status", str(tmp_path / name)])
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)
    assert message in answer.stderr


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"runs": {"a": 1}, "failed": {}}'])
def test_a_damaged_plan_counts_as_none(tiny_results: Path, content: str) -> None:
    (tiny_results / NAME).write_text(content)
    assert set(standings(tiny_results).values()) == {"recorded"}
