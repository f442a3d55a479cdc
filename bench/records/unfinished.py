"""What a results folder is to hold and does not yet: the runs of the last command, and the errors of those that failed.

The file exists only until all of these runs are recorded. Nothing is trained or reported by it: it answers
``ganbench status``. If the results are at an address, it is there, so that other machines can answer too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import ResultsError
from bench.plan.runs import Run
from bench.records.mirror import Mirror
from bench.records.store import Folder, Store

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
    with suppress(ResultsError):
        _store(folder).remove(NAME)


def read_unfinished(folder: Path) -> Unfinished:
    """Return the content of the file; empty if there is none, or if it is damaged."""
    try:
        content = json.loads(_store(folder).read(NAME) or b"")
        runs = {
            str(name): PlannedRun(str(run["name"]), {**run["axes"]}, int(run["seed"]))
            for name, run in content["runs"].items()
        }
        failed = {str(name): str(text) for name, text in content["failed"].items()}
        return Unfinished(runs, failed)
    except (ResultsError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Unfinished()


def _write(folder: Path, content: Unfinished) -> None:
    """Write the file; training does not depend on it, so it goes on if that is impossible."""
    plain: dict[str, Any] = {**vars(content), "runs": {name: vars(run) for name, run in content.runs.items()}}
    with suppress(ResultsError):
        _store(folder).write(NAME, json.dumps(plain, indent=1).encode())


def _store(folder: Path) -> Store:
    return Mirror.at(folder).store or Folder(folder)
