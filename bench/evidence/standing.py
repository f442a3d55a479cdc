"""How far a suite is: which of its runs are recorded, running, interrupted, waiting or failed with an error."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bench.errors import ResultsError
from bench.evidence.endings import with_endings
from bench.evidence.outcomes import frame_with_outcomes
from bench.evidence.overlap_bounds import with_overlap_bounds
from bench.plan.confirmation import technique_axes
from bench.records.addresses import is_address, place_of, readable_folder
from bench.records.listing import paths_in
from bench.records.mirror import Mirror
from bench.records.record import read_all, read_judged
from bench.records.unfinished import NAME, read_unfinished

PARTS = ("records", "checkpoints", NAME)  # any of these makes a folder one of a suite


class Standing(StrEnum):
    """Where a run stands, in the order in which the columns of a table say so."""

    RECORDED = "recorded"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class RunStanding:
    """Where one run stands.

    Attributes:
        run: Its identity.
        name: Its name in messages.
        axes: Its value on each axis of the matrix.
        seed: Its seed; None if only a checkpoint is known.
        standing: Where it stands.
        outcome: Its outcome if it is recorded, else "".
        error: The error if its code failed, else "".
    """

    run: str
    name: str
    axes: Mapping[str, str]
    seed: int | None
    standing: Standing
    outcome: str = ""
    error: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a suite is.

    Attributes:
        folder: Its results folder.
        runs: All of its runs: recorded ones first, then those of the plan, then checkpoints of others.
    """

    folder: Path
    runs: list[RunStanding]

    def count(self, standing: Standing) -> int:
        """Return the number of runs that stand there."""
        return sum(run.standing == standing for run in self.runs)

    def cells(self) -> dict[tuple[str, ...], list[RunStanding]]:
        """Return the runs of each cell, by the values on the axes that vary."""
        varying = self.varying_axes()
        cells: dict[tuple[str, ...], list[RunStanding]] = {}
        for run in self.runs:
            cells.setdefault(tuple(run.axes.get(axis, "") for axis in varying), []).append(run)
        return cells

    def varying_axes(self) -> list[str]:
        """Return the axes on which runs differ, without the settings of a search; all of them if none does."""
        axes = list(dict.fromkeys(axis for run in self.runs for axis in technique_axes(run.axes)))
        varying = [axis for axis in axes if len({run.axes.get(axis, "") for run in self.runs if run.axes}) > 1]
        return varying or axes


def suite_folders(results: str | Path) -> list[Path]:
    """Return the results folders of suites: the folder itself, or those in it.

    If results are at an address, their records are copied, and the folders are those of the copies.

    Raises:
        ResultsError: There is none, or the address cannot be used.
    """
    folder = readable_folder(results)
    if is_address(results):
        found = _suites_at_address(folder)
    elif folder.is_dir():
        found = [each for each in (folder, *sorted(folder.iterdir())) if _is_of_suite(each)]
    else:
        raise ResultsError(f"there is no results folder {folder}")
    if not found:
        raise ResultsError(f"{place_of(folder)} holds no results: neither records nor a plan")
    return found


def _suites_at_address(folder: Path) -> list[Path]:
    store, found = Mirror.at(folder).store, set()
    for name in store.entries() if store is not None else ():
        suite, _, rest = f"/{name}".partition("/") if name.split("/")[0] in PARTS else name.partition("/")
        if rest.split("/")[0] in PARTS:
            found.add(folder / suite)
    return sorted(found)


def progress_of(folder: Path, active: Collection[str], interrupted: Collection[str]) -> Progress:
    """Return how far a suite is.

    Args:
        folder: Its results folder.
        active: The runs that are being trained.
        interrupted: The runs that have a checkpoint.

    Raises:
        ResultsError: A record cannot be read.
    """
    recorded = list(_recorded(folder)) if paths_in(folder) else []
    names, plan = {run.run for run in recorded}, read_unfinished(folder)
    left = [name for name in dict.fromkeys([*plan.runs, *sorted(interrupted)]) if name not in names]

    def standing(name: str) -> Standing:
        if name in active:
            return Standing.RUNNING
        if name in plan.failed:
            return Standing.FAILED
        return Standing.INTERRUPTED if name in interrupted else Standing.WAITING

    runs = recorded
    for name in left:
        planned = plan.runs.get(name)
        if planned is None:
            runs.append(RunStanding(name, f"run {name}", {}, None, standing(name)))
        else:
            error = plan.failed.get(name, "") if name not in active else ""
            runs.append(RunStanding(name, planned.name, planned.axes, planned.seed, standing(name), error=error))
    return Progress(folder, runs)


def _recorded(folder: Path) -> Iterator[RunStanding]:
    records = with_overlap_bounds(with_endings(read_all(folder, read_judged)))
    outcomes = frame_with_outcomes(records).set_index("run")["outcome"]
    for _, metadata, _ in records:
        labels = {axis: str(label) for axis, label in metadata.axes.items()}
        name = f"{' · '.join(labels.values())} · seed {metadata.seed}"
        outcome = str(outcomes[metadata.run])
        yield RunStanding(metadata.run, name, labels, metadata.seed, Standing.RECORDED, outcome)


def _is_of_suite(folder: Path) -> bool:
    return any((folder / name).exists() for name in PARTS)
