"""What a results folder is to hold and does not yet: the runs of the last command, and the errors of those that failed.

The file exists only until all of these runs are recorded. Nothing is trained or reported by it: it answers
``ganbench status``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.files import atomic_write, read_regular
from bench.plan.runs import Run

NAME = ".unfinished.json"


@dataclass(frozen=True)
class PlannedRun:
    """A run that was to be trained.

    Attributes:
        name: Its name in messages.
        axes: Its value on each axis of the matrix.
        seed: Its seed.
    """

    name: str
    axes: Mapping[str, str]
    seed: int


@dataclass
class Unfinished:
    """The content of the file.

    Attributes:
        runs: The planned runs, by identity.
        failed: The error of each run whose code failed, on one line, by identity.
    """

    runs: dict[str, PlannedRun] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def note_plan(folder: Path, runs: Iterable[Run], *, beside: bool) -> None:
    """Note which runs a command is about to train.

    Args:
        folder: The suite's results folder.
        runs: All runs of the command.
        beside: Whether another command trains runs in the folder at the same time, whose runs are to be kept.
    """
    found = read_unfinished(folder) if beside else Unfinished()
    planned = {
        run.id: PlannedRun(str(run), {axis: str(label) for axis, label in run.axes.items()}, run.seed) for run in runs
    }
    failed = {name: text for name, text in found.failed.items() if name not in planned}
    _write(folder, Unfinished({**found.runs, **planned}, failed))


def note_failure(folder: Path, run: Run, text: str) -> None:
    """Note the error of a run whose code failed, by its first line."""
    found = read_unfinished(folder)
    found.failed[run.id] = text.partition("\n")[0]
    _write(folder, found)


def forget(folder: Path) -> None:
    """Delete the file: all runs are recorded."""
    with suppress(OSError):
        (folder / NAME).unlink()


def read_unfinished(folder: Path) -> Unfinished:
    """Return the content of the file; empty if there is none, or if it is damaged."""
    try:
        content = json.loads(read_regular(folder / NAME))
        runs = {
            str(name): PlannedRun(str(run["name"]), {**run["axes"]}, int(run["seed"]))
            for name, run in content["runs"].items()
        }
        failed = {str(name): str(text) for name, text in content["failed"].items()}
        return Unfinished(runs, failed)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Unfinished()


def _write(folder: Path, content: Unfinished) -> None:
    """Write the file; training does not depend on it, so it goes on if that is impossible."""
    plain: dict[str, Any] = {**vars(content), "runs": {name: vars(run) for name, run in content.runs.items()}}
    with suppress(OSError), atomic_write(folder / NAME) as partial:
        partial.write_text(json.dumps(plain, indent=1), encoding="utf-8")
