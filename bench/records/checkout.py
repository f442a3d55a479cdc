"""The git checkout that code runs from."""

from __future__ import annotations

import subprocess
from pathlib import Path

TIMEOUT = 10  # seconds; git status can be slow in a large working tree


def read_checkout(folder: Path, *, untracked: bool = True) -> tuple[str, list[str]] | None:
    """Return the commit of a git working tree and the lines of ``git status`` about changed files.

    Args:
        folder: Any folder in the working tree.
        untracked: Whether untracked files are listed too.

    Returns:
        The full commit hash and one line per changed file, or None if there is no commit or git fails.
    """
    files = "normal" if untracked else "no"
    command = ["git", "-C", str(folder), "status", "--porcelain=v2", "--branch", f"--untracked-files={files}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=TIMEOUT)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    commits = [line.split()[2] for line in lines if line.startswith("# branch.oid")]
    if commits in ([], ["(initial)"]):
        return None
    return commits[0], [line for line in lines if not line.startswith("# ")]
