"""Tests of means: the final values of a measure, and timings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from bench.catalogue.metrics.measures import Measure
from bench.catalogue.metrics.possible_ranges import SHARE
from bench.evidence.gate.cell_tests import ComparisonTest, Family
from bench.evidence.states import State
from bench.evidence.statistics import (
    difference,
    drop_missing,
    permutation,
    permutations,
    student,
    welch,
)
from bench.evidence.statistics.intervals import Array, paired_difference

PERMUTATIONS = 20_000  # if there are more, as many are drawn; enough for four hundred tests with Holm's correction


def quality(
    baseline: pd.DataFrame,
    candidate: pd.DataFrame,
    name: str,
    measure: Measure,
    *,
    tolerance: float,
    alpha: float,
    same: bool,
) -> ComparisonTest | None:
    """Compare the final values of a measure. Returns None if the baseline has none, as nothing is worse than that.

    Only stable runs are compared, or all runs if none of the baseline's are stable. How many are stable is a
    question of its own, and with failed runs the values are multimodal, which costs the test its power.

    Args:
        baseline: The baseline's runs of the cell, with the columns ``outcome``, ``seed`` and ``<name>_final``.
        candidate: The candidate's runs of the cell.
        name: Name of the measure.
        measure: Its description; higher or lower values must be better.
        tolerance: Tolerated degradation as a share of the baseline.
        alpha: Level of the test.
        same: Whether both sides are ``identical``.
    """
    column = f"{name}_final"
    compared = [runs[runs["outcome"] == State.STABLE] for runs in (baseline, candidate)]
    if compared[0].empty:
        compared = [baseline, candidate]
    one, other = (runs.set_index("seed").sort_index().get(column, pd.Series(dtype=float)) for runs in compared)
    if not drop_missing(one).size:
        return None
    test = compare_means(
        "quality",
        measure.label,
        one.to_numpy(float),
        other.to_numpy(float),
        higher_is_better=bool(measure.higher_is_better),
        tolerance=tolerance,
        alpha=alpha,
        same=same,
        paired=one.index.equals(other.index) and one.index.is_unique,
        share=measure.range == SHARE,
    )
    shares = [count / len(runs) for count, runs in zip(test.n, (baseline, candidate), strict=True)]
    return replace(test, share_compared=min(shares) or 1.0)


# Long: half is the signature and its docstring.
def compare_means(
    family: Family,
    subject: str,
    baseline: Array,
    candidate: Array,
    *,
    higher_is_better: bool,
    tolerance: float,
    alpha: float,
    same: bool = False,
    paired: bool = False,
    share: bool = False,
) -> ComparisonTest:
    """Compare the means of logarithms if all values are positive, otherwise of values over the baseline's mean |value|.

    Shares are always compared as they are: they cannot be skewed far, a share of 0 is possible, and at the ceiling all
    are equal, where the logarithm of what is missing would be noise.

    Quality is tested by a permutation test, which needs no assumption on the distribution: values of GANs often form
    two groups, and then a t-test of three runs gives far too many false alarms. Timings are tested by t-tests, because
    they have one group and few rounds; a permutation test must agree. The larger p of Welch's and Student's test
    counts. They differ only if the numbers of rounds do: with three against twenty, Welch's test alone has twice the
    nominal false-alarm rate. The test of quality has no p-value before ``with_permutation_tests``.

    Args:
        family: Family of the test.
        subject: What the values are.
        baseline: Values, [n]; NaN for a run without one.
        candidate: Values, [m]; NaN for a run without one.
        higher_is_better: Whether higher values are better.
        tolerance: Tolerated degradation as a share of the baseline.
        alpha: Level of the test.
        same: Whether both sides are ``identical``.
        paired: Whether the values are of the same seeds in the same order.
        share: Whether the values are shares in [0, 1].
    """
    sign = -1.0 if higher_is_better else 1.0
    pooled = drop_missing(np.concatenate([baseline, candidate]))
    logarithmic = not share and bool((pooled > 0).all())
    size = _mean_size(drop_missing(baseline)) or _mean_size(pooled) or 1.0
    sides = [sign * (np.log(values) if logarithmic else values / size) for values in (baseline, candidate)]
    first, second = map(drop_missing, sides)
    gap = difference(second, first, 1 - 2 * alpha)
    if family == "speed":
        significance = max(welch(second, first, "greater"), student(second, first, "greater"), key=lambda test: test.p)
        tested: dict[str, Any] = {
            "significance": significance,
            "robust": partial(permutation, second, first, "greater", PERMUTATIONS),
            "smallest_p": 0.0 if math.isnan(significance.smallest) else significance.smallest,
        }
    else:
        tested = {"values": (second, first)} if min(len(first), len(second)) > 1 else {}
    return ComparisonTest(
        family=family,
        subject=subject,
        degradation=gap,
        margin=_margin(tolerance, logarithmic, higher_is_better),
        logarithmic=logarithmic,
        share=share,
        higher_is_better=higher_is_better,
        **tested,
        deviation=_pooled_deviation(first, second),
        n=(len(first), len(second)),
        identical=same,
        paired=paired_difference(sides[1], sides[0], 1 - 2 * alpha) if paired else None,
    )


def with_permutation_tests(tests: Sequence[Sequence[ComparisonTest]]) -> list[list[ComparisonTest]]:
    """Return the tests of each cell, those of quality with their p-values: all are computed together, to save time."""
    waiting = [test.values for cell in tests for test in cell if test.values is not None]
    found = iter(permutations(waiting, "greater", PERMUTATIONS))

    def completed(test: ComparisonTest) -> ComparisonTest:
        if test.values is None:
            return test
        significance = next(found)
        return replace(test, significance=significance, smallest_p=significance.smallest, values=None)

    return [[completed(test) for test in cell] for cell in tests]


def _margin(tolerance: float, logarithmic: bool, higher_is_better: bool) -> float:
    """Return the tolerated degradation: to 1 + tolerance of the baseline where less is better, otherwise 1 − it."""
    if not logarithmic:
        return tolerance
    if higher_is_better:
        return -math.log1p(-tolerance) if tolerance < 1 else math.inf
    return math.log1p(tolerance)


def _mean_size(values: Array) -> float:
    return float(np.abs(values).mean()) if values.size else 0.0


def _pooled_deviation(first: Array, second: Array) -> float:
    if min(len(first), len(second)) < 2:
        return math.nan
    return math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
