"""The program that records a run: its script, the commit that it stands at, and versions."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.records.checkout import read_checkout


def origin() -> dict[str, Any]:
    """The script that trains, and the commit of the git repository that it is in, if it is in one."""
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


def versions() -> dict[str, Any]:
    """Of what is loaded already; torch is not loaded for it."""
    torch = sys.modules.get("torch")
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__) if torch is not None else None,
        "platform": platform.platform(),
    }
