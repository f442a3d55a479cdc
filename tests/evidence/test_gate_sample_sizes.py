"""The smallest regression that seeds find, the seeds that decide, and how a comparison says so."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest

from bench.catalogue.metrics.measures import MEASURES
from bench.evidence.gate.cell_tests import ComparisonTest
from bench.evidence.gate.comparison import Comparison
from bench.evidence.gate.decision import CellVerdict, Verdict, compare_cells
from bench.evidence.gate.failure_tests import failures
from bench.evidence.gate.junit import to_junit
from bench.evidence.gate.mean_tests import compare_means, with_permutation_tests
from bench.evidence.gate.next_steps import cheapest_way
from bench.evidence.gate.rendering import comparison_rows, to_markdown
from bench.evidence.gate.sample_sizes import seeds_needed, smallest_found
from bench.evidence.gate.sentences import headline, reasons, remarks
from bench.evidence.statistics import boschloo, permutation
from bench.plan.rules import GateOptions

FD = {"made": ("fd", MEASURES["fd"])}
GOOD = [1.0, 1.05, 0.95, 1.02, 0.98, 1.01, 0.99, 1.03, 0.97, 1.0]


def runs(values: list[float], failed: int = 0, loss: str = "hinge", first: int = 0) -> pd.DataFrame:
    outcomes = ["diverged"] * failed + ["stable"] * (len(values) - failed)
    seeds = range(first, first + len(values))
    return pd.DataFrame({"dataset": "made", "loss": loss, "seed": seeds, "outcome": outcomes, "fd_final": values})


def of_means(one: list[float], other: list[float], **options: object) -> ComparisonTest:
    settings = {"higher_is_better": False, "tolerance": 0.25, "alpha": 0.05} | options
    test = compare_means("quality", "FD", np.array(one), np.array(other), **settings)  # type: ignore[arg-type]
    return with_permutation_tests([[test]])[0][0]


def comparison_of(
    baseline: pd.DataFrame, candidate: pd.DataFrame, gate: GateOptions | None = None, seconds: float | None = None
) -> Comparison:
    gate = gate or GateOptions()
    cells = compare_cells(baseline, candidate, ["dataset", "loss"], FD, gate)
    cells = [cell._replace(seconds=seconds) for cell in cells]
    return Comparison(
        baseline=Path("a"),
        candidate=Path("b"),
        suite="made",
        gate=gate,
        cells=cells,
        axes=["loss"],
        new=[],
        protocol="",
    )


@pytest.mark.parametrize("level", [0.05, 0.005])
def test_the_smallest_regression_is_found_in_four_of_five_comparisons(level: float) -> None:
    generator = np.random.default_rng(0)
    test = replace(of_means(GOOD[:8], GOOD[:8]), deviation=0.3)
    degradation = smallest_found(test, level, 0.05)
    assert degradation is not None
    found = 0
    for _ in range(100):
        one, other = generator.normal(0, 0.3, 8), generator.normal(degradation, 0.3, 8)
        significant = permutation(other, one, "greater", 1000).p <= level
        found += significant and other.mean() - one.mean() > test.margin
    assert binomtest(found, 100, 0.8).pvalue > 0.01


def test_no_regression_is_found_if_the_permutation_test_has_too_few_runs() -> None:
    """Three runs per side cannot give p below 1/20, whatever the effect."""
    test = of_means(GOOD[:3], GOOD[3:6])
    assert smallest_found(test, 0.05, 0.05) is not None
    assert smallest_found(test, 0.049, 0.05) is None


def test_a_steady_measure_still_has_to_exceed_the_tolerance() -> None:
    """The estimate must be above 1.25×, so an effect of exactly 1.25× is found in half of the comparisons only."""
    found = smallest_found(of_means(GOOD, GOOD[::-1]), 0.05, 0.05)
    assert found is not None
    assert 1.25 < math.exp(found) < 1.3


@pytest.mark.parametrize(("n", "failed"), [(5, 0), (10, 0), (10, 2), (10, 8)])
def test_the_smallest_rise_of_failures_is_found_with_exactly_80_percent(n: int, failed: int) -> None:
    test = failures(runs([1.0] * n, failed), runs([1.0] * n, failed, first=50), GateOptions(), same=False)
    rise = smallest_found(test, 0.025, 0.05)
    counts = [
        count
        for count in range(n + 1)
        if count / n - failed / n > 0.25 and boschloo(count, n, failed, n, "greater").p <= 0.025
    ]
    if not counts:
        assert rise is None
    else:
        assert rise is not None
        assert binom.sf(min(counts) - 1, n, failed / n + rise) == pytest.approx(0.8)


def test_an_estimate_just_below_the_tolerance_does_not_ask_for_thousands() -> None:
    """The estimate is 1.24× with a tolerance of 1.25×. Equal sides need some twenty runs, and that is what is asked."""
    spread = [0.75, 1.3, 0.8, 1.25, 1.0]
    test = of_means(spread, [1.24 * value for value in spread])
    assert test.degradation.value < test.margin < test.bound
    needed = seeds_needed(test, 0.025, 0.05, math.nan)
    assert needed is not None
    assert 10 < needed < 30
    equal = of_means(spread, spread[::-1])
    assert seeds_needed(equal, 0.025, 0.05, math.nan) == needed


def test_failures_just_below_the_tolerance_do_not_ask_for_thousands() -> None:
    """2 of 10 against 4 of 10: a gap of 20 points with 25 tolerated needs hundreds, equal sides need some 40."""
    test = failures(runs([1.0] * 10, 2), runs([1.0] * 10, 4, first=50), GateOptions(), same=False)
    needed = seeds_needed(test, 0.025, 0.05, math.nan)
    assert needed is not None
    assert 20 < needed < 50


def test_seeds_are_counted_in_all_runs_if_some_fail() -> None:
    """Half of the baseline's runs have no value to compare, so twice as many seeds are needed."""
    spread = [0.75, 1.3, 0.8, 1.25, 1.0]
    whole = comparison_of(runs(spread), runs(spread[::-1], first=50)).cells[0].findings[0]
    half = comparison_of(
        runs([math.nan] * 5 + spread, failed=5), runs([math.nan] * 5 + spread[::-1], failed=5, first=50)
    )
    assert whole.seeds is not None
    assert half.cells[0].findings[0].seeds == 2 * whole.seeds


def several(values: list[float], cells: int, first: int = 0) -> pd.DataFrame:
    return pd.concat([runs(values, loss=f"loss {number}", first=first) for number in range(cells)])


def test_sentences_are_said_once() -> None:
    """Four cells with the same runs have one line of reasons, which has no forecast in it."""
    comparison = comparison_of(several(GOOD[:3], 4), several([1.1 * value for value in GOOD[:3]], 4, first=50))
    ((verdict, names, reason),) = reasons(comparison)
    assert verdict == Verdict.INCONCLUSIVE
    assert names == "made · loss 0, made · loss 1, made · loss 2, made · loss 3"
    assert reason == "failures undecided"
    assert to_markdown(comparison).count(reason) == 1
    assert "per side would" in to_junit(comparison)  # each test case stands alone there


def test_the_summary_names_the_cheapest_way_and_its_cost() -> None:
    """One cell needs few further runs, the other many: both the sum and what the cheap one needs are named."""
    spread = [0.5, 2.0, 0.6, 1.8, 1.0]
    baseline = pd.concat([runs(GOOD[:5], loss="steady"), runs(spread, loss="wild")])
    candidate = pd.concat([runs(GOOD[4::-1], loss="steady", first=50), runs(spread[::-1], loss="wild", first=50)])
    comparison = comparison_of(baseline, candidate, seconds=30.0)
    steady, wild = (cell.seeds for cell in comparison.cells)
    assert steady is not None
    assert wild is not None
    assert steady < wild
    total = 2 * (steady + wild - 10)
    minutes = f"{total * 30 / 60:.0f} min" if total < 200 else f"{total * 30 / 3600:.1f} h"
    expected = (
        f"Cheapest way to a decision: {steady} to {wild} seeds per side in made · steady, made · wild "
        f"({total} more runs, about {minutes} as recorded); without made · wild, {2 * (steady - 5)} more runs."
    )
    assert headline(comparison).startswith(f"INCONCLUSIVE: 2 of 2 cells. {expected}")


def test_one_further_run_is_in_the_singular() -> None:
    comparison = comparison_of(runs(GOOD[:3]), runs(GOOD[3:6]))
    cell = comparison.cells[0]
    finding = replace(cell.findings[1], seeds=4, test=replace(cell.findings[1].test, n=(4, 3)))
    single = replace(comparison, cells=[CellVerdict(cell.axes, (finding,))])
    assert "(1 more run)" in cheapest_way(single)


def test_the_tolerance_that_these_runs_show_would_be_ok() -> None:
    """The tolerances of the summary, and no smaller ones, make the same runs OK."""
    spread = [0.75, 1.3, 0.8, 1.25, 1.0] * 2
    sides = runs(spread), runs([1.05 * value for value in spread[::-1]], first=50)
    text = cheapest_way(comparison_of(*sides, GateOptions(failure_tolerance=0.1)))
    *_, tolerance, _option, rise = text.removesuffix(".").split()
    gates = [
        GateOptions(tolerance=float(tolerance) - less, failure_tolerance=float(rise) - less) for less in (0.0, 0.011)
    ]
    assert [comparison_of(*sides, gate).verdict for gate in gates] == ["OK", "INCONCLUSIVE"]


def test_every_cell_shows_the_smallest_regression_it_finds() -> None:
    comparison = comparison_of(runs(GOOD), runs(GOOD[::-1], first=50))
    (finds,) = comparison_rows(comparison)["finds"]
    assert finds.startswith("1.2")
    assert "×, +" in finds
    assert finds.endswith(" pts")


def test_a_baseline_that_mostly_fails_is_named() -> None:
    values = [math.nan] * 8 + GOOD[8:]
    baseline = pd.concat([runs(values, failed=8, loss="bad"), runs(GOOD, loss="good")])
    comparison = comparison_of(baseline, baseline.assign(seed=baseline["seed"] + 50))
    (said,) = remarks(comparison)
    assert "In 1 of 2 cells, most of the baseline's own runs fail (made · bad 8 of 10)." in said
    assert said.split(".")[0] in to_markdown(comparison)
    assert not remarks(comparison_of(runs(GOOD), runs(GOOD, first=50)))


def test_more_seeds_are_no_advice_where_the_baseline_fails_or_the_spread_is_too_wide() -> None:
    values = [math.nan] * 8 + GOOD[8:]
    weak = runs(values, failed=8)
    comparison = comparison_of(weak, weak.assign(seed=weak["seed"] + 50))
    assert comparison.cells[0].seeds is None
    assert cheapest_way(comparison) == "More seeds do not help where most of the baseline's runs fail."
    wild = [1e-3, 1e3, 1.0, 1e2, 1e-2]
    hopeless = comparison_of(runs(wild), runs(wild[::-1], first=50))
    assert cheapest_way(hopeless).startswith("No feasible number of seeds would decide made · hinge.")


def test_a_share_is_not_found_to_fall_below_zero() -> None:
    """Shares from 0.2 to 1 over three runs: a fall by more than all of them would have to be found."""
    values = [0.2, 0.6, 1.0]
    assert smallest_found(of_means(values, values[::-1], higher_is_better=True, share=True), 0.05, 0.05) is None
