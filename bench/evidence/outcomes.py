"""Outcomes of runs, derived from their recorded traces: the final state, its reason, and the state at each evaluation.

Outcomes are never stored: with other thresholds, the same records give other outcomes.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.evidence.coverage_curve import coverage
from bench.evidence.endings import with_endings
from bench.evidence.outcome_rules import (
    are_sharp,
    collapsed,
    dataset_of,
    diverged,
    exploded,
    has_learned,
    lost,
    never_learned,
    oscillating,
    relapsed,
    relapses,
    sharp_but_collapsed,
    unresolved,
)
from bench.evidence.overlap_bounds import with_overlap_bounds
from bench.evidence.primary_measure import (
    PrimaryCurve,
    fill_forward,
    final_over_best,
    first_reached,
    mean_log10,
    primary_curve,
    rows_with_primary,
    trained_steps,
)
from bench.evidence.same_translation import is_same_for_all, same_for_all
from bench.evidence.states import Outcome, State
from bench.evidence.suite_rules import suite_rules
from bench.evidence.unjudged import not_measured, unmeasured, without_direction
from bench.plan.rules import Rules
from bench.plan.suite import Suite, load_suite
from bench.records.frames import frame_of_runs
from bench.records.record import Record, Trace, read_all, read_judged
from bench.records.schema import Metadata

__all__ = ["Outcome", "Stage", "State", "classify_run", "load", "states_over_time"]


class Stage(StrEnum):
    """The state of a run at one evaluation, given the evaluations before it."""

    ON_TRACK = "on track"
    NOT_THERE_YET = "not there yet"
    MODES_MISSING = "modes missing so far"
    RELAPSED = "relapsed"
    COLLAPSED = "collapsed"
    DIVERGED = "diverged"
    UNRESOLVED = "cannot be judged"


def classify_run(trace: Trace, metadata: Metadata, rules: Rules) -> Outcome:
    """Return the outcome of a run.

    Args:
        trace: Columns by name, one value per evaluation, as ``bench.records`` reads them; values may be missing.
        metadata: The metadata of the run's record.
        rules: The thresholds.
    """
    trace = rows_with_primary(trace, metadata, rules)
    return _classify(primary_curve(trace, metadata, rules), trace, metadata, rules)


def _classify(curve: PrimaryCurve | None, trace: Trace, metadata: Metadata, rules: Rules) -> Outcome:
    covered = coverage(trace, metadata, curve)
    return (
        diverged(trace, metadata, rules, curve)
        or (unresolved(curve, metadata) if curve else None)
        or not_measured(trace, metadata, curve)
        or without_direction(curve, covered)
        or same_for_all(trace, curve)
        or sharp_but_collapsed(trace, metadata, curve, rules)
        or (never_learned(curve, metadata, rules) if curve else None)
        or collapsed(covered, rules)
        or (relapsed(curve, rules) if curve else None)
        or (oscillating(curve, rules) if curve else None)
        or Outcome(State.STABLE)
    )


def states_over_time(trace: Trace, metadata: Metadata, rules: Rules) -> list[tuple[int, Stage]]:
    """Return the step and stage of a run at each evaluation after step 0, and at its end if it diverged.

    Each stage follows from this and earlier evaluations alone, so runs with the same past have the same stage. There is
    one exception: a value that is missing or enormous means divergence only if all later ones are too, and otherwise a
    missing value counts as the last one before it. A run that was never on track has lost nothing yet: where it has too
    few modes, they are missing so far.
    """
    trace = rows_with_primary(trace, metadata, rules)
    curve, steps = primary_curve(trace, metadata, rules), trained_steps(trace)
    not_learned, has_relapsed, has_collapsed, sharp = (np.zeros(len(steps), bool) for _ in range(4))
    if curve is not None:
        not_learned = ~has_learned(curve, metadata, rules)
        has_relapsed = relapses(curve, rules)
        sharp = are_sharp(trace, metadata, curve)
    covered = coverage(trace, metadata, curve)
    if covered is not None:
        has_collapsed = fill_forward(covered.values) < covered.required(rules)
    not_measured_there = unmeasured(trace, metadata, curve)
    cannot_tell = (unresolved(curve, metadata) if curve is not None else without_direction(curve, covered)) is not None
    lost_there = lost(curve, len(steps)) & ~not_measured_there
    flags = [
        (np.logical_or.accumulate(exploded(trace, rules, curve) | lost_there), Stage.DIVERGED),
        (not_measured_there | cannot_tell, Stage.UNRESOLVED),
        (is_same_for_all(trace, curve) | (sharp & has_collapsed), Stage.COLLAPSED),
        (not_learned, Stage.NOT_THERE_YET),
        (has_collapsed, Stage.COLLAPSED),
        (has_relapsed, Stage.RELAPSED),
    ]
    stages = [
        (int(step), next((stage for flag, stage in flags if flag[index]), Stage.ON_TRACK))
        for index, step in enumerate(steps)
    ]
    stages = _without_losses_on_the_way(stages)
    if not metadata.ending.finished:
        end = metadata.ending.step
        # A trace of other code may go on after the run diverged.
        stages = [*((step, stage) for step, stage in stages if step < end), (end, Stage.DIVERGED)]
    return stages


def _without_losses_on_the_way(stages: list[tuple[int, Stage]]) -> list[tuple[int, Stage]]:
    first = next((index for index, (_, stage) in enumerate(stages) if stage == Stage.ON_TRACK), len(stages))
    return [
        (step, Stage.MODES_MISSING if index < first and stage == Stage.COLLAPSED else stage)
        for index, (step, stage) in enumerate(stages)
    ]


def load(results: str | Path, suite: str | Suite | None = None) -> pd.DataFrame:
    """Return one row per run: its specification, outcome and cost.

    The columns are those of ``bench.records.frames.frame_of_runs`` and

    - outcome: "diverged", "never-learned", "collapsed", "relapsed", "oscillating", "stable", or "unresolved", which
      is neither a failure nor a success: the primary measure cannot tell real data from an untrained generator;
    - outcome_reason: the reason in words, empty for "stable";
    - outcome_step: the step from which on the reason applies, NaN if there is none;
    - still_improving: whether the run never learned, but was still improving when it ended;
    - primary: the measure that the run is classified by;
    - ``<primary>_final_over_best``: how many times worse the final value is than the best;
    - ``<primary>_mean_log10``: the mean of log10 of the primary measure over steps, for positive distances;
    - reach: the suite's threshold for time-to-threshold, NaN if there is none;
    - reached: whether the run reached it;
    - steps_to_threshold, seconds_to_threshold: generator steps and training seconds until then, NaN (censored) if the
      run did not reach it.

    Args:
        results: A folder with records.
        suite: Name or path of the suite whose thresholds apply. [default: the packaged suite of the same name, or else
            the thresholds in the records]

    Raises:
        ResultsError: There are no records, or a record cannot be read.
        SuiteError: The suite is invalid.
    """
    chosen = load_suite(suite) if isinstance(suite, str) else suite
    return frame_with_outcomes(with_overlap_bounds(with_endings(read_all(results, read_judged))), chosen)


def frame_with_outcomes(records: list[Record], suite: Suite | None = None) -> pd.DataFrame:
    """Return the frame that ``load`` returns, for records that were read, and judged by ``with_endings``."""
    rules = {name: suite_rules(name, metadata, suite).rules for name, metadata in _metadata_by_suite(records).items()}
    columns = pd.DataFrame([_outcome_columns(record, rules[record.metadata.suite]) for record in records])
    frame = frame_of_runs((record.path, record.metadata) for record in records)
    return pd.concat([frame.drop(columns="record"), columns, frame["record"]], axis=1)


def _metadata_by_suite(records: list[Record]) -> dict[str, list[Metadata]]:
    suites: dict[str, list[Metadata]] = {}
    for record in records:
        suites.setdefault(record.metadata.suite, []).append(record.metadata)
    return suites


def _outcome_columns(record: Record, rules: Rules) -> dict[str, Any]:
    metadata = record.metadata
    trace = rows_with_primary(record.trace, metadata, rules)
    curve = primary_curve(trace, metadata, rules)
    outcome = _classify(curve, trace, metadata, rules)
    step = np.nan if outcome.step is None else float(outcome.step)
    row = {"outcome": outcome.state.value, "outcome_reason": outcome.reason, "outcome_step": step, "primary": None}
    row["still_improving"] = outcome.improving
    threshold, index = rules.reach_of(dataset_of(metadata)), None
    if curve is not None:
        row["primary"] = curve.name
        row[f"{curve.name}_final_over_best"] = final_over_best(curve) if metadata.ending.finished else np.nan
        row[f"{curve.name}_mean_log10"] = mean_log10(curve)
        index = first_reached(curve, threshold)
    return row | {
        "reach": np.nan if threshold is None else threshold,
        "reached": index is not None,
        "steps_to_threshold": np.nan if curve is None or index is None else float(curve.steps[index]),
        "seconds_to_threshold": np.nan if curve is None or index is None else float(curve.seconds[index]),
    }
