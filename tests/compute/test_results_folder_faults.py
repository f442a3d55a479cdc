"""The results folder is tested before training, and an error of the system is never taken for damage."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.compute.engines import retries
from bench.errors import ResultsError
from bench.plan.runs import Run
from bench.records.record import paths_by_run
from bench.running import RunOptions, train_runs

IN_PROCESS = RunOptions(workers=0, pack="off", device="cpu")


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: Any, **__: Any) -> None:
        raise AssertionError("it trains")

    monkeypatch.setattr(retries, "execute", train)


def file_as(*names: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        folder.joinpath(*names).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(*names).write_text("")
        return folder

    return make


def link_to(target: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        folder.symlink_to(target)
        return folder

    return make


def deep(folder: Path) -> Path:
    """A folder that can be created, with records whose paths would be too long."""
    left = 4096 - 60 - len(str(folder))
    return folder.joinpath(*["a" * 199] * (left // 200), "a" * (left % 200 or 1))


FOLDERS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a file": (file_as(), "cannot be written: Not a directory"),
    "a file as records": (file_as("records"), "records cannot be written: Not a directory"),
    "a file as checkpoints": (file_as("checkpoints"), "checkpoints cannot be written: Not a directory"),
    "a link to nothing": (link_to("nowhere"), "cannot be created: File exists"),
    "a link to itself": (link_to("suite"), "cannot be written: Too many levels of symbolic links"),
    "a long name": (lambda folder: folder.with_name(300 * "a"), "cannot be written: File name too long"),
    "a long path": (deep, "records cannot be written: File name too long"),
    "no text": (lambda folder: folder.with_name("a\0b"), r"a\\x00b cannot be used"),
}


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_that_cannot_be_used_is_refused_before_training(
    tiny_runs: list[Run], tmp_path: Path, kind: str
) -> None:
    make, message = FOLDERS[kind]
    with pytest.raises(ResultsError, match=message) as raised:
        train_runs(tiny_runs, make(tmp_path / "suite"), IN_PROCESS)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EMFILE])
def test_records_that_the_system_cannot_read_are_neither_renamed_nor_trained_again(
    tiny_runs: list[Run],
    tiny_results: Path,
    no_training: None,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    before = sorted(tiny_results.rglob("*"))
    monkeypatch.setattr("bench.records.record_file.open_regular", refuse)
    with pytest.raises(ResultsError, match=f"parquet cannot be read: {os.strerror(number)}"):
        train_runs(tiny_runs, tiny_results, IN_PROCESS)
    monkeypatch.undo()
    assert sorted(tiny_results.rglob("*")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow text only")
def test_a_folder_whose_name_is_no_text_is_trained_into_and_found_again(tiny_runs: list[Run], tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"r\xe9sultats")
    assert train_runs(tiny_runs[:1], folder, IN_PROCESS).missing == 0
    again = train_runs(tiny_runs[:1], folder, IN_PROCESS)
    assert (again.already, again.notices) == (tiny_runs[:1], [])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow text only")
def test_records_are_whole_in_every_locale(tiny: str, tiny_results: Path) -> None:
    """Under the locale POSIX the name of the folder is no text for libraries that expect UTF-8."""
    folder = tiny_results.parent.rename(tiny_results.parent.with_name("été"))
    before = paths_by_run(folder / "tiny")
    locale = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "utf-8:replace"}
    command = [sys.executable, "-m", "bench", "run", tiny, "--device", "cpu", "--results", os.fspath(folder)]
    subprocess.run(command, env=os.environ | locale, check=True, capture_output=True)
    assert paths_by_run(folder / "tiny") == before
    assert not list(folder.rglob("*.damaged"))
