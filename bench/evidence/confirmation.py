"""Chooses the best setting of every technique from the records of the tuning runs, and plans its confirmation."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bench.evidence.endings import with_endings
from bench.evidence.search import TechniqueResult, tuning_results
from bench.plan.confirmation import Technique, by_technique, plan_confirmation, technique_of
from bench.plan.runs import Run
from bench.plan.suite import Suite
from bench.records.record import paths_by_run, read_judged


class Confirmation(NamedTuple):
    """The runs that confirm, the results they follow from, and the techniques whose tuning is not complete."""

    runs: list[Run]
    chosen: dict[Technique, TechniqueResult]
    waiting: list[Technique]


def confirmation_of(tuning: list[Run], folder: Path, suite: Suite, seeds: Iterable[int]) -> Confirmation:
    """Return the runs that confirm the best settings.

    The choice follows from the records and the suite alone, so an interrupted search makes it again.

    Args:
        tuning: All tuning runs of the suite.
        folder: Its results folder.
        suite: The suite, whose thresholds of outcomes apply.
        seeds: The fresh seeds.

    Raises:
        ResultsError: A record cannot be read.
    """
    paths = paths_by_run(folder)
    complete: list[Run] = []
    waiting = []
    for technique, runs in by_technique(tuning).items():
        if all(run.id in paths for run in runs):
            complete += runs
        else:
            waiting.append(technique)
    records = with_endings(read_judged(paths[run.id]) for run in complete)
    places = {run.cell: (run.search.draw, run.search.setting) for run in complete if run.search}
    planned = {run.cell: technique_of(run.axes) for run in complete}  # labels may have changed since
    chosen = {planned[each.best.cell]: each for each in tuning_results(records, suite, places).values()}
    runs = plan_confirmation(complete, {technique: each.best.draw for technique, each in chosen.items()}, seeds)
    return Confirmation(runs, chosen, waiting)
