"""Cells against each other: effects, tests and what they allow to say, with the correction for so many claims."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from bench.evidence.results import Evidence, cells
from bench.evidence.states import count_failed
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

PAIRS = 24  # cells up to which all pairs are compared; of more, each with the best
DRAWN = 999  # permutations, at the most, of a pair
COLUMNS = (
    *("a", "b", "measure", "ratio", "low", "high", "better", "p", "p_holm", "p_permutation", "smallest"),
    *("n_a", "n_b", "failed_a", "failed_b", "p_failure", "p_failure_holm", "verdict"),
)


def contrasts(evidence: Evidence, dataset: str, measure: str | None = None) -> pd.DataFrame | None:
    """Every pair of cells of a dataset, by a measure after the last step; None where there are no two.

    Columns: a, b (names of cells), measure; ratio of geometric means a over b with its 95 % interval low, high (NaN
    where a value is not positive); better: P(a run of a is better than one of b), failed runs worst; p of Welch's test,
    of the logarithms where all are positive, p_holm corrected for all pairs and both questions; p_permutation and the
    smallest that it could be; n_a, n_b, failed_a, failed_b; p_failure of Boschloo's test of the two rates of failure
    and p_failure_holm; verdict in words.

    Args:
        evidence: The records.
        dataset: Its label.
        measure: The one to compare by; None: the primary one.
    """
    name = measure or evidence.primary(dataset)
    sides = cells(evidence, dataset)
    if name is None or len(sides) < 2 or evidence.describe(name).higher_is_better is None:
        return None
    higher = bool(evidence.describe(name).higher_is_better)
    column = f"{name}_final"
    on_logs = is_geometric(evidence, pd.concat([runs for _, runs in sides]), name)
    rows = [_row(one, other, column, higher, on_logs) for one, other in _pairs(sides, column, higher)]
    frame = pd.DataFrame(rows).assign(measure=name)
    adjusted = holm(np.concatenate([frame["p"], frame["p_failure"]]))
    frame = frame.assign(p_holm=adjusted[: len(frame)], p_failure_holm=adjusted[len(frame) :])
    frame["verdict"] = [_verdict(row, evidence.describe(name).label) for row in frame.to_dict("records")]
    return frame[list(COLUMNS)]


Side = tuple[str, pd.DataFrame]


def _pairs(sides: list[Side], column: str, higher: bool) -> list[tuple[Side, Side]]:
    if len(sides) <= PAIRS:
        return list(combinations(sides, 2))
    medians = [np.median(failures_as_worst(runs, column, higher)) for _, runs in sides]
    best = sides[int(np.argmax(medians) if higher else np.argmin(medians))]
    return [(best, side) for side in sides if side is not best]


def _row(one: Side, other: Side, column: str, higher: bool, on_logs: bool) -> dict[str, Any]:
    values = [drop_missing(runs[column]) for _, runs in (one, other)]
    scaled = [np.log(each) for each in values] if on_logs else values
    test = welch(scaled[0], scaled[1])
    robust = permutation(scaled[0], scaled[1], most=DRAWN) if min(map(len, scaled)) > 1 else NO_TEST
    gap = difference(scaled[0], scaled[1])
    ratio = [exponential(each) if on_logs else math.nan for each in gap[:3]]
    failed = [count_failed(runs) for _, runs in (one, other)]
    ranked = [failures_as_worst(runs, column, higher) for _, runs in (one, other)]
    return {
        "a": one[0],
        "b": other[0],
        **dict(zip(("ratio", "low", "high"), ratio, strict=True)),
        "better": probability_better(ranked[0], ranked[1], higher),
        "p": test.p,
        "p_permutation": robust.p,
        "smallest": robust.smallest,
        "n_a": len(one[1]),
        "n_b": len(other[1]),
        "failed_a": failed[0],
        "failed_b": failed[1],
        "p_failure": boschloo(failed[0], len(one[1]), failed[1], len(other[1])).p,
        "values_a": len(values[0]),
        "values_b": len(values[1]),
        "first_is_better": (gap.value > 0) == higher,
    }


def _verdict(row: dict[str, Any], label: str) -> str:
    """What may be said of a pair, by the corrected tests."""
    said: dict[str, list[str]] = {}
    if row["p_holm"] <= ALPHA and row["p_permutation"] <= ALPHA:
        said.setdefault(row["a"] if row["first_is_better"] else row["b"], []).append(f"has the better {label}")
    if row["p_failure_holm"] <= ALPHA:
        fewer = row["a"] if row["failed_a"] * row["n_b"] < row["failed_b"] * row["n_a"] else row["b"]
        said.setdefault(fewer, []).append("fails less often")
    if said:
        return "; ".join(f"{name} {' and '.join(parts)}" for name, parts in said.items())
    if not row["smallest"] <= ALPHA:
        return f"cannot detect a difference with {row['values_a']} and {row['values_b']} values"
    return "not told apart"
