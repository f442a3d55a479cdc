"""Faults of the machine while a suite runs: what the user sees, and what is kept."""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from click.testing import CliRunner

import bench
from bench.command import main
from bench.compute.checkpoints import LAYOUT, restore
from bench.compute.settings import Settings
from bench.errors import ResultsError
from bench.files import HOSTNAME
from bench.plan.runs import Run
from bench.records.record import paths_by_run, read_metadata
from bench.running import RunOptions, train_runs

IN_PROCESS = RunOptions(workers=0, pack="off", device="cpu")


def full_for(part: str, fsync: Callable[[int], None] = os.fsync) -> Callable[[int], None]:
    """A disk that is full as soon as a file is written whose path has a part of this name."""

    def synchronise(descriptor: int) -> None:
        if part in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    return synchronise


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("records/", r"record .*\.parquet cannot be written: No space left on device"),
        ("checkpoints/", r"checkpoint .*\.pt cannot be written: No space left on device"),
        ("table.csv", "report in .* cannot be written: No space left on device"),
        ("figures/", "report in .* cannot be written: No space left on device"),
    ],
)
def test_a_full_disk_is_one_line_and_loses_no_record(
    tiny: str, tiny_results: Path, monkeypatch: pytest.MonkeyPatch, part: str, message: str
) -> None:
    before = {path: path.read_bytes() for path in (tiny_results / "records").iterdir()}
    if "/" in part and part != "figures/":
        removed = min(before)
        removed.unlink()
        del before[removed]
    command = ["run", tiny, "--results", str(tiny_results.parent), "--workers", "0", "--pack", "off"]
    with monkeypatch.context() as patch:
        patch.setattr("bench.files.os.fsync", full_for(part))
        result = CliRunner().invoke(main, [*command, "--checkpoint-every", "0"])
    assert result.exit_code == 2
    last = result.stderr.strip().splitlines()[-1]
    pd.testing.assert_series_equal(pd.Series([last]).str.contains(message), pd.Series([True]))
    assert {path: path.read_bytes() for path in (tiny_results / "records").iterdir()} == before
    assert not list(tiny_results.rglob("*.partial"))
    assert CliRunner().invoke(main, [*command, "--report", "tables"]).exit_code == 0
    assert len(paths_by_run(tiny_results)) == 4


def test_a_folder_that_is_removed_while_it_is_trained_into_is_noticed(tiny_runs: list[Run], tmp_path: Path) -> None:
    """What is written afterwards is whole, and the same command trains the rest."""
    folder = tmp_path / "tiny"

    def remove_once(event: Any) -> None:
        if event.state == "recorded" and event.run == tiny_runs[0]:
            shutil.rmtree(folder)

    with pytest.raises(
        ResultsError, match=f"1 of 2 records in {folder} were removed while others were trained"
    ) as raised:
        train_runs(tiny_runs[:2], folder, RunOptions(workers=0, pack="off", device="cpu", watch=remove_once))
    assert "\n" not in str(raised.value)
    assert paths_by_run(folder).keys() == {tiny_runs[1].id}
    again = train_runs(tiny_runs[:2], folder, IN_PROCESS)
    assert (again.already, again.recorded) == ([tiny_runs[1]], [tiny_runs[0]])


def test_what_a_process_left_that_was_killed_meanwhile_is_gone_at_the_end(tiny_runs: list[Run], tmp_path: Path) -> None:
    """A worker that ran out of memory, or another driver, while it wrote a checkpoint."""
    folder = tmp_path / "tiny"
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    left = [folder / "records" / f".a.parquet.{HOSTNAME}.{pid}.partial" for pid in (killed.pid, os.getpid())]

    def leave_behind(_: object) -> None:
        for path in left:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("half")

    train_runs(tiny_runs[:1], folder, RunOptions(workers=0, pack="off", device="cpu", watch=leave_behind))
    assert [path.exists() for path in left] == [False, True]


@pytest.mark.parametrize("every", [0.0, 600.0], ids=["seen at a checkpoint", "seen at a record"])
def test_a_folder_that_becomes_read_only_while_it_is_trained_into_stops_the_suite(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: float
) -> None:
    """As when a file system is mounted again after an error. What is recorded stays as it is."""
    folder, is_read_only = tmp_path / "tiny", False
    open_file = Path.open

    def refuse(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if is_read_only and folder in path.parents and set(mode) & set("wxa+"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return open_file(path, mode, *rest, **options)

    def watch(event: Any) -> None:
        nonlocal is_read_only
        is_read_only = is_read_only or (event.state == "progress" and event.run == tiny_runs[1])

    options = RunOptions(workers=0, pack="off", device="cpu", checkpoint_every=every, watch=watch)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(ResultsError, match="cannot be written: Read-only file system") as raised:
            train_runs(tiny_runs[:2], folder, options)
    assert "\n" not in str(raised.value)
    before = {path: path.read_bytes() for path in paths_by_run(folder).values()}
    assert [read_metadata(path).run for path in before] == [tiny_runs[0].id]
    assert not list(folder.rglob("*.partial"))
    assert train_runs(tiny_runs, folder, IN_PROCESS).missing == 0
    assert {path: path.read_bytes() for path in before} == before
    expected, trained = (bench.traces(each).drop(columns="seconds") for each in (tiny_results, folder))
    pd.testing.assert_frame_equal(trained, expected, check_exact=True)


def test_a_clock_that_runs_backwards_changes_nothing(
    tiny_runs: list[Run], tiny_results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backwards = itertools.count(1e9, -3600.0)
    monkeypatch.setattr(time, "time", lambda: next(backwards))
    summary = train_runs(tiny_runs, tmp_path / "tiny", IN_PROCESS)
    assert summary.missing == 0
    expected, trained = (bench.traces(folder).drop(columns="seconds") for folder in (tiny_results, tmp_path / "tiny"))
    pd.testing.assert_frame_equal(trained, expected, check_exact=True)
    for path in paths_by_run(tmp_path / "tiny").values():
        assert read_metadata(path).timing.wall_seconds > 0


class Command:
    """Python runs this when it is unpickled."""

    def __init__(self, path: Path):
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._path),)


def test_a_checkpoint_is_loaded_without_executing_code_in_it(tiny_runs: list[Run], tmp_path: Path) -> None:
    settings, run, made = Settings(folder=tmp_path), tiny_runs[0], tmp_path / "made"
    path = settings.checkpoint(run)
    path.parent.mkdir()
    buffer = io.BytesIO()
    torch.save({"run": run.id, "layout": LAYOUT, "state": Command(made), "history": {"step": 0, "trace": []}}, buffer)
    path.write_bytes(hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())
    restored = restore(path, run)
    assert restored.discarded
    assert not made.exists()
    torch.load(io.BytesIO(buffer.getvalue()), weights_only=False)  # it would have been executed
    assert made.is_dir()
