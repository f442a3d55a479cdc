"""Confirms flagged regressions: trains the flagged cells on fresh seeds and decides on those alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.compute.environment import versions
from bench.compute.events import Event
from bench.errors import ResultsError
from bench.evidence.gate.compare import compare, resolve
from bench.evidence.gate.comparison import Comparison
from bench.evidence.gate.decision import Verdict
from bench.plan.rebuilding import rebuild
from bench.plan.runs import Run
from bench.plan.seeds import as_seeds
from bench.plan.suite import Suite
from bench.records.addresses import place_of
from bench.records.frames import axis_value
from bench.records.record import paths_by_run, read_all, read_metadata
from bench.records.schema import Metadata
from bench.running import train_runs
from bench.summary import RunOptions, Summary

MINIMUM_SEEDS = 10  # default for the number of fresh seeds, unless the candidate has more

CellKey = tuple[str, ...]  # the values of a cell's axes


@dataclass(frozen=True)
class Confirmation:
    """The comparison that decides, and messages for the user."""

    comparison: Comparison
    notices: list[str] = field(default_factory=list)


# Long: a third is the docstring, and the arguments of two calls stand one per line.
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
    """Train flagged cells on seeds that neither side has, and compare only those.

    If a cell has the same specification on both sides, its sides differ only in the code that trained them. The current
    code can only be the candidate's, so the baseline's records are reused. Otherwise both sides are trained. If no cell
    is flagged, nothing is trained and the first comparison is returned.

    Reused records were part of the first comparison too: a baseline that was lucky there still is, and would confirm
    three out of ten false alarms. The correction therefore still counts the tests of the first comparison, which leaves
    less than one in ten.

    Args:
        baseline: A results folder, or the name of a suite with recorded results.
        candidate: The same; its cells are trained by the current code.
        seeds: Fresh seeds, or a number of seeds, which then start after the largest seed of both sides.
            [default: as many as the candidate has, but at least 10]
        suite: The suite whose thresholds of outcomes apply.
        device: See ``bench.running.run_suite``.
        workers: See ``bench.running.run_suite``.
        threads: See ``bench.running.run_suite``.
        inception_weights: See ``bench.running.run_suite``.
        begin: See ``bench.running.run_suite``.
        watch: See ``bench.running.run_suite``.
        gate: Further arguments of ``bench.evidence.gate.compare.compare``.

    Raises:
        GanbenchError: There is nothing to compare, seeds are not fresh, or the current code cannot train the runs of
            the records again.
    """
    first = compare(baseline, candidate, suite=suite, **gate)
    flagged = _flagged_cells(first)
    absent = [cell for cell in first.cells if cell.absent]
    if not flagged:
        why = "the candidate has no runs of the REGRESSED cells" if absent else "no cell is REGRESSED"
        return Confirmation(first, [f"{why}, so there is nothing to confirm"])
    folders = [resolve(baseline), resolve(candidate)]
    records = [read_all(folder, read_metadata) for folder in folders]
    fresh = _fresh_seeds(seeds, records)
    axes = list(first.cells[0].axes)
    old, new = (_records_by_cell(side, axes, flagged) for side in records)
    changed = [cell for cell in flagged if _are_specified_differently(old[cell], new[cell])]
    options = RunOptions(
        device=device,
        workers=workers,
        threads=threads,
        inception_weights=inception_weights,
        begin=begin,
        watch=watch,
    )
    notices: list[str] = []
    candidates = _train(folders[1], [new[cell] for cell in flagged], fresh, options, notices)
    baselines = folders[0]
    train_both = len(changed) == len(flagged)
    if train_both:
        baselines = _train(folders[0], [old[cell] for cell in flagged], fresh, options, notices)
    else:
        share = "" if not changed else f" in {len(flagged) - len(changed)} of {len(flagged)} flagged cells"
        notices.append(
            f"the baseline's records are reused, because only the code differs{share}; the first comparison used them "
            f"too, so its correction for multiple tests still applies"
        )
    comparison = compare(
        baselines,
        candidates,
        suite=suite,
        only=flagged.values(),
        seeds=(fresh if train_both else None, fresh),
        extra_tests=0 if train_both else _count_other_tests(first, flagged),
        **gate,
    )
    comparison = replace(comparison, cells=[*comparison.cells, *absent])  # fresh seeds cannot clear these
    cells = f"{len(flagged)} flagged cell{'s were' if len(flagged) > 1 else ' was'}"
    trained = f"{cells} trained on fresh seeds {fresh[0]} to {fresh[-1]}; records: {place_of(candidates)}"
    return Confirmation(comparison, [trained, *notices])


def _flagged_cells(comparison: Comparison) -> dict[CellKey, dict[str, str]]:
    """Return the REGRESSED cells, or if cells regressed only jointly, all cells that both sides have."""
    regressed = [cell for cell in comparison.cells if cell.verdict == Verdict.REGRESSED and not cell.absent]
    if any(cell.pooled for cell in regressed):
        regressed = [cell for cell in comparison.cells if cell.findings and not cell.pooled]
    keys = sorted(tuple(map(str, cell.axes.values())) for cell in regressed)
    axes = list(comparison.cells[0].axes) if comparison.cells else []
    return {key: dict(zip(axes, key, strict=True)) for key in keys}


def _are_specified_differently(one: Metadata, other: Metadata) -> bool:
    """Return whether two records of a cell differ in what the suite says, rather than in code.

    Records also have the defaults of options. If a package changes a default, its code has changed, and the suite has
    not: the identity of the cell leaves defaults out.
    """
    return one.cell != other.cell and one.training != other.training


def _count_other_tests(comparison: Comparison, flagged: Collection[CellKey]) -> int:
    """Return the number of corrected tests in cells that are not flagged."""
    cells = [cell for cell in comparison.cells if tuple(map(str, cell.axes.values())) not in flagged]
    return sum(not math.isnan(finding.p_holm) for cell in cells for finding in cell.findings)


def _fresh_seeds(given: int | Iterable[int] | None, records: list[list[Metadata]]) -> tuple[int, ...]:
    used = {record.seed for side in records for record in side}
    if given is None or isinstance(given, int):
        count = max(MINIMUM_SEEDS, len({record.seed for record in records[1]})) if given is None else given
        return as_seeds(range(max(used) + 1, max(used) + 1 + count))
    chosen = as_seeds(given)
    stale = sorted(used & set(chosen))
    if stale:
        raise ResultsError(
            f"--seeds: {', '.join(map(str, stale))} not fresh; there are already records with these seeds"
        )
    return chosen


def _records_by_cell(records: list[Metadata], axes: list[str], flagged: Collection[CellKey]) -> dict[CellKey, Metadata]:
    """Return one record of each flagged cell."""
    keyed = ((tuple(str(axis_value(record, axis)) for axis in axes), record) for record in records)
    return {key: record for key, record in keyed if key in flagged}


def _train(
    folder: Path, cells: list[Metadata], seeds: tuple[int, ...], options: RunOptions, notices: list[str]
) -> Path:
    """Train the cells of some records on other seeds; return the folder with the new records."""
    recorded = [cell.model_dump(mode="json", exclude_unset=True) for cell in cells]
    runs: list[Run] = [rebuild(cell, seed, options.inception_weights) for cell in recorded for seed in seeds]
    confirmation = folder.with_name(f"{folder.name}-confirmation")
    summary = train_runs(runs, confirmation, options)
    if summary.missing:
        reasons = "; ".join(f"{name}: {text.splitlines()[0]}" for name, text in summary.failed.items())
        raise ResultsError(f"{summary.missing} of {len(runs)} runs have no record: {reasons}")
    notices += _check_commits(confirmation, {run.id for run in summary.already})
    return confirmation


def _check_commits(folder: Path, runs: Collection[str]) -> list[str]:
    """Return a notice if some of these runs were trained earlier, at a commit other than the current one."""
    current = versions()["commit"]
    paths = [path for run, path in paths_by_run(folder).items() if run in runs]
    commits = [read_metadata(path).environment.commit for path in paths]
    other = [commit for commit in commits if commit != current]
    if not other:
        return []
    names = " and ".join(sorted({str(commit)[:10] for commit in other}))
    counted = "1 run in {} was" if len(other) == 1 else f"{len(other)} runs in {{}} were"
    return [
        f"{counted.format(place_of(folder))} trained earlier at commit {names}, and the current commit is "
        f"{str(current)[:10]}: delete that folder to train again"
    ]
