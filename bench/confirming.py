"""A regression that was flagged, looked at again: the same cells on fresh seeds, decided on those alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.compute.environment import versions
from bench.compute.events import Event
from bench.errors import ResultsError
from bench.evidence.gate.compare import Comparison, compare, resolve
from bench.evidence.gate.decision import Verdict
from bench.plan.rebuilding import rebuild
from bench.plan.runs import Run
from bench.plan.suite import Suite, as_seeds
from bench.records.frames import axes_of, place
from bench.records.record import paths_by_run, read_metadata, record_paths
from bench.records.schema import Metadata
from bench.running import Summary, train_runs

LEAST = 10  # fresh seeds, unless it is said otherwise


@dataclass(frozen=True)
class Confirmation:
    """The comparison that decides, and what is to be told beside it."""

    comparison: Comparison
    notices: list[str] = field(default_factory=list)


def confirm(
    baseline: str | Path,
    candidate: str | Path,
    *,
    seeds: int | Iterable[int] | None = None,
    suite: Suite | None = None,
    device: str = "auto",
    workers: int | None = None,
    threads: int = 1,
    inception_weights: Path | None = None,
    begin: Callable[[Summary], None] = lambda summary: None,
    watch: Callable[[Event], None] = lambda event: None,
    **gate: Any,
) -> Confirmation:
    """Trains flagged cells again on seeds that neither side has, and compares those alone.

    A cell whose specification is the same on both sides differs by the code that trained it: this code can only be the
    candidate's, and the baseline's records stand. Else both sides are trained. Where nothing is flagged nothing is
    trained, and the comparison is the one that was asked about.

    Records that stand made the first look too: a baseline that was lucky there still is, and would confirm three of ten
    false alarms. So the correction goes on counting the tests of the first look, which leaves less than one in ten.

    Args:
        baseline: A results folder, or the name of a suite with recorded results.
        candidate: The same; its cells are trained by the code that runs now.
        seeds: Fresh ones; a number counts from the first that neither side has. None: as many as the candidate has, ten
            at the least.
        suite: Whose thresholds of outcomes hold.
        device: As of ``bench.running.run_suite``, like the rest.
        workers: The same.
        threads: The same.
        inception_weights: The same.
        begin: The same.
        watch: The same.
        gate: What ``bench.evidence.gate.compare.compare`` takes beside.

    Raises:
        GanbenchError: nothing to compare, seeds that are not fresh, or records that this code cannot make again.
    """
    first = compare(baseline, candidate, suite=suite, **gate)
    flagged = _flagged(first)
    if not flagged:
        return Confirmation(first, ["no cell is REGRESSED: there is nothing to confirm"])
    folders = [resolve(baseline), resolve(candidate)]
    records = [[read_metadata(path) for path in record_paths(folder)] for folder in folders]
    fresh = _fresh_seeds(seeds, records)
    cells = [_cells(side, axes_of([*records[0], *records[1]]), flagged) for side in records]
    again = [where for where in flagged if cells[0][where].training != cells[1][where].training]
    options: dict[str, Any] = {
        "device": device,
        "workers": workers,
        "threads": threads,
        "inception_weights": inception_weights,
        "begin": begin,
        "watch": watch,
    }
    notices: list[str] = []
    candidates = _train(folders[1], [cells[1][where] for where in flagged], fresh, options, notices)
    baselines = folders[0]
    anew = len(again) == len(flagged)
    if anew:
        baselines = _train(folders[0], [cells[0][where] for where in flagged], fresh, options, notices)
    else:
        which = "its cells are" if not again else f"{len(flagged) - len(again)} of its flagged cells are"
        notices.append(
            f"the baseline's records stand: {which} specified as the candidate's, and what differs is the code; these "
            f"records were in the first look too, so that its correction is kept"
        )
    seeds_of_sides = (fresh if anew else None, fresh)
    beside = 0 if anew else _others(first, flagged)
    decided = compare(
        baselines, candidates, suite=suite, only=flagged.values(), seeds=seeds_of_sides, extra_tests=beside, **gate
    )
    told = f"{len(flagged)} flagged cells on fresh seeds {fresh[0]} to {fresh[-1]}, recorded in {candidates}"
    return Confirmation(decided, [told, *notices])


Place = tuple[str, ...]


def _flagged(comparison: Comparison) -> dict[Place, dict[str, str]]:
    """The cells to look at again: those that are REGRESSED, all that both sides have where they are so together."""
    regressed = [cell for cell in comparison.cells if cell.verdict == Verdict.REGRESSED]
    if any(cell.pooled for cell in regressed):
        regressed = [cell for cell in comparison.cells if cell.findings and not cell.pooled]
    places = sorted(tuple(map(str, cell.axes.values())) for cell in regressed)
    axes = list(comparison.cells[0].axes) if comparison.cells else []
    return {where: dict(zip(axes, where, strict=True)) for where in places}


def _others(comparison: Comparison, flagged: Collection[Place]) -> int:
    """How many tests were corrected for beside those of the flagged cells."""
    cells = [cell for cell in comparison.cells if tuple(map(str, cell.axes.values())) not in flagged]
    return sum(not math.isnan(finding.p_holm) for cell in cells for finding in cell.findings)


def _fresh_seeds(given: int | Iterable[int] | None, records: list[list[Metadata]]) -> tuple[int, ...]:
    used = {each.seed for side in records for each in side}
    if given is None or isinstance(given, int):
        count = max(LEAST, len({each.seed for each in records[1]})) if given is None else given
        return as_seeds(range(max(used) + 1, max(used) + 1 + count))
    chosen = as_seeds(given)
    known = sorted(used & set(chosen))
    if known:
        raise ResultsError(f"--seeds: {', '.join(map(str, known))} not fresh: a side has records of it")
    return chosen


def _cells(records: list[Metadata], axes: list[str], flagged: Collection[Place]) -> dict[Place, Metadata]:
    """One record of each flagged cell, by its place."""
    places = ((tuple(str(place(each, axis)) for axis in axes), each) for each in records)
    return {where: each for where, each in places if where in flagged}


def _train(
    folder: Path, cells: list[Metadata], seeds: tuple[int, ...], options: dict[str, Any], notices: list[str]
) -> Path:
    """The folder with the records of the cells on these seeds; that some are of other code is noted."""
    recorded = [cell.model_dump(mode="json", exclude_unset=True) for cell in cells]
    runs: list[Run] = [rebuild(each, seed, options["inception_weights"]) for each in recorded for seed in seeds]
    beside = folder.with_name(f"{folder.name}-confirmation")
    summary = train_runs(runs, beside, **options)
    if summary.missing:
        reasons = "; ".join(f"{name}: {text.splitlines()[0]}" for name, text in summary.failed.items())
        raise ResultsError(f"{summary.missing} of {len(runs)} runs have no record: {reasons}")
    notices += _of_other_code(beside, {run.id for run in summary.already})
    return beside


def _of_other_code(folder: Path, runs: Collection[str]) -> list[str]:
    """That records which were there before were made at another commit than the code that runs now."""
    now = versions()["commit"]
    made = [read_metadata(path).environment.commit for run, path in paths_by_run(folder).items() if run in runs]
    others = [commit for commit in made if commit != now]
    if not others:
        return []
    told = " and ".join(sorted({str(commit)[:10] for commit in others}))
    return [
        f"{len(others)} runs in {folder} were trained before, by commit {told}, and the code here is {str(now)[:10]}: "
        f"remove that folder to train them again"
    ]
