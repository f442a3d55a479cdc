"""Imports a table again in child processes that die at every change of the file system, each in a folder of its own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from bench.records.external.import_table import import_table

MAPPED = [(name, name) for name in ("seed", "step", "fid")]
FIXED = {"dataset": "ring", "architecture": "mlp", "loss": "hinge"}
CHANGES = ("link", "replace", "unlink", "rmdir")  # of the module os
KILLED = 9


def bring_in(table: Path, results: Path) -> None:
    """Import a table with seeds, steps and FIDs, in place of earlier records."""
    import_table(table, suite="theirs", mapped=MAPPED, fixed=FIXED, results=results, replace=True)


def _die_at(point: int) -> None:
    """Make the process die before its change number ``point // 2``, or after it if ``point`` is odd."""
    count = iter(range(10**6))

    def dying(change: Any) -> Any:
        def changed(*given: Any, **options: Any) -> Any:
            number = next(count)
            if number == point // 2 and point % 2 == 0:
                os._exit(KILLED)
            result = change(*given, **options)
            if number == point // 2:
                os._exit(KILLED)
            return result

        return changed

    for name in CHANGES:
        setattr(os, name, dying(getattr(os, name)))


def main(before: Path, table: Path, folder: Path) -> None:
    """Import ``table`` over copies of ``before`` in ``folder``, killed one change later each time, until one survives."""
    for point in range(1000):
        results = folder / f"{point:03d}"
        shutil.copytree(before, results)
        child = os.fork()
        if child == 0:
            _die_at(point)
            bring_in(table, results)
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != KILLED:
            return


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
