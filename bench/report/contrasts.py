"""Pairwise comparisons of cells: effects, tests corrected for multiple comparisons, and verdicts."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bench.evidence.results import Evidence, cells
from bench.evidence.states import count_failed, judged
from bench.evidence.statistics import (
    NO_TEST,
    boschloo,
    difference,
    drop_missing,
    exponential,
    failures_as_worst,
    holm,
    permutation,
    probability_better,
    welch,
)
from bench.report.tables.entries import ALPHA, is_geometric

MAX_ALL_PAIRS = 24  # cells up to which all pairs are compared; above, each is compared with the best one
MAX_PERMUTATIONS = 999  # per pair
COLUMNS = (
    *("a", "b", "measure", "ratio", "low", "high", "better", "p", "p_holm", "p_permutation", "smallest"),
    *("n_a", "n_b", "failed_a", "failed_b", "p_failure", "p_failure_holm", "verdict"),
)


def contrasts(evidence: Evidence, dataset: str) -> pd.DataFrame | None:
    """Compare the cells of a dataset in pairs, by the final primary measure; None if there are fewer than two.

    Columns: a, b (names of cells), measure; ratio of geometric means a / b with its 95% interval low, high (NaN if a
    value is not positive); better: P(a run of a is better than one of b), where failed runs are worst; p of Welch's
    test, on log values if all are positive, and p_holm, corrected over all pairs and both tests (values and
    failures); p_permutation and the smallest p it can attain; n_a, n_b, failed_a, failed_b; p_failure of Boschloo's
    test of the failure rates and p_failure_holm; verdict in words. Runs that cannot be judged are left out.
    """
    name = evidence.primary(dataset)
    sides = [(cell, judged(runs)) for cell, runs in cells(evidence, dataset)]
    if name is None or len(sides) < 2 or evidence.describe(name).higher_is_better is None:
        return None
    higher = bool(evidence.describe(name).higher_is_better)
    column = f"{name}_final"
    on_logs = is_geometric(evidence, pd.concat([runs for _, runs in sides]), name)
    rows = [_compare(a, b, column, higher, on_logs) for a, b in _pairs(sides, column, higher)]
    frame = pd.DataFrame(rows).assign(measure=name)
    adjusted = holm(np.concatenate([frame["p"], frame["p_failure"]]))
    frame = frame.assign(p_holm=adjusted[: len(frame)], p_failure_holm=adjusted[len(frame) :])
    frame["verdict"] = [_verdict(row, evidence.describe(name).label) for row in frame.to_dict("records")]
    return frame[list(COLUMNS)]


Cell = tuple[str, pd.DataFrame]  # its name and its runs


def _pairs(sides: list[Cell], column: str, higher: bool) -> list[tuple[Cell, Cell]]:
    if len(sides) <= MAX_ALL_PAIRS:
        return list(combinations(sides, 2))
    worst = -math.inf if higher else math.inf
    medians = [np.median(failures_as_worst(runs, column, higher)) if len(runs) else worst for _, runs in sides]
    best = sides[int(np.argmax(medians) if higher else np.argmin(medians))]
    return [(best, side) for side in sides if side is not best]


def _compare(a: Cell, b: Cell, column: str, higher: bool, on_logs: bool) -> dict[str, Any]:
    (name_a, runs_a), (name_b, runs_b) = a, b
    values_a, values_b = drop_missing(runs_a[column]), drop_missing(runs_b[column])
    scaled_a, scaled_b = (np.log(values_a), np.log(values_b)) if on_logs else (values_a, values_b)
    has_test = min(len(scaled_a), len(scaled_b)) > 1
    permuted = permutation(scaled_a, scaled_b, most=MAX_PERMUTATIONS) if has_test else NO_TEST
    gap = difference(scaled_a, scaled_b)
    ratio, low, high = (exponential(end) if on_logs else math.nan for end in gap[:3])
    failed_a, failed_b = count_failed(runs_a), count_failed(runs_b)
    return {
        "a": name_a,
        "b": name_b,
        "ratio": ratio,
        "low": low,
        "high": high,
        "better": probability_better(
            failures_as_worst(runs_a, column, higher), failures_as_worst(runs_b, column, higher), higher
        ),
        "p": welch(scaled_a, scaled_b).p,
        "p_permutation": permuted.p,
        "smallest": permuted.smallest,
        "n_a": len(runs_a),
        "n_b": len(runs_b),
        "failed_a": failed_a,
        "failed_b": failed_b,
        "p_failure": boschloo(failed_a, len(runs_a), failed_b, len(runs_b)).p,
        "values_a": len(values_a),
        "values_b": len(values_b),
        "first_is_better": (gap.value > 0) == higher,
    }


def _verdict(row: dict[str, Any], label: str) -> str:
    """The significant differences of a pair in words."""
    claims: dict[str, list[str]] = {}
    if row["p_holm"] <= ALPHA and row["p_permutation"] <= ALPHA:
        claims.setdefault(row["a"] if row["first_is_better"] else row["b"], []).append(f"has better {label}")
    if row["p_failure_holm"] <= ALPHA:
        fewer = row["a"] if row["failed_a"] * row["n_b"] < row["failed_b"] * row["n_a"] else row["b"]
        claims.setdefault(fewer, []).append("fails less often")
    if claims:
        return "; ".join(f"{name} {' and '.join(parts)}" for name, parts in claims.items())
    unjudged = [row[side] for side in ("a", "b") if not row[f"n_{side}"]]
    if unjudged:
        return f"the runs of {' and of '.join(unjudged)} cannot be judged"
    if not row["smallest"] <= ALPHA:
        return f"too few values to detect a difference ({row['values_a']} and {row['values_b']})"
    return "no significant difference"
