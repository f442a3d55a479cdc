"""How the failures of each cell depend on the thresholds of outcomes."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bench.evidence.outcomes import classify_run
from bench.evidence.results import Evidence
from bench.evidence.states import State
from bench.plan.rules import Rules

FACTORS = (0.8, 1.2)  # of the share of the way that may be left at best
SHIFTS = (-0.1, 0.1)  # of the share of the modes that must be kept
NOTE = (
    "Failed runs of the cells for which the thresholds matter, with the thresholds of this report and with others: a "
    "stricter and a laxer share of the way to real data that may be left (never_learned), and a laxer and a stricter "
    "share of the modes that must be kept (collapsed). All other cells have the same failures with each of them."
)


def failures_by_threshold(evidence: Evidence) -> pd.DataFrame:
    """Return the number of failed runs with each threshold, one row per cell in which it is not the same for all."""
    rows = []
    for dataset in evidence.datasets():
        in_dataset = evidence.runs[evidence.runs["dataset"] == dataset]
        measure = evidence.primary(dataset)
        if measure is None:
            continue
        variants = dict(_variants(evidence.rules, measure))
        axes = evidence.varying(evidence.runs)
        for place, runs in in_dataset.groupby(axes, sort=False, dropna=False):
            counts = {name: _count_failed(evidence, runs, rules) for name, rules in variants.items()}
            if len(set(counts.values())) > 1:
                rows.append({"dataset": dataset, **dict(zip(axes, map(str, place), strict=True)), **counts})
    return pd.DataFrame(rows).fillna("–").astype(str)


def _variants(rules: Rules, measure: str) -> Iterable[tuple[str, Rules]]:
    yield "as reported", rules
    left = rules.thresholds(measure).never_learned
    for factor in FACTORS:
        yield f"never_learned × {factor:g}", rules.model_copy(update={"never_learned": min(1.0, factor * left)})
    kept = rules.collapsed_of("modes")
    for shift in SHIFTS:
        yield (
            f"collapsed {'−' if shift < 0 else '+'} {abs(shift):g}",
            rules.model_copy(update={"collapsed": min(1.0, kept + shift)}),
        )


def _count_failed(evidence: Evidence, runs: pd.DataFrame, rules: Rules) -> int:
    states = [
        classify_run(evidence.records[run].trace, evidence.records[run].metadata, rules).state for run in runs["run"]
    ]
    return sum(state not in (State.STABLE, State.UNRESOLVED) for state in states)
