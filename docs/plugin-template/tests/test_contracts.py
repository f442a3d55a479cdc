"""Every entry of this package keeps the contracts of ganbench."""

from __future__ import annotations

import subprocess
import sys


def test_every_entry_keeps_its_contract() -> None:
    """The command exits with 1 if a check fails, and its output says why."""
    command = [sys.executable, "-m", "bench", "check", "ganbench-example"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
