"""A second process that trains into the same folder is told, and trains nothing that the first has recorded."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.compute import claim, execution
from bench.compute.claim import claimed
from bench.compute.settings import Settings
from bench.errors import ResultsError
from bench.files import HOSTNAME
from bench.plan.grouping import divide
from bench.plan.runs import Run
from bench.records.record import paths_by_run
from bench.running import RunOptions, train_runs

HERE = f"process {os.getpid()} on {HOSTNAME}"
HOLDER = """
import sys, time
from pathlib import Path
from bench.compute.claim import claimed
from bench.compute.settings import Settings

with claimed(Path(sys.argv[1])):
    print("claimed", flush=True)
    time.sleep(600)
"""


def test_the_second_claim_names_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "suite"
    with claimed(folder) as first:
        with claimed(folder) as second, claimed(folder) as third:
            assert (first, second, third) == ("", HERE, HERE)
        with claimed(folder) as fourth:  # the end of the others changes nothing
            assert fourth == HERE
    with claimed(folder) as fifth:
        assert fifth == ""
    assert list(folder.iterdir()) == []


def test_a_killed_process_has_no_claim(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"claimed\n"
        with claimed(tmp_path) as other:
            assert other == f"process {process.pid} on {HOSTNAME}"
        process.send_signal(signal.SIGKILL)
        process.wait()
    with claimed(tmp_path) as other:
        assert other == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EACCES])
def test_a_file_system_without_locks_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(claim.fcntl, "flock", refuse)
    with claimed(tmp_path) as other:
        assert other == ""


def test_a_folder_that_cannot_be_created_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "suite").symlink_to(tmp_path / "a disk that is not mounted")
    with pytest.raises(ResultsError, match="suite cannot be created: File exists"), claimed(tmp_path / "suite"):
        pass


def test_a_second_driver_says_so_and_leaves_out_what_is_recorded_meanwhile(
    tiny_runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first driver works in the callbacks of the second: it has begun, and records a run after each of the other's."""
    trained: list[str] = []
    start = execution._execute_groups

    def noting(restored: Any, *rest: Any) -> Any:
        trained.extend(run.id for run, _ in restored)
        return start(restored, *rest)

    monkeypatch.setattr(execution, "_execute_groups", noting)
    settings = Settings(folder=tmp_path)
    waiting = [pack[0] for pack in divide(tiny_runs, lambda *_: 1, 1)]  # in the order in which the first one takes them
    first, second, third, fourth = (run.id for run in waiting)

    def first_driver(event: Any) -> None:
        if event.state == "recorded" and waiting:
            list(execution.execute([waiting.pop(0)], settings, lambda: False))

    with claimed(tmp_path):
        summary = train_runs(tiny_runs, tmp_path, RunOptions(workers=0, pack="off", watch=first_driver))
    assert summary.missing == 0
    assert summary.notices == [
        f"{HERE} trains runs in {tmp_path} too; this one begins with the last runs, and no run is trained twice"
    ]
    assert trained == [fourth, first, third, second]
    assert len(paths_by_run(tmp_path)) == 4
