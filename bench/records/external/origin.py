"""The program that records a run: its script, its git commit and the versions of its packages."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.records.checkout import read_checkout


def describe_script() -> dict[str, Any]:
    """Return the name of the running script, and the commit of the git repository that contains it."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = Path(script).resolve().parent if script else Path.cwd()
    checkout = read_checkout(folder, untracked=False)
    commit, changes = checkout or (None, [])
    return {
        "kind": "recorder",
        "script": Path(script).name if script else None,
        "commit": commit,
        "dirty": bool(changes) if checkout else None,
    }


def describe_versions() -> dict[str, Any]:
    """Return the versions of Python, the platform and the packages in use; torch is not imported for this."""
    torch = sys.modules.get("torch")
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__) if torch is not None else None,
        "platform": platform.platform(),
    }
