import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import ResultsError
from bench.files import HOSTNAME, atomic_write, check_writable, remove_partial_files


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "a.txt"
    with atomic_write(target) as partial:
        partial.write_text("one")
        assert not target.exists()
    assert target.read_text() == "one"
    with pytest.raises(KeyboardInterrupt), atomic_write(target) as partial:
        partial.write_text("two")
        raise KeyboardInterrupt
    assert [path.read_text() for path in target.parent.iterdir()] == ["one"]


@pytest.mark.parametrize("reaped", [True, False])
def test_what_a_killed_process_left_is_swept_and_what_a_live_one_writes_is_not(tmp_path: Path, reaped: bool) -> None:
    """A process whose parent has not asked for its end still has its number: so it is in a container without init."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    if reaped:
        dead.wait()
    else:
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    for pid in (dead.pid, os.getpid()):
        (tmp_path / f".a.parquet.{HOSTNAME}.{pid}.partial").write_text("half")
    remove_partial_files(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f".a.parquet.{HOSTNAME}.{os.getpid()}.partial"]
    dead.wait()


@pytest.mark.parametrize("links", [True, False])
def test_once_means_that_the_first_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:

        def refuse(*_: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    target = tmp_path / "a.txt"
    for text in ("first", "second"):
        with atomic_write(target, once=True) as partial:
            partial.write_text(text)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["first"]


def test_a_folder_is_checked_without_being_created(tmp_path: Path) -> None:
    check_writable(tmp_path / "results" / "suite")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"results folder .*suite cannot be written: Not a directory"):
        check_writable(tmp_path / "file" / "suite")
