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
    PrimaryCurve,
    evaluations,
    final_over_best,
    first_reached,
    mean_log10,
    primary_curve,
    trained_steps,
)
from bench.evidence.states import State
from bench.plan.rules import Gate, Reference, Rules
from bench.plan.specification import validated
from bench.plan.suite import Suite, load_suite, suite_files
from bench.records.frames import frame_of_runs
from bench.records.record import Record, Trace, read_judged, record_paths
from bench.records.schema import Metadata

__all__ = ["Outcome", "Stage", "State", "SuiteRules", "classify_run", "load", "states_over_time", "suite_rules"]


class Stage(StrEnum):
    """What a run was at one evaluation, in the light of those before it."""

    ON_TRACK = "on track"
    NOT_LEARNED = "not learned yet"
    RELAPSED = "relapsed"
    COLLAPSED = "collapsed"
    DIVERGED = "diverged"


class SuiteRules(NamedTuple):
    """What the runs of one suite are judged by, and what is published of the same."""

    rules: Rules
    references: tuple[Reference, ...]
    gate: Gate


def classify_run(trace: Trace, metadata: Metadata, rules: Rules) -> Outcome:
    """The outcome of a run.

    Args:
        trace: Columns by name, one value per evaluation, as ``records`` reads them; values may be missing.
        metadata: Of its record.
        rules: The thresholds.
    """
    trace = evaluations(trace, metadata, rules)
    return _classify(primary_curve(trace, metadata, rules), trace, metadata, rules)


def _classify(curve: PrimaryCurve | None, trace: Trace, metadata: Metadata, rules: Rules) -> Outcome:
    return (
        diverged(trace, metadata, rules, curve)
        or (never_learned(curve, metadata, rules) if curve else None)
        or collapsed(coverage(trace, metadata, curve), rules)
        or (relapsed(curve, rules) if curve else None)
        or (oscillating(curve, rules) if curve else None)
        or Outcome(State.CONVERGED)
    )


def states_over_time(trace: Trace, metadata: Metadata, rules: Rules) -> list[tuple[int, Stage]]:
    """What a run was at each evaluation after step 0, and that it diverged where it did.

    A value that is missing counts as the one before it.
    """
    trace = evaluations(trace, metadata, rules)
    curve, steps = primary_curve(trace, metadata, rules), trained_steps(trace)
    unlearned, worse, poor = (np.zeros(len(steps), bool) for _ in range(3))
    if curve is not None:
        unlearned = ~learned(curve, metadata, rules)
        worse = carried(curve.ratios_to_best(rules.near)) > rules.relapsed
    covered = coverage(trace, metadata, curve)
    if covered is not None:
        poor = carried(covered.values) < rules.collapsed * covered.real
    gone = exploded(trace, rules, curve) | lost(curve, len(steps))
    flags = [(gone, Stage.DIVERGED), (unlearned, Stage.NOT_LEARNED), (poor, Stage.COLLAPSED), (worse, Stage.RELAPSED)]
    stages = [
        (int(step), next((stage for there, stage in flags if there[index]), Stage.ON_TRACK))
        for index, step in enumerate(steps)
    ]
    if not metadata.ending.finished:
        at = metadata.ending.step
        stages = [*(each for each in stages if each[0] < at), (at, Stage.DIVERGED)]  # other code may have gone on
    return stages


def suite_rules(suite: str, made_by: Iterable[Metadata], given: Suite | None = None) -> SuiteRules:
    """What the runs of a suite are judged by.

    The suite that is given; else the one of its name that comes with the package, as its file is now; else what its
    latest record says; else the defaults.

    Raises:
        SuiteError: the suite that comes with the package, or what the record says, is not valid.
    """
    if given is None and suite in suite_files():
        given = load_suite(suite)
    if given is not None:
        return SuiteRules(given.outcome, given.reference, given.compare)
    latest = max(made_by, key=lambda each: each.environment.date, default=None)
    where = f"records of {suite}"
    if latest is None:
        return SuiteRules(Rules(), (), Gate())
    known = {key: value for key, value in latest.rules.items() if key in Rules.model_fields}
    return SuiteRules(
        validated(Rules, known, where),
        tuple(validated(Reference, each, where) for each in latest.references),
        validated(Gate, dict(latest.gate), where),
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
    return frame_with_outcomes([read_judged(path) for path in record_paths(results)], given)


def frame_with_outcomes(records: list[Record], given: Suite | None = None) -> pd.DataFrame:
    """The same of records that are read."""
    rules = {name: suite_rules(name, made_by, given).rules for name, made_by in _by_suite(records).items()}
    columns = pd.DataFrame([_outcome_columns(each, rules[each.metadata.suite]) for each in records])
    frame = frame_of_runs((each.path, each.metadata) for each in records)
    return pd.concat([frame.drop(columns="record"), columns, frame["record"]], axis=1)


def _by_suite(records: list[Record]) -> dict[str, list[Metadata]]:
    suites: dict[str, list[Metadata]] = {}
    for each in records:
        suites.setdefault(each.metadata.suite, []).append(each.metadata)
    return suites


def _outcome_columns(record: Record, rules: Rules) -> dict[str, Any]:
    metadata = record.metadata
    trace = evaluations(record.trace, metadata, rules)
    curve = primary_curve(trace, metadata, rules)
    outcome = _classify(curve, trace, metadata, rules)
    row: dict[str, Any] = {
        "outcome": outcome.state.value,
        "outcome_reason": outcome.reason,
        "outcome_step": np.nan if outcome.step is None else float(outcome.step),
        "primary": None,
    }
    reach, at = rules.reach_of(dataset_of(metadata)), None
    if curve is not None:
        finished = metadata.ending.finished
        row["primary"] = curve.name
        row[f"{curve.name}_final_over_best"] = final_over_best(curve) if finished else np.nan
        row[f"{curve.name}_mean_log10"] = mean_log10(curve)
        at = first_reached(curve, reach)
    return row | {
        "reach": np.nan if reach is None else reach,
        "reached": at is not None,
        "steps_to_threshold": np.nan if curve is None or at is None else float(curve.steps[at]),
        "seconds_to_threshold": np.nan if curve is None or at is None else float(curve.seconds[at]),
    }
