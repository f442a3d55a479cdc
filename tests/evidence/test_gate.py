"""The gate: its calibration on simulated results, and its verdicts on simple cases."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from bench.catalogue.metrics.measures import MEASURES
from bench.evidence.gate.decision import CellVerdict, Verdict, compare_cells, overall_verdict
from bench.evidence.gate.sentences import describe_need
from bench.plan.rules import GateOptions

CELLS = 12
DEVIATION = 0.3  # of log values over seeds; in the recorded image suites it is 0.02 to 0.5, and half are below 0.15
FD = {"made": ("fd", MEASURES["fd"])}
Noise = Callable[[np.random.Generator], float]
KINDS: dict[str, tuple[Noise, float]] = {  # noise with a deviation of 1, and the share of runs that diverge
    "log-normal": (lambda generator: generator.normal(), 0.0),
    "heavy-tailed": (lambda generator: generator.standard_t(3) / math.sqrt(3), 0.0),
    "with failures": (lambda generator: generator.normal(), 0.1),
    "with relapses": (lambda generator: generator.normal(), 0.0),
}
RELAPSING = {"with relapses": 0.5}  # share of runs that relapse to a tenfold value
PLAIN = [kind for kind in KINDS if kind not in RELAPSING]


def simulate(generator: np.random.Generator, kind: str, seeds: int, factor: float = 1.0) -> pd.DataFrame:
    """Simulate runs of twelve cells, the first of which is worse by a factor."""
    noise, failing = KINDS[kind]
    rows = []
    for cell in range(CELLS):
        for seed in range(seeds):
            failed = generator.random() < failing
            value = math.exp(0.2 * cell + DEVIATION * noise(generator)) * (factor if cell == 0 else 1.0)
            relapsed = generator.random() < RELAPSING[kind] if kind in RELAPSING else False
            rows.append(
                {
                    "dataset": "made",
                    "loss": f"loss {cell}",
                    "seed": seed,
                    "outcome": "diverged" if failed else "relapsed" if relapsed else "stable",
                    "fd_final": math.nan if failed else 10 * value if relapsed else value,
                }
            )
    return pd.DataFrame(rows)


def compare_all(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: GateOptions | None = None) -> list[CellVerdict]:
    return compare_cells(baseline, candidate, ["dataset", "loss"], FD, gate or GateOptions())


def verdicts(kind: str, seeds: int, times: int, factor: float = 1.0) -> list[Verdict]:
    generator = np.random.default_rng([seeds, times, *kind.encode()])
    pairs = ((simulate(generator, kind, seeds), simulate(generator, kind, seeds, factor)) for _ in range(times))
    return [overall_verdict(cell.verdict for cell in compare_all(*pair)) for pair in pairs]


def at_most(found: list[Verdict], share: float) -> bool:
    """Return whether the share of REGRESSED is within binomial error of being at most ``share`` (one-sided, 1%)."""
    alarms = found.count(Verdict.REGRESSED)
    return bool(binomtest(alarms, len(found), share, alternative="greater").pvalue > 0.01)


@pytest.mark.parametrize("seeds", [3, 5, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_sides_rarely_raise_an_alarm(kind: str, seeds: int) -> None:
    assert at_most(verdicts(kind, seeds, 40), 0.05)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_sides_raise_an_alarm_in_at_most_one_of_twenty_comparisons(kind: str, seeds: int) -> None:
    found = verdicts(kind, seeds, 400)
    print(f"{kind}, {seeds} seeds: {found.count(Verdict.REGRESSED)} of {len(found)} comparisons without a difference")
    assert at_most(found, 0.05)


@pytest.mark.slow
def test_a_doubling_is_found_with_ten_seeds() -> None:
    """Within binomial error of 90%: one-sided, 1%."""
    found = verdicts("log-normal", 10, 10, factor=2.0).count(Verdict.REGRESSED)
    assert binomtest(found, 10, 0.9, alternative="less").pvalue > 0.01


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", PLAIN)
def test_a_doubling_is_found_with_ten_seeds_in_nine_of_ten(kind: str) -> None:
    found = verdicts(kind, 10, 60, factor=2.0)
    print(f"{kind}, 10 seeds: {found.count(Verdict.REGRESSED)} of {len(found)} doublings found")
    assert found.count(Verdict.REGRESSED) >= 0.9 * len(found)


def test_two_seeds_are_inconclusive_and_come_with_the_number_needed() -> None:
    generator = np.random.default_rng(0)
    for factor in (1.0, 2.0, 100.0):
        cells = compare_all(*(simulate(generator, "log-normal", 2, each) for each in (1.0, factor)))
        assert overall_verdict(cell.verdict for cell in cells) == Verdict.INCONCLUSIVE
        for cell in cells:
            assert cell.verdict == Verdict.INCONCLUSIVE
            assert "only 2 usable runs" in cell.reason
            for finding in cell.findings:
                assert finding.seeds is None or finding.seeds >= 3
        assert cells[0].findings[0].seeds is not None
        assert "seeds per side would" in describe_need(cells[0].findings[0])


def test_one_usable_run_is_reported_in_the_singular() -> None:
    reason = one(runs([1.0]), runs([1.0]).assign(seed=9)).reason
    assert reason.endswith("only 1 usable run")


def test_the_forecast_number_of_seeds_suffices() -> None:
    """The number forecast from 4 seeds detects a doubling in about 80% of comparisons, the power it is computed for."""
    generator = np.random.default_rng(2)
    asked = [
        compare_all(simulate(generator, "log-normal", 4), simulate(generator, "log-normal", 4, 2.0))[0]
        .findings[0]
        .seeds
        for _ in range(20)
    ]
    typical = int(np.median([seeds for seeds in asked if seeds]))
    found = verdicts("log-normal", typical, 20, factor=2.0).count(Verdict.REGRESSED)
    assert binomtest(found, 20, 0.8, alternative="less").pvalue > 0.01
    assert typical <= 16


def runs(values: list[float], outcomes: list[str] | None = None) -> pd.DataFrame:
    outcomes = outcomes or ["stable"] * len(values)
    return pd.DataFrame(
        {"dataset": "made", "loss": "hinge", "seed": range(len(values)), "outcome": outcomes, "fd_final": values}
    )


def one(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: GateOptions | None = None) -> CellVerdict:
    (cell,) = compare_all(baseline, candidate, gate)
    return cell


GOOD = [1.0, 1.05, 0.95, 1.02, 0.98, 1.01, 0.99, 1.03, 0.97, 1.0]


def test_a_cell_within_the_tolerance_is_ok() -> None:
    cell = one(runs(GOOD), runs([1.1 * value for value in reversed(GOOD)]))
    assert cell.verdict == Verdict.OK
    (quality, failures) = cell.findings
    assert quality.test.effect.value == pytest.approx(1.1)
    assert quality.test.effect.high < quality.test.tolerated_effect == 1.25
    assert failures.verdict == Verdict.OK
    strict = one(runs(GOOD), runs([1.1 * value for value in reversed(GOOD)]), GateOptions(tolerance=0.05))
    assert strict.verdict == Verdict.REGRESSED
    assert "corrected p = " in strict.reason


def test_a_significant_difference_within_the_tolerance_is_ok() -> None:
    cell = one(runs(GOOD * 5), runs([1.05 * value for value in GOOD * 5]))
    assert cell.findings[0].p_holm < 1e-3
    assert cell.verdict == Verdict.OK


def test_an_improvement_is_ok() -> None:
    cell = one(runs(GOOD), runs([0.3 * value for value in reversed(GOOD)]))
    assert cell.verdict == Verdict.OK
    assert cell.findings[0].test.effect.value == pytest.approx(0.3)


def test_identical_values_are_ok_whatever_their_spread() -> None:
    wild = [1.0, 300.0, 0.01]
    assert one(runs(wild), runs(wild)).verdict == Verdict.OK
    assert "same values as the baseline, seed by seed" in one(runs(wild), runs(wild)).reason
    assert one(runs(wild), runs([300.0, 1.0, 0.01])).verdict == Verdict.INCONCLUSIVE


def test_more_failures_alone_are_a_regression() -> None:
    outcomes = ["diverged"] * 9 + ["stable"]
    candidate = runs([math.nan] * 9 + [1.0], outcomes)
    cell = one(runs(GOOD), candidate)
    assert cell.verdict == Verdict.REGRESSED
    failures = cell.findings[-1]
    assert failures.verdict == Verdict.REGRESSED
    assert failures.test.counts == (0, 9)
    assert "9 of 10 runs failed (9 diverged), baseline 0 of 10" in cell.reason
    mixed = runs([math.nan] * 10, ["collapsed"] * 3 + ["diverged"] * 7)
    assert "10 of 10 runs failed (7 diverged, 3 collapsed), baseline 0 of 10" in one(runs(GOOD), mixed).reason
    everyone = runs([math.nan] * 10, ["diverged"] * 10)
    assert [each.test.family for each in one(everyone, everyone.iloc[::-1]).findings] == ["failures"]


def test_measures_where_higher_is_better() -> None:
    modes = {"made": ("modes", MEASURES["modes"])}

    def of(values: list[float]) -> pd.DataFrame:
        return runs(values).rename(columns={"fd_final": "modes_final"})

    full, half = [8.0, 8.0, 8.0, 8.0, 7.0], [4.0, 4.0, 5.0, 4.0, 4.0]
    (worse,) = compare_cells(of(full), of(half), ["dataset", "loss"], modes, GateOptions())
    assert worse.verdict == Verdict.REGRESSED
    effect = worse.findings[0].test.effect
    assert effect.value == pytest.approx(np.exp(np.log(half).mean() - np.log(full).mean()))
    assert effect.low < effect.value < effect.high
    assert worse.findings[0].test.tolerated_effect == pytest.approx(0.75)
    (better,) = compare_cells(of(half), of(full), ["dataset", "loss"], modes, GateOptions(failure_tolerance=0.5))
    assert better.findings[0].verdict == Verdict.OK


def test_values_that_are_not_positive_are_compared_without_logarithms() -> None:
    """Relative to the mean absolute value, 0.5 and −0.5 differ by 2."""
    (quality, _) = one(runs([0.5, 0.4, 0.6]), runs([-0.5, -0.4, -0.6])).findings
    assert not quality.test.logarithmic
    assert quality.test.degradation.value == pytest.approx(-2.0)
    zeros = one(runs([0.0, 0.0, 0.0]), runs([0.0, 0.0, 0.0]))
    assert zeros.findings[0].verdict == Verdict.OK


def test_a_cell_without_any_run_is_regressed() -> None:
    both = pd.concat([runs(GOOD), runs(GOOD).assign(loss="minimax")])
    cells = compare_all(both, runs(GOOD))
    assert [cell.verdict for cell in cells] == [Verdict.OK, Verdict.REGRESSED]
    assert "the candidate has no runs of this cell" in cells[1].reason
    assert overall_verdict(cell.verdict for cell in cells) == Verdict.REGRESSED


def test_the_overall_verdict_is_the_worst() -> None:
    ok, open_, worse = Verdict.OK, Verdict.INCONCLUSIVE, Verdict.REGRESSED
    assert overall_verdict([ok, ok]) == ok
    assert overall_verdict([ok, open_]) == open_
    assert overall_verdict([open_, worse, ok]) == worse
    assert overall_verdict([]) == open_


def test_values_equal_up_to_rounding_are_identical_unless_all_are_whole_numbers() -> None:
    wild = [1.5, 300.0, 0.01]
    rounded = one(runs(wild), runs([value * 1.005 for value in wild]))
    assert rounded.verdict == Verdict.OK
    assert one(runs(wild), runs([value * 1.005 for value in wild]), GateOptions(tolerance=0.001)).verdict != Verdict.OK
    whole = one(runs([8.0, 8.0, 8.0]), runs([8.0, 8.0, 8.0]))
    assert whole.findings[0].verdict == Verdict.OK  # without variation, the test of quality is decided
    assert (
        whole.findings[1].verdict == Verdict.INCONCLUSIVE
    )  # three runs without a failure are too few to bound the failure rate


def test_the_same_seeds_are_compared_in_pairs() -> None:
    """Values over five decades, each 2% worse: Welch's interval is too wide, that of the pairs is not."""
    wide = [10.0**power for power in (-2, -1, 0, 1, 2, 3)]
    factors = [1.02, 1.03, 1.01, 1.02, 1.03, 1.01]
    worse = [value * factor for value, factor in zip(wide, factors, strict=True)]
    quality = one(runs(wide), runs(worse)).findings[0]
    assert quality.verdict == Verdict.OK
    assert "seed by seed at most 1.0" in quality.reason
    other_seeds = runs(worse).assign(seed=range(10, 16))
    assert one(runs(wide), other_seeds).findings[0].verdict == Verdict.INCONCLUSIVE
    diverged = runs([*worse[:5], math.nan])
    assert one(runs(wide), diverged).findings[0].verdict == Verdict.INCONCLUSIVE  # the missing pair may be the worst


def test_failure_tests_that_cannot_be_significant_are_not_counted() -> None:
    """With one failure in 20 runs the smallest possible p is ½, so Holm's correction counts only tests of quality."""
    baseline = pd.concat([runs(GOOD).assign(loss=f"loss {number}") for number in range(12)])
    outcomes = ["relapsed"] + ["stable"] * 9
    candidate = pd.concat([runs(GOOD[::-1], outcomes).assign(loss=f"loss {number}") for number in range(12)])
    cells = compare_all(baseline, candidate)
    counted = [not math.isnan(finding.p_holm) for cell in cells for finding in cell.findings]
    assert counted == [True, False] * 12
    many = pd.concat([runs(GOOD[::-1], ["relapsed"] * 9 + ["stable"]).assign(loss=f"loss {n}") for n in range(12)])
    assert all(not math.isnan(cell.findings[1].p_holm) for cell in compare_all(baseline, many) if not cell.pooled)


def everywhere(seeds: int, failed: int, cells: int = 6, first: int = 0) -> pd.DataFrame:
    """Return runs of several cells, in each of which ``failed`` runs failed."""
    outcomes = ["diverged"] * failed + ["stable"] * (seeds - failed)
    values = [math.nan if each == "diverged" else value for each, value in zip(outcomes, GOOD, strict=False)]
    frames = [runs(values, outcomes).assign(loss=f"loss {number}") for number in range(cells)]
    return pd.concat(frames).assign(seed=lambda frame: frame["seed"] + first)


def test_failures_in_all_cells_are_detected_with_three_seeds() -> None:
    """Three of three against none: p = 1/64 per cell, not significant in six tests, but all cells together are."""
    cells = compare_all(everywhere(3, 0), everywhere(3, 3, first=10))
    assert [cell.pooled for cell in cells] == [False] * 6 + [True]
    assert overall_verdict(cell.verdict for cell in cells[:6]) == Verdict.INCONCLUSIVE
    assert cells[-1].verdict == Verdict.REGRESSED
    assert cells[-1].name == "all cells together"
    assert "18 of 18 runs failed, baseline 0 of 18" in cells[-1].reason
    few = compare_all(everywhere(3, 0), everywhere(3, 1, first=10), GateOptions(failure_tolerance=0.5))
    assert not any(cell.pooled for cell in few)  # 33 percentage points are tolerated
    assert len(compare_all(everywhere(3, 3), everywhere(3, 0, first=10))) == 6


def test_pooled_failures_are_stratified_by_cell() -> None:
    """Simpson's paradox: the candidate has more runs of the cells that fail, but fails no more often in any cell."""
    baseline = pd.concat([everywhere(10, 9, 3), everywhere(4, 0, 3).assign(loss="sound")])
    candidate = pd.concat([everywhere(4, 3, 3, 20), everywhere(10, 0, 3, 20).assign(loss="sound")])
    assert not any(cell.pooled for cell in compare_all(candidate, baseline))


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), [(3, 20), (20, 3)])
def test_three_seeds_against_twenty_raise_no_more_alarms_than_allowed(one: int, other: int) -> None:
    """Welch's test alone raises an alarm in 10% of these comparisons, twice the allowed rate."""
    generator = np.random.default_rng([one, other])
    found = []
    for _ in range(60):
        baseline, candidate = (simulate(generator, "log-normal", seeds) for seeds in (one, other))
        found.append(
            overall_verdict(
                cell.verdict for cell in compare_all(baseline, candidate.assign(seed=candidate["seed"] + 99))
            )
        )
    assert at_most(found, 0.02)  # measured: 1.5% of 200


def test_effects_of_values_with_a_zero_are_percentages() -> None:
    """Mean modes fall from 8 to 1. A candidate value is 0, so the effect is −88% instead of a factor of 1/8."""
    modes = {"made": ("modes", MEASURES["modes"])}
    frames = [runs(values).rename(columns={"fd_final": "modes_final"}) for values in ([8.0] * 4, [0.0, 0.0, 4.0, 0.0])]
    (cell,) = compare_cells(*frames, ["dataset", "loss"], modes, GateOptions())
    assert cell.findings[0].test.effect.value == pytest.approx(1 / 8)
    assert "modes -88% relative to the baseline's mean absolute value" in cell.reason
    assert "×" not in cell.reason


def test_different_numbers_of_runs_are_reported() -> None:
    survivors = one(runs(GOOD), runs([*GOOD[:3], *[math.nan] * 7], ["stable"] * 3 + ["diverged"] * 7))
    assert "3 runs against 10" in survivors.findings[0].test.describe()


def test_a_paired_bound_beyond_the_tolerance_is_reported() -> None:
    """Negatively correlated pairs: Welch's bound is within the tolerance, that of the pairs is not."""
    up = [1.0, 1.1, 1.2, 1.3]
    quality = one(runs(up), runs(up[::-1])).findings[0]
    assert quality.verdict == Verdict.INCONCLUSIVE
    assert quality.test.degradation.high <= quality.test.margin < quality.test.bound
    assert "seed by seed at most 1.3×, tolerated 1.25×" in quality.reason


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_forecast_for_constant_values_is_the_smallest_number_that_decides(alpha: float) -> None:
    """The smallest p of the permutation test is 1/20 for three against three, and 1/3432 for seven against seven."""
    gate = GateOptions(alpha=alpha, failure_tolerance=0.9)

    def sides(n: int) -> list[pd.DataFrame]:
        return [pd.concat([runs([x] * n).assign(loss=f"loss {cell}") for cell in range(12)]) for x in (1.0, 2.0)]

    few = compare_all(*sides(3), gate)[0].findings[0]
    assert few.verdict == Verdict.INCONCLUSIVE
    assert few.seeds is not None
    assert compare_all(*sides(few.seeds), gate)[0].findings[0].verdict == Verdict.REGRESSED
    assert compare_all(*sides(few.seeds - 1), gate)[0].findings[0].verdict == Verdict.INCONCLUSIVE


def test_the_forecast_number_of_seeds_can_pass_the_permutation_test() -> None:
    """At the 1% level this takes five per side (p = 1/252), however far apart the values are."""
    gate = GateOptions(alpha=0.01)
    few = one(runs(GOOD[:3]), runs([9.0, 9.1, 8.9]), gate).findings[0]
    assert few.verdict == Verdict.INCONCLUSIVE
    assert few.seeds == 5


def test_there_is_no_forecast_if_a_side_has_no_values() -> None:
    gone = runs([math.nan] * 10, ["diverged"] * 10)
    (quality, failures) = one(runs(GOOD), gone).findings
    assert quality.reason == "FD: the candidate has no values to compare"
    assert (quality.verdict, quality.seeds) == (Verdict.INCONCLUSIVE, None)
    assert failures.verdict == Verdict.REGRESSED
    better = one(gone, runs(GOOD))
    assert [finding.test.family for finding in better.findings] == ["failures"]
    assert better.verdict == Verdict.OK


def test_identical_cells_are_not_counted_by_the_correction() -> None:
    """Eleven cells are identical and one is worse: Holm's correction counts only its one test."""
    baseline = pd.concat([runs(GOOD).assign(loss=f"loss {number}") for number in range(12)])
    candidate = pd.concat(
        [baseline[baseline["loss"] != "loss 3"], runs([1.5 * v for v in GOOD[::-1]]).assign(loss="loss 3")]
    )
    found = {cell.axes["loss"]: cell for cell in compare_all(baseline, candidate)}
    (quality, _) = found["loss 3"].findings
    assert quality.p_holm == quality.test.significance.p
    assert quality.tests == 1
    assert all(math.isnan(each.p_holm) for name, cell in found.items() if name != "loss 3" for each in cell.findings)
