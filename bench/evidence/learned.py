"""The value of the primary measure from which a run counts as learned, as the rules of outcomes decide it."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from bench.evidence.outcome_rules import dataset_of
from bench.evidence.primary_measure import primary_curve, rows_with_primary
from bench.plan.rules import Rules
from bench.records.record import Record


def learned_from(record: Record, rules: Rules) -> float:
    """Return the value that the best evaluation of a run must reach; NaN if nothing decides whether it learned."""
    curve = primary_curve(rows_with_primary(record.trace, record.metadata, rules), record.metadata, rules)
    if curve is None:
        return math.nan
    tau = rules.tau_of(dataset_of(record.metadata))
    if tau is not None:
        return tau
    return curve.near_real(rules.thresholds(curve.name).never_learned) if curve.gap else math.nan


def usual_learned_from(records: Iterable[Record], rules: Rules) -> float:
    """Return the median of this value over runs, whose generators differ before training; NaN if it is unknown."""
    values = np.array([learned_from(record, rules) for record in records])
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else math.nan
