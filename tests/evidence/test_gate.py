"""The gate, calibrated on simulated results, and what it says of plain cases."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from bench.catalogue.metrics.measures import MEASURES
from bench.evidence.gate.decision import CellVerdict, Verdict, compare_cells, overall_verdict
from bench.plan.rules import Gate

CELLS = 12
DEVIATION = 0.3  # of the logarithm over seeds; that of the recorded suites of images is 0.02 to 0.5, half below 0.15
FD = {"made": ("fd", MEASURES["fd"])}
Noise = Callable[[np.random.Generator], float]
KINDS: dict[str, tuple[Noise, float]] = {  # noise with a deviation of 1, and how often a run diverges
    "log-normal": (lambda generator: generator.normal(), 0.0),
    "heavy-tailed": (lambda generator: generator.standard_t(3) / math.sqrt(3), 0.0),
    "with failures": (lambda generator: generator.normal(), 0.1),
    "with relapses": (lambda generator: generator.normal(), 0.0),
}
RELAPSING = {"with relapses": 0.5}  # how often a run ends ten times worse, and is said to
PLAIN = [kind for kind in KINDS if kind not in RELAPSING]


def simulate(generator: np.random.Generator, kind: str, seeds: int, factor: float = 1.0) -> pd.DataFrame:
    """Runs of twelve cells, of which the first is worse by a factor."""
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
                    "outcome": "diverged" if failed else "relapsed" if relapsed else "converged",
                    "fd_final": math.nan if failed else 10 * value if relapsed else value,
                }
            )
    return pd.DataFrame(rows)


def compare_all(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: Gate | None = None) -> list[CellVerdict]:
    return compare_cells(baseline, candidate, ["dataset", "loss"], FD, gate or Gate())


def verdicts(kind: str, seeds: int, times: int, factor: float = 1.0) -> list[Verdict]:
    generator = np.random.default_rng([seeds, times, *kind.encode()])
    pairs = ((simulate(generator, kind, seeds), simulate(generator, kind, seeds, factor)) for _ in range(times))
    return [overall_verdict(cell.verdict for cell in compare_all(*pair)) for pair in pairs]


def at_most(found: list[Verdict], share: float) -> bool:
    """Whether a share of REGRESSED is within binomial error of being at most ``share`` (one-sided, 1 %)."""
    alarms = found.count(Verdict.REGRESSED)
    return bool(binomtest(alarms, len(found), share, alternative="greater").pvalue > 0.01)


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_a_against_a_seldom_raises_an_alarm(kind: str, seeds: int) -> None:
    assert at_most(verdicts(kind, seeds, 40), 0.05)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("kind", KINDS)
def test_a_against_a_raises_an_alarm_in_a_twentieth_at_the_most(kind: str, seeds: int) -> None:
    found = verdicts(kind, seeds, 400)
    print(f"{kind}, {seeds} seeds: {found.count(Verdict.REGRESSED)} of {len(found)} comparisons without a difference")
    assert at_most(found, 0.05)


@pytest.mark.slow
def test_a_doubling_is_found_with_ten_seeds() -> None:
    """Within binomial error of 90 %: one-sided, 1 %."""
    found = verdicts("log-normal", 10, 10, factor=2.0).count(Verdict.REGRESSED)
    assert binomtest(found, 10, 0.9, alternative="less").pvalue > 0.01


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", PLAIN)
def test_a_doubling_is_found_with_ten_seeds_in_nine_of_ten(kind: str) -> None:
    found = verdicts(kind, 10, 60, factor=2.0)
    print(f"{kind}, 10 seeds: {found.count(Verdict.REGRESSED)} of {len(found)} doublings found")
    assert found.count(Verdict.REGRESSED) >= 0.9 * len(found)


def test_two_seeds_decide_nothing_and_say_how_many_would() -> None:
    generator = np.random.default_rng(0)
    for factor in (1.0, 2.0, 100.0):
        cells = compare_all(*(simulate(generator, "log-normal", 2, each) for each in (1.0, factor)))
        assert overall_verdict(cell.verdict for cell in cells) == Verdict.INCONCLUSIVE
        for cell in cells:
            assert cell.verdict == Verdict.INCONCLUSIVE
            assert "undecided: only 2 usable runs; at least 3 per side are needed" in cell.reason
            for finding in cell.findings:
                assert finding.seeds is None or finding.seeds >= 3
        assert cells[0].findings[0].seeds is not None
        assert "seeds per side would be needed to show" in cells[0].reason


def test_the_seeds_it_asks_for_are_enough() -> None:
    """Of a doubling with 4 seeds: with as many as were asked for, it is found in about 80 % (the power it aims at)."""
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
    outcomes = outcomes or ["converged"] * len(values)
    return pd.DataFrame(
        {"dataset": "made", "loss": "hinge", "seed": range(len(values)), "outcome": outcomes, "fd_final": values}
    )


def one(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: Gate | None = None) -> CellVerdict:
    (cell,) = compare_all(baseline, candidate, gate)
    return cell


GOOD = [1.0, 1.05, 0.95, 1.02, 0.98, 1.01, 0.99, 1.03, 0.97, 1.0]


def test_what_is_shown_to_be_within_the_tolerance_is_ok() -> None:
    cell = one(runs(GOOD), runs([1.1 * value for value in reversed(GOOD)]))
    assert cell.verdict == Verdict.OK
    (quality, failures) = cell.findings
    assert quality.test.effect.value == pytest.approx(1.1)
    assert quality.test.effect.high < quality.test.tolerated_effect == 1.25
    assert failures.verdict == Verdict.OK
    strict = one(runs(GOOD), runs([1.1 * value for value in reversed(GOOD)]), Gate(tolerance=0.05))
    assert strict.verdict == Verdict.REGRESSED
    assert "after Holm's correction" in strict.reason


def test_a_small_difference_within_the_tolerance_is_no_regression_however_certain() -> None:
    cell = one(runs(GOOD * 5), runs([1.05 * value for value in GOOD * 5]))
    assert cell.findings[0].p_holm < 1e-6
    assert cell.verdict == Verdict.OK


def test_an_improvement_is_ok() -> None:
    cell = one(runs(GOOD), runs([0.3 * value for value in reversed(GOOD)]))
    assert cell.verdict == Verdict.OK
    assert cell.findings[0].test.effect.value == pytest.approx(0.3)


def test_the_same_numbers_are_the_same_whatever_their_spread() -> None:
    wild = [1.0, 300.0, 0.01]
    assert one(runs(wild), runs(wild)).verdict == Verdict.OK
    assert "same values as the baseline, seed by seed" in one(runs(wild), runs(wild)).reason
    assert one(runs(wild), runs([300.0, 1.0, 0.01])).verdict == Verdict.INCONCLUSIVE


def test_more_failures_are_a_regression_of_their_own() -> None:
    outcomes = ["diverged"] * 9 + ["converged"]
    candidate = runs([math.nan] * 9 + [1.0], outcomes)
    cell = one(runs(GOOD), candidate)
    assert cell.verdict == Verdict.REGRESSED
    failures = cell.findings[-1]
    assert failures.verdict == Verdict.REGRESSED
    assert failures.test.counts == (0, 9)
    assert "9 of 10 runs failed, baseline 0 of 10" in cell.reason
    everyone = runs([math.nan] * 10, ["diverged"] * 10)
    assert [each.test.family for each in one(everyone, everyone.iloc[::-1]).findings] == ["failures"]


def test_more_is_better_where_it_is() -> None:
    modes = {"made": ("modes", MEASURES["modes"])}

    def of(values: list[float]) -> pd.DataFrame:
        return runs(values).rename(columns={"fd_final": "modes_final"})

    full, half = [8.0, 8.0, 8.0, 8.0, 7.0], [4.0, 4.0, 5.0, 4.0, 4.0]
    (worse,) = compare_cells(of(full), of(half), ["dataset", "loss"], modes, Gate())
    assert worse.verdict == Verdict.REGRESSED
    effect = worse.findings[0].test.effect
    assert effect.value == pytest.approx(np.exp(np.log(half).mean() - np.log(full).mean()))
    assert effect.low < effect.value < effect.high
    assert worse.findings[0].test.tolerated_effect == pytest.approx(1 / 1.25)
    (better,) = compare_cells(of(half), of(full), ["dataset", "loss"], modes, Gate(failure_tolerance=0.5))
    assert better.findings[0].verdict == Verdict.OK


def test_values_that_are_not_positive_are_compared_as_they_are() -> None:
    """Shares of the mean size of all: 0.5 against −0.5 is two times that size apart."""
    (quality, _) = one(runs([0.5, 0.4, 0.6]), runs([-0.5, -0.4, -0.6])).findings
    assert not quality.test.logarithmic
    assert quality.test.degradation.value == pytest.approx(-2.0)
    zeros = one(runs([0.0, 0.0, 0.0]), runs([0.0, 0.0, 0.0]))
    assert zeros.findings[0].verdict == Verdict.OK


def test_a_cell_that_is_gone_is_not_ok() -> None:
    both = pd.concat([runs(GOOD), runs(GOOD).assign(loss="minimax")])
    cells = compare_all(both, runs(GOOD))
    assert [cell.verdict for cell in cells] == [Verdict.OK, Verdict.INCONCLUSIVE]
    assert "the candidate has no runs of this cell" in cells[1].reason
    assert overall_verdict(cell.verdict for cell in cells) == Verdict.INCONCLUSIVE


def test_over_all_the_worst_counts() -> None:
    ok, open_, worse = Verdict.OK, Verdict.INCONCLUSIVE, Verdict.REGRESSED
    assert overall_verdict([ok, ok]) == ok
    assert overall_verdict([ok, open_]) == open_
    assert overall_verdict([open_, worse, ok]) == worse
    assert overall_verdict([]) == open_


def test_numbers_up_to_rounding_are_the_same_and_whole_numbers_are_not() -> None:
    wild = [1.5, 300.0, 0.01]
    rounded = one(runs(wild), runs([value * 1.005 for value in wild]))
    assert rounded.verdict == Verdict.OK
    assert one(runs(wild), runs([value * 1.005 for value in wild]), Gate(tolerance=0.001)).verdict != Verdict.OK
    whole = one(runs([8.0, 8.0, 8.0]), runs([8.0, 8.0, 8.0]))
    assert whole.findings[0].verdict == Verdict.OK  # they do not vary: shown by themselves
    assert whole.findings[1].verdict == Verdict.INCONCLUSIVE  # three seeds without a failure show little


def test_the_same_seeds_are_bound_pair_by_pair() -> None:
    """Values that spread over five decades, each 2 % worse: not to be told by Welch, plain seed by seed."""
    wide = [10.0**power for power in (-2, -1, 0, 1, 2, 3)]
    factors = [1.02, 1.03, 1.01, 1.02, 1.03, 1.01]
    worse = [value * factor for value, factor in zip(wide, factors, strict=True)]
    quality = one(runs(wide), runs(worse)).findings[0]
    assert quality.verdict == Verdict.OK
    assert "seed by seed at most 1.0" in quality.reason
    other_seeds = runs(worse).assign(seed=range(10, 16))
    assert one(runs(wide), other_seeds).findings[0].verdict == Verdict.INCONCLUSIVE
    diverged = runs([*worse[:5], math.nan])
    assert (
        one(runs(wide), diverged).findings[0].verdict == Verdict.INCONCLUSIVE
    )  # the pair that is gone may be the worst


def test_failures_too_few_to_matter_cost_the_others_nothing() -> None:
    """One failure in ten and ten: the smallest p it could have given is ½, so Holm counts the values alone."""
    baseline = pd.concat([runs(GOOD).assign(loss=f"loss {number}") for number in range(12)])
    outcomes = ["relapsed"] + ["converged"] * 9
    candidate = pd.concat([runs(GOOD[::-1], outcomes).assign(loss=f"loss {number}") for number in range(12)])
    cells = compare_all(baseline, candidate)
    counted = [not math.isnan(finding.p_holm) for cell in cells for finding in cell.findings]
    assert counted == [True, False] * 12
    many = pd.concat([runs(GOOD[::-1], ["relapsed"] * 9 + ["converged"]).assign(loss=f"loss {n}") for n in range(12)])
    assert all(not math.isnan(cell.findings[1].p_holm) for cell in compare_all(baseline, many) if not cell.pooled)


def everywhere(seeds: int, failed: int, cells: int = 6, first: int = 0) -> pd.DataFrame:
    """Cells of which so many runs failed."""
    outcomes = ["diverged"] * failed + ["converged"] * (seeds - failed)
    values = [math.nan if each == "diverged" else value for each, value in zip(outcomes, GOOD, strict=False)]
    frames = [runs(values, outcomes).assign(loss=f"loss {number}") for number in range(cells)]
    return pd.concat(frames).assign(seed=lambda frame: frame["seed"] + first)


def test_a_code_that_breaks_everywhere_is_found_with_three_seeds() -> None:
    """Three of three against none: p = 1/64 for a cell, too much for six of them, not for all together."""
    cells = compare_all(everywhere(3, 0), everywhere(3, 3, first=10))
    assert [cell.pooled for cell in cells] == [False] * 6 + [True]
    assert overall_verdict(cell.verdict for cell in cells[:6]) == Verdict.INCONCLUSIVE
    assert cells[-1].verdict == Verdict.REGRESSED
    assert cells[-1].name == "all cells together"
    assert "18 of 18 runs failed, baseline 0 of 18" in cells[-1].reason
    few = compare_all(everywhere(3, 0), everywhere(3, 1, first=10), Gate(failure_tolerance=0.5))
    assert not any(cell.pooled for cell in few)  # 33 points, which are tolerated
    assert len(compare_all(everywhere(3, 3), everywhere(3, 0, first=10))) == 6


def test_cells_that_fail_differently_are_no_regression_together() -> None:
    """Simpson: the candidate has more runs of the cells that fail, and fails no more often in any of them."""
    baseline = pd.concat([everywhere(10, 9, 3), everywhere(4, 0, 3).assign(loss="sound")])
    candidate = pd.concat([everywhere(4, 3, 3, 20), everywhere(10, 0, 3, 20).assign(loss="sound")])
    assert not any(cell.pooled for cell in compare_all(candidate, baseline))


@pytest.mark.parametrize(("one", "other"), [(3, 20), (20, 3)])
def test_three_seeds_against_twenty_raise_no_more_alarms(one: int, other: int) -> None:
    """Welch's test alone raises one in 10 % of such comparisons, twice what it may."""
    generator = np.random.default_rng([one, other])
    found = []
    for _ in range(60):
        baseline, candidate = (simulate(generator, "log-normal", seeds) for seeds in (one, other))
        found.append(
            overall_verdict(
                cell.verdict for cell in compare_all(baseline, candidate.assign(seed=candidate["seed"] + 99))
            )
        )
    assert at_most(found, 0.02)  # measured: 1.5 % of 200


def test_values_with_a_zero_are_told_in_percent_of_the_baseline() -> None:
    """Of modes 8 and then 1 a factor would be 1/8; where a value is 0 it is told as −88 % of the baseline's size."""
    modes = {"made": ("modes", MEASURES["modes"])}
    frames = [runs(values).rename(columns={"fd_final": "modes_final"}) for values in ([8.0] * 4, [0.0, 0.0, 4.0, 0.0])]
    (cell,) = compare_cells(*frames, ["dataset", "loss"], modes, Gate())
    assert cell.findings[0].test.effect.value == pytest.approx(1 / 8)
    assert "modes -88% relative to the baseline's mean absolute value" in cell.reason
    assert "×" not in cell.reason


def test_numbers_of_runs_that_differ_are_told() -> None:
    survivors = one(runs(GOOD), runs([*GOOD[:3], *[math.nan] * 7], ["converged"] * 3 + ["diverged"] * 7))
    assert "3 runs against 10" in survivors.findings[0].test.describe()


def test_a_bound_seed_by_seed_that_is_beyond_the_tolerance_is_told() -> None:
    """Pairs that go against each other: Welch's bound is within the tolerance, that of the pairs is not."""
    up = [1.0, 1.1, 1.2, 1.3]
    quality = one(runs(up), runs(up[::-1])).findings[0]
    assert quality.verdict == Verdict.INCONCLUSIVE
    assert quality.test.degradation.high <= quality.test.margin < quality.test.bound
    assert "seed by seed at most 1.3×, tolerated 1.25×" in quality.reason


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_seeds_asked_of_values_that_do_not_vary_do_decide(alpha: float) -> None:
    """Of three against three the smallest p of all splits is 1/20; of seven against seven 1/3432."""
    gate = Gate(alpha=alpha, failure_tolerance=0.9)

    def sides(n: int) -> list[pd.DataFrame]:
        return [pd.concat([runs([x] * n).assign(loss=f"loss {cell}") for cell in range(12)]) for x in (1.0, 2.0)]

    few = compare_all(*sides(3), gate)[0].findings[0]
    assert few.verdict == Verdict.INCONCLUSIVE
    assert few.seeds is not None
    assert compare_all(*sides(few.seeds), gate)[0].findings[0].verdict == Verdict.REGRESSED
    assert compare_all(*sides(few.seeds - 1), gate)[0].findings[0].verdict == Verdict.INCONCLUSIVE


def test_the_seeds_asked_for_can_pass_the_permutation_test() -> None:
    """At 1 % not before five a side, 1/252, however far apart the values are."""
    gate = Gate(alpha=0.01)
    few = one(runs(GOOD[:3]), runs([9.0, 9.1, 8.9]), gate).findings[0]
    assert few.verdict == Verdict.INCONCLUSIVE
    assert few.seeds == 5


def test_where_one_side_has_no_values_no_number_of_seeds_is_named() -> None:
    gone = runs([math.nan] * 10, ["diverged"] * 10)
    (quality, failures) = one(runs(GOOD), gone).findings
    assert quality.reason == "FD: the candidate has no values to compare"
    assert (quality.verdict, quality.seeds) == (Verdict.INCONCLUSIVE, None)
    assert failures.verdict == Verdict.REGRESSED
    better = one(gone, runs(GOOD))
    assert [finding.test.family for finding in better.findings] == ["failures"]
    assert better.verdict == Verdict.OK


def test_cells_that_did_not_change_cost_the_others_nothing() -> None:
    """Eleven cells with the same numbers and one that is worse: Holm counts its one test alone."""
    baseline = pd.concat([runs(GOOD).assign(loss=f"loss {number}") for number in range(12)])
    candidate = pd.concat(
        [baseline[baseline["loss"] != "loss 3"], runs([1.5 * v for v in GOOD[::-1]]).assign(loss="loss 3")]
    )
    found = {cell.axes["loss"]: cell for cell in compare_all(baseline, candidate)}
    (quality, _) = found["loss 3"].findings
    assert quality.p_holm == quality.test.significance.p
    assert "for 1 test" in quality.reason
    assert all(math.isnan(each.p_holm) for name, cell in found.items() if name != "loss 3" for each in cell.findings)
