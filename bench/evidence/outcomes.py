"""Outcomes of runs, derived from their stored traces: what became of each, why, and what it was at every evaluation.

Nothing is trained, and nothing of it is stored: with other thresholds the same records give other outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.evidence.outcome_rules import (
    Outcome,
    carried,
    collapsed,
    coverage,
    dataset_of,
    diverged,
    exploded,
    learned,
    lost,
    never_learned,
    oscillating,
    relapsed,
)
from bench.evidence.primary_measure import (
    Primary,
    evaluations,
    final_over_best,
    first_reached,
    mean_log10,
    primary,
    trained_steps,
)
from bench.evidence.states import State
from bench.plan.rules import GateOptions, PublishedResult, Rules
from bench.plan.specification import validated
from bench.plan.suite import Suite, load_suite, suite_files
from bench.records.frames import frame_of_runs
from bench.records.record import Record, Trace, read_judged, record_paths
from bench.records.schema import Metadata

__all__ = ["Judging", "Outcome", "Stage", "State", "judge", "judging", "load", "states_over_time"]


class Stage(StrEnum):
    """What a run was at one evaluation, in the light of those before it."""

    WELL = "well"
    NOT_LEARNED = "not learned yet"
    WORSE = "worse than its best"
    COLLAPSED = "collapsed"
    DIVERGED = "diverged"


class Judging(NamedTuple):
    """What the runs of one suite are judged by, and what is published of the same."""

    rules: Rules
    references: tuple[PublishedResult, ...]
    gate: GateOptions


def judge(trace: Trace, metadata: Metadata, rules: Rules) -> Outcome:
    """The outcome of a run.

    Args:
        trace: Columns by name, one value per evaluation, as ``records`` reads them; values may be missing.
        metadata: Of its record.
        rules: The thresholds.
    """
    trace = evaluations(trace, metadata, rules)
    return _judge(primary(trace, metadata, rules), trace, metadata, rules)


def _judge(of: Primary | None, trace: Trace, metadata: Metadata, rules: Rules) -> Outcome:
    return (
        diverged(trace, metadata, rules, of)
        or (never_learned(of, metadata, rules) if of else None)
        or collapsed(coverage(trace, metadata, of), rules)
        or (relapsed(of, rules) if of else None)
        or (oscillating(of, rules) if of else None)
        or Outcome(State.CONVERGED)
    )


def states_over_time(trace: Trace, metadata: Metadata, rules: Rules) -> list[tuple[int, Stage]]:
    """What a run was at each evaluation after step 0, and that it diverged where it did.

    A value that is missing counts as the one before it.
    """
    trace = evaluations(trace, metadata, rules)
    of, steps = primary(trace, metadata, rules), trained_steps(trace)
    unlearned, worse, poor = (np.zeros(len(steps), bool) for _ in range(3))
    if of is not None:
        unlearned = ~learned(of, metadata, rules)
        worse = carried(of.ratios(rules.near)) > rules.relapsed
    covered = coverage(trace, metadata, of)
    if covered is not None:
        poor = carried(covered.values) < rules.collapsed * covered.real
    gone = exploded(trace, rules, of) | lost(of, len(steps))
    flags = [(gone, Stage.DIVERGED), (unlearned, Stage.NOT_LEARNED), (poor, Stage.COLLAPSED), (worse, Stage.WORSE)]
    stages = [
        (int(step), next((stage for there, stage in flags if there[index]), Stage.WELL))
        for index, step in enumerate(steps)
    ]
    if not metadata.ending.finished:
        at = metadata.ending.step
        stages = [*(each for each in stages if each[0] < at), (at, Stage.DIVERGED)]  # other code may have gone on
    return stages


def judging(suite: str, made_by: Iterable[Metadata], given: Suite | None = None) -> Judging:
    """What the runs of a suite are judged by.

    The suite that is given; else the one of its name that comes with the package, as its file is now; else what its
    latest record says; else the defaults.

    Raises:
        SuiteError: the suite that comes with the package, or what the record says, is not valid.
    """
    if given is None and suite in suite_files():
        given = load_suite(suite)
    if given is not None:
        return Judging(given.outcome, given.reference, given.compare)
    latest = max(made_by, key=lambda each: each.environment.date, default=None)
    where = f"records of {suite}"
    if latest is None:
        return Judging(Rules(), (), GateOptions())
    known = {key: value for key, value in latest.rules.items() if key in Rules.model_fields}
    return Judging(
        validated(Rules, known, where),
        tuple(validated(PublishedResult, each, where) for each in latest.references),
        validated(GateOptions, dict(latest.gate), where),
    )


def load(results: str | Path, suite: str | Suite | None = None) -> pd.DataFrame:
    """One row a run: what it was, what became of it, and what it cost.

    Columns: those of ``bench.records.frames.frame_of_runs``; outcome ("diverged", "never-learned", "collapsed",
    "relapsed", "oscillating" or "converged"), outcome_reason in words, outcome_step (from which on it was so),
    primary (the measure it is judged by), ``<primary>_final_over_best``, ``<primary>_mean_log10`` (of a positive
    distance: its area over the steps), reach (what time-to-threshold asks for; NaN: nothing), reached,
    steps_to_threshold, seconds_to_threshold (of training; NaN where it was not reached: censored).

    Args:
        results: A folder with records.
        suite: Name, or path of a file, of the suite whose thresholds hold. Else those of the suites of the records'
            names that come with the package, else those in the records.

    Raises:
        ResultsError: nothing there, or a record that cannot be read.
        SuiteError: the suite is not valid.
    """
    given = load_suite(suite) if isinstance(suite, str) else suite
    return judged([read_judged(path) for path in record_paths(results)], given)


def judged(records: list[Record], given: Suite | None = None) -> pd.DataFrame:
    """The same of records that are read."""
    rules = {name: judging(name, made_by, given).rules for name, made_by in _by_suite(records).items()}
    columns = pd.DataFrame([_verdict(each, rules[each.metadata.suite]) for each in records])
    frame = frame_of_runs((each.path, each.metadata) for each in records)
    return pd.concat([frame.drop(columns="record"), columns, frame["record"]], axis=1)


def _by_suite(records: list[Record]) -> dict[str, list[Metadata]]:
    suites: dict[str, list[Metadata]] = {}
    for each in records:
        suites.setdefault(each.metadata.suite, []).append(each.metadata)
    return suites


def _verdict(record: Record, rules: Rules) -> dict[str, Any]:
    metadata = record.metadata
    trace = evaluations(record.trace, metadata, rules)
    of = primary(trace, metadata, rules)
    outcome = _judge(of, trace, metadata, rules)
    row: dict[str, Any] = {
        "outcome": outcome.state.value,
        "outcome_reason": outcome.reason,
        "outcome_step": np.nan if outcome.step is None else float(outcome.step),
        "primary": None,
    }
    reach, at = rules.reach_of(dataset_of(metadata)), None
    if of is not None:
        finished = metadata.ending.finished
        row["primary"] = of.name
        row[f"{of.name}_final_over_best"] = final_over_best(of) if finished else np.nan
        row[f"{of.name}_mean_log10"] = mean_log10(of)
        at = first_reached(of, reach)
    return row | {
        "reach": np.nan if reach is None else reach,
        "reached": at is not None,
        "steps_to_threshold": np.nan if of is None or at is None else float(of.steps[at]),
        "seconds_to_threshold": np.nan if of is None or at is None else float(of.seconds[at]),
    }
