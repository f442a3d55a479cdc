"""The gate on shares (higher is better, near a ceiling), on values in two clumps, and on failures of shared seeds."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from bench.catalogue.metrics.measures import Measure
from bench.catalogue.metrics.possible_ranges import SHARE
from bench.evidence.gate.decision import CellVerdict, Verdict, compare_cells, overall_verdict
from bench.evidence.statistics import boschloo, mcnemar, permutation
from bench.plan.rules import GateOptions

OVERLAP = {"made": ("overlap", Measure("overlap", True, ".3f", range=SHARE))}


def runs(values: list[float], failed: int = 0, loss: str = "hinge", first: int = 0) -> pd.DataFrame:
    outcomes = ["diverged"] * failed + ["stable"] * (len(values) - failed)
    seeds = range(first, first + len(values))
    return pd.DataFrame({"dataset": "made", "loss": loss, "seed": seeds, "outcome": outcomes, "overlap_final": values})


def compare_all(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: GateOptions | None = None) -> list[CellVerdict]:
    return compare_cells(baseline, candidate, ["dataset", "loss"], OVERLAP, gate or GateOptions())


CEILING = [0.972, 0.968, 0.975, 0.979, 0.966, 0.971, 0.97, 0.977, 0.969, 0.973]


def test_a_cell_at_the_ceiling_is_ok() -> None:
    """What is missing from 1 doubles in some pairs, but no share falls by more than 2%."""
    (cell,) = compare_all(runs(CEILING), runs(CEILING[::-1]), GateOptions(tolerance=0.02, failure_tolerance=0.25))
    assert cell.verdict == Verdict.OK


def test_the_effect_on_a_share_is_the_ratio_of_means_even_if_some_are_zero() -> None:
    (cell,) = compare_all(runs([0.9, 0.8, 0.9, 0.8, 0.85]), runs([0.0, 0.3, 0.4, 0.2, 0.375]))
    test = cell.findings[0].test
    assert cell.verdict == Verdict.REGRESSED
    assert test.effect.value == pytest.approx(0.255 / 0.85)
    assert test.effect.low < test.effect.value < test.effect.high
    assert test.tolerated_effect == pytest.approx(0.75)
    assert "overlap 0.3× the baseline" in cell.reason
    assert "tolerated 0.75×" in cell.reason


def test_two_clumps_of_three_seeds_raise_no_alarm_in_twelve_cells() -> None:
    """All good against all bad happens once in 64 cells, so in a sixth of comparisons of twelve cells."""
    others = [runs([0.95, 0.9, 0.85], loss=f"loss {number}") for number in range(1, 12)]
    changed = [runs([0.85, 0.95, 0.9], loss=f"loss {number}") for number in range(1, 12)]
    sides = [
        pd.concat([runs([0.9, 0.91, 0.905], loss="loss 0"), *others]),
        pd.concat([runs([0.3, 0.31, 0.305], loss="loss 0"), *changed]),
    ]
    assert compare_all(*sides)[0].verdict == Verdict.INCONCLUSIVE
    assert compare_all(*sides)[0].findings[0].seeds == 5


def test_two_clumps_keep_the_level_with_three_seeds() -> None:
    generator = np.random.default_rng(0)

    def side() -> pd.DataFrame:
        clumps = np.where(generator.random((12, 3)) < 0.5, 0.9, 0.3) + 0.01 * generator.normal(size=(12, 3))
        return pd.concat([runs(list(values), loss=f"loss {cell}") for cell, values in enumerate(clumps)])

    found = [overall_verdict(cell.verdict for cell in compare_all(side(), side())) for _ in range(20)]
    assert Verdict.REGRESSED not in found


@pytest.mark.parametrize(("n", "m"), [(3, 3), (3, 5), (5, 5)])
def test_the_permutation_test_counts_the_splits_with_as_large_a_difference(n: int, m: int) -> None:
    values = np.random.default_rng(n).normal(size=n + m).round(1)  # rounded, so that some splits are tied
    for a, b in ((values[:n], values[n:]), (np.sort(values)[-n:], np.sort(values)[:-n])):
        sums = [values[list(split)].sum() for split in combinations(range(n + m), n)]
        share = np.mean([each >= a.sum() - 1e-9 for each in sums])
        assert permutation(a, b, "greater", 1000) == pytest.approx((share, 1 / len(sums)))


def test_sampled_permutations_agree_with_all_of_them() -> None:
    a, b = np.arange(8.0) + 2, np.arange(8.0)
    exact, sampled = (permutation(a, b, "greater", most) for most in (20_000, 5_000))
    assert sampled.p == pytest.approx(exact.p, abs=4 * math.sqrt(exact.p / 5000))
    assert sampled.smallest == 1 / 5001


def test_mcnemar_is_the_sign_test_of_pairs_that_differ() -> None:
    assert mcnemar(3, 0) == pytest.approx((1 / 8, 1 / 8))
    assert mcnemar(5, 1).p == pytest.approx(binom.sf(4, 6, 0.5))
    assert mcnemar(0, 4).p == 1
    assert math.isnan(mcnemar(0, 0).p)


def test_failures_of_twenty_shared_seeds_are_tested_in_pairs() -> None:
    """Eight seeds fail only in the candidate, two fail on both sides."""
    values = [0.9 + 0.001 * number for number in range(20)]
    paired = compare_all(runs(values, failed=2), runs(values[::-1], failed=10))[0].findings[1]
    assert paired.test.significance.p == pytest.approx(1 / 256)
    apart = compare_all(runs(values, failed=2), runs(values[::-1], failed=10, first=40))[0].findings[1]
    assert apart.test.significance.p == boschloo(10, 20, 2, 20, "greater").p
    few = compare_all(runs(values[:10]), runs(values[9::-1], failed=8))[0].findings[1]
    assert few.test.significance.p == boschloo(8, 10, 0, 10, "greater").p
