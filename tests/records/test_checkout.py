"""The state of a git checkout: its commit, and which files differ."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.records.checkout import read_checkout


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    command = ["git", *identity, "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_and_changed_files(tmp_path: Path) -> None:
    assert read_checkout(tmp_path) is None
    git(tmp_path, "init")
    assert read_checkout(tmp_path) is None  # no commit yet
    (tmp_path / "tracked").write_text("a")
    git(tmp_path, "add", "tracked")
    git(tmp_path, "commit", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert read_checkout(tmp_path) == (commit, [])

    (tmp_path / "untracked").write_text("b")
    assert read_checkout(tmp_path, untracked=False) == (commit, [])
    assert read_checkout(tmp_path) == (commit, ["? untracked"])
    (tmp_path / "tracked").write_text("c")
    checkout = read_checkout(tmp_path, untracked=False)
    assert checkout is not None
    (change,) = checkout[1]
    assert change.endswith(" tracked")


def test_a_folder_that_does_not_exist_has_no_checkout(tmp_path: Path) -> None:
    assert read_checkout(tmp_path / "missing") is None
