"""Statistics against hand calculations, closed forms and simulations."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bench.evidence.statistics import (
    boschloo,
    difference,
    expected_best,
    failures_as_worst,
    geometric_mean,
    holm,
    mantel_haenszel,
    newcombe_interval,
    performance_profile,
    permutation,
    permutations,
    probability_better,
    rank_over_blocks,
    seeds_to_bound,
    seeds_to_show,
    split_noise,
    student,
    t_interval,
    time_to_threshold,
    welch,
    wilson_interval,
)


def test_t_interval_by_hand() -> None:
    """t₂ at 97.5% is 4.302653; s of 1, 2, 3 is 1: 4.302653 / √3 (any table of Student's t)."""
    interval = t_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2
    assert interval.half_width == pytest.approx(4.302653 / 3**0.5, abs=1e-6)
    assert t_interval([1.0, float("nan"), 3.0]).n == 2
    assert np.isnan(t_interval([4.0]).half_width)
    assert np.isnan(t_interval([]).mean)


def test_geometric_mean_by_hand() -> None:
    """Logarithms to base e of e⁰, e¹, e²: mean 1, s 1."""
    found = geometric_mean(np.exp([0.0, 1.0, 2.0]))
    assert found.value == pytest.approx(math.e)
    assert found.high == pytest.approx(math.exp(1 + 4.302653 / 3**0.5), rel=1e-6)
    assert found.low * found.high == pytest.approx(math.e**2)
    assert math.isnan(geometric_mean([1.0, 0.0]).value)
    assert math.isnan(geometric_mean([1.0, -1.0, 2.0]).value)
    assert geometric_mean([2.0]).value == pytest.approx(2)
    assert math.isnan(geometric_mean([2.0]).low)
    bounded = geometric_mean(np.exp([0.0, 1.0, 2.0]), most=5.0)  # no distance is larger
    assert (bounded.value, bounded.low, bounded.high) == (found.value, found.low, 5.0)
    assert math.isnan(geometric_mean([2.0], most=5.0).high)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_of_cells_have_their_nominal_coverage(n: int) -> None:
    """4,000 log-normal cells with a deviation of 1; 93% is nearly six standard errors (0.34%) below 95%."""
    logs = np.random.default_rng(n).normal(2.0, 1.0, size=(4000, n))
    found = [geometric_mean(np.exp(values)) for values in logs]
    assert np.mean([each.low <= math.exp(2.0) <= each.high for each in found]) >= 0.93
    plain = [t_interval(np.exp(values)) for values in logs]
    covered = np.mean([abs(each.mean - math.exp(2.5)) <= each.half_width for each in plain])
    assert 0.80 <= covered <= 0.86  # of the mean e^(µ + σ²/2): the reason for geometric means of distances


def test_wilson_by_hand() -> None:
    """(p̂ + z²/2n ± z √(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n) with z = 1.959964."""
    z, p, n = 1.959964, 0.7, 10
    centre, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    expected = [(centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)]
    assert list(wilson_interval(7, 10)) == pytest.approx(expected, abs=1e-6)
    assert wilson_interval(0, 5)[0] == 0
    assert wilson_interval(5, 5)[1] == pytest.approx(1)


def test_newcombe_by_hand() -> None:
    """Method 10: d ± √((p₁ − l₁)² + (u₂ − p₂)²) with the ends of Wilson's intervals (Newcombe 1998, eq. 10)."""
    (low_a, high_a), (low_b, high_b) = wilson_interval(7, 10, 0.9), wilson_interval(3, 12, 0.9)
    found = newcombe_interval(7, 10, 3, 12, 0.9)
    d = 0.7 - 0.25
    assert found.value == pytest.approx(d)
    assert found.low == pytest.approx(d - math.hypot(0.7 - low_a, high_b - 0.25), abs=1e-9)
    assert found.high == pytest.approx(d + math.hypot(high_a - 0.7, 0.25 - low_b), abs=1e-9)


def test_welch_by_hand() -> None:
    """1, 2, 3 against 2, 4, 6: t = −2 / √(1/3 + 4/3) = −1.549193, ν = (5/3)² / (1/18 + 16/18) = 50/17."""
    from scipy.stats import t

    test = welch([1, 2, 3], [2, 4, 6])
    assert test.p == pytest.approx(2 * t.sf(2 / math.sqrt(5 / 3), 50 / 17), rel=1e-9)
    assert welch([1, 2, 3], [2, 4, 6], "less").p == pytest.approx(test.p / 2)
    assert welch([1, 2, 3], [2, 4, 6], "greater").p == pytest.approx(1 - test.p / 2)
    assert math.isnan(welch([1], [2, 3]).p)


@pytest.mark.filterwarnings("error")
def test_constant_cells_are_tested_by_permutation() -> None:
    assert welch([1, 1, 1], [2, 2, 2], "less") == permutation([1, 1, 1], [2, 2, 2], "less")
    assert welch([1, 1, 1], [2, 2, 2]).p == pytest.approx(2 / math.comb(6, 3))
    assert welch([1, 1, 1], [2, 2, 2], "greater").p == 1
    assert welch([1, 1], [1, 1]).p == 1
    assert welch([10, 10, 10], [9, 9, 9.5]).p < 0.1
    assert difference([1, 1], [3, 3])[:3] == (-2, -2, -2)


def naive_permutation(a: list[float], b: list[float]) -> float:
    """One-sided, a below b: the share of all splits whose difference of means is at most as large."""
    pooled, total = [*a, *b], sum(a) + sum(b)

    def gap(chosen: tuple[int, ...]) -> float:
        first = sum(pooled[i] for i in chosen)
        return first / len(a) - (total - first) / len(b)

    splits = list(combinations(range(len(pooled)), len(a)))
    return float(np.mean([gap(split) <= gap(tuple(range(len(a)))) + 1e-12 for split in splits]))


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=5), st.lists(st.integers(-5, 5), min_size=2, max_size=5))
def test_the_permutation_test_enumerates_all_splits(a: list[int], b: list[int]) -> None:
    first, second = [float(x) for x in a], [float(x) for x in b]
    test = permutation(first, second, "less")
    assert test.p == pytest.approx(naive_permutation(first, second))
    assert test.smallest == pytest.approx(1 / math.comb(len(a) + len(b), len(a)))
    assert test.p >= test.smallest - 1e-12


def test_many_permutation_tests_give_what_each_gives_alone() -> None:
    """Exact and sampled tests, of several sizes, with missing values, and more pairs than are computed at once."""
    generator = np.random.default_rng(0)
    sizes = [(3, 3), (5, 4), (10, 10), (0, 3), (3, 3)] * 14
    pairs = [(generator.normal(size=n), generator.normal(size=m)) for n, m in sizes]
    pairs[2][0][0] = math.nan
    found = permutations(pairs, "greater", 500)
    assert found == [permutation(a, b, "greater", 500) for a, b in pairs]
    assert found[3] == (pytest.approx(math.nan, nan_ok=True),) * 2


def test_the_smallest_possible_p() -> None:
    """For 3 against 3 seeds it is 1/20 one-sided and 1/10 two-sided, so a two-sided 5% test cannot detect anything."""
    test = permutation([1, 2, 3], [7, 8, 9])
    assert test.p == pytest.approx(0.1)
    assert not test.detects(0.05)
    assert permutation([1, 2, 3], [7, 8, 9], "less").detects(0.05)
    assert boschloo(0, 3, 3, 3, "less").p == pytest.approx(1 / 64)  # (½)⁶, at the least favourable rate ½
    assert boschloo(0, 3, 3, 3, "less").smallest == boschloo(0, 3, 3, 3, "less").p
    assert not boschloo(0, 2, 1, 2, "less").detects(0.05)  # the most extreme table gives (½)⁴ = 1/16
    assert boschloo(0, 5, 0, 5).p == 1
    with pytest.raises(ValueError, match="are not rates"):
        boschloo(4, 3, 0, 3)


@settings(max_examples=20, deadline=None)  # statsmodels runs the garbage collector in every call
@given(st.lists(st.floats(0, 1) | st.just(math.nan), min_size=1, max_size=12))
def test_holm_equals_that_of_statsmodels(ps: list[float]) -> None:
    present = [p for p in ps if not math.isnan(p)]
    adjusted = holm(ps)
    assert np.isnan(adjusted).tolist() == [math.isnan(p) for p in ps]
    if present:
        expected = multipletests(present, method="holm")[1]
        assert adjusted[~np.isnan(adjusted)] == pytest.approx(expected)


def test_holm_by_hand() -> None:
    """0.01 · 3, 0.02 · 2, 0.03 · 1 raised to 0.04."""
    assert holm([0.03, 0.01, 0.02]).tolist() == pytest.approx([0.04, 0.03, 0.04])


def test_failed_runs_take_the_worst_rank() -> None:
    runs = pd.DataFrame(
        {"outcome": ["stable", "relapsed", "stable", "diverged"], "fd_final": [1.0, 0.5, 2.0, math.nan]}
    )
    assert failures_as_worst(runs, "fd_final", False).tolist() == [1, math.inf, 2, math.inf]
    assert failures_as_worst(runs, "fd_final", True).tolist() == [1, -math.inf, 2, -math.inf]
    better = probability_better(failures_as_worst(runs, "fd_final", False), [1.5, math.inf], False)
    # of 8 pairs 1 < 1.5, 1 < ∞, 2 < ∞ are won, two pairs of failures count half
    assert better == pytest.approx((3 + 2 * 0.5) / 8)
    assert probability_better([1, 2], [1, 2], True) == 0.5


def test_the_expected_best_of_k_is_the_mean_over_all_draws() -> None:
    values = [3.0, 1.0, 4.0, 1.5, 9.0]
    for k in range(1, 6):
        draws = list(combinations(values, k))
        assert expected_best(values, k, False) == pytest.approx(np.mean([min(draw) for draw in draws]))
        assert expected_best(values, k, True) == pytest.approx(np.mean([max(draw) for draw in draws]))
    assert math.isnan(expected_best(values, 6, False))
    assert expected_best([1.0, math.inf, math.inf], 3, False) == 1
    assert expected_best([1.0, math.inf, math.inf], 2, False) == math.inf


def test_time_to_threshold_by_hand() -> None:
    """Kaplan–Meier of 1, 2, 3 (censored), 4, 5 (censored): 0.8, 0.6, then 0.6 · ½ = 0.3 at 4: the median is 4."""
    found = time_to_threshold([1, 2, 3, 4, 5], [True, True, False, True, False])
    assert (found.median, found.reached, found.n) == (4, 3, 5)
    never = time_to_threshold([5, 5], [False, False])
    assert (never.median, never.high, never.reached) == (math.inf, math.inf, 0)
    assert time_to_threshold([1, 9, 9, 9], [True, False, False, False]).median == math.inf
    assert time_to_threshold([1, 2, 9, 9], [True, True, False, False]).median == 2  # exactly half of them


def test_a_profile_is_the_share_within_each_factor() -> None:
    profile = performance_profile([1.0, 1.5, math.inf, math.nan], [1, 1.5, 1e9])
    assert profile.tolist() == [0.25, 0.5, 0.5]


def test_ranks_over_blocks_by_hand() -> None:
    """Three treatments in the same order in four blocks: χ² = 12/(4·3·4) · (16 + 64 + 144) − 3·4·4 = 8, 2 degrees."""
    values = {block: {"a": 1.0 + block, "b": 2.0 + block, "c": math.inf} for block in range(4)}
    found = rank_over_blocks(values, higher_is_better=False)
    assert found.mean == {"a": 1, "b": 2, "c": 3}
    assert found.test.p == pytest.approx(math.exp(-4))  # the χ² distribution with 2 degrees is exponential
    assert found.test.smallest == pytest.approx(found.test.p)
    two = rank_over_blocks({0: {"a": 1.0, "b": 2.0}, 1: {"a": 3.0, "b": 1.0}}, False)
    assert math.isnan(two.test.p)
    lacking = {**values, 4: {"a": 3.0, "b": math.nan, "c": 1.0}}
    assert rank_over_blocks(lacking, False).blocks == 4


def test_noise_is_split_into_seeds_and_samples() -> None:
    """20,000 runs with a deviation of 2 over seeds and 0.5 over samples: standard errors are about 0.5%."""
    generator = np.random.default_rng(0)
    seeds = generator.normal(0, 2, 20_000)
    first, again = (seeds + generator.normal(0, 0.5, 20_000) for _ in range(2))
    found = split_noise(first, again)
    assert found.seeds == pytest.approx(2, rel=0.02)
    assert found.sampling == pytest.approx(0.5, rel=0.02)
    assert split_noise([1.0, 2.0], [2.0, 1.0]).seeds == 0  # a negative estimate becomes 0
    assert math.isnan(split_noise([1.0], [1.0]).seeds)


def test_seeds_to_show_give_80_percent_power() -> None:
    n = seeds_to_show(1.0, 1.0, 0.05)
    assert n == 14  # Cohen 1988, table 2.3.2: d = 1, one-sided 5%, power 0.8
    generator = np.random.default_rng(1)
    found = [welch(generator.normal(1, 1, n), generator.normal(0, 1, n), "greater").p <= 0.05 for _ in range(1500)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)
    assert seeds_to_show(0.0, 1.0, 0.05) is None
    assert seeds_to_show(1e-4, 1.0, 0.05) is None


def test_seeds_to_bound_is_the_smallest_sufficient_number() -> None:
    n = seeds_to_bound(0.0, 0.0, 0.25, 0.9)
    assert n is not None
    assert newcombe_interval(0, n, 0, n, 0.9).high <= 0.25 < newcombe_interval(0, n - 1, 0, n - 1, 0.9).high
    assert seeds_to_bound(0.5, 0.2, 0.25, 0.9) is None


def test_students_test_equals_scipys_and_welchs_for_equal_sizes_and_variances() -> None:
    a, b = [1.0, 2.0, 4.0], [2.0, 3.0, 5.0, 9.0]
    assert student(a, b, "less").p == pytest.approx(stats.ttest_ind(a, b, alternative="less").pvalue)
    assert student([1, 2, 3], [2, 3, 4]).p == pytest.approx(welch([1, 2, 3], [2, 3, 4]).p)
    assert math.isnan(student([1.0], b).p)


def test_mantel_haenszel_by_hand_and_without_information() -> None:
    """Two strata of 3 of 3 against 0 of 3: excess 2 · 1.5, variance 2 · 3 · 3 · 3 · 3 / (36 · 5) = 0.9."""
    found = mantel_haenszel([(3, 3, 0, 3)] * 2)
    assert found.p == found.smallest == pytest.approx(stats.norm.sf((3 - 0.5) / math.sqrt(0.9)))
    assert mantel_haenszel([(0, 3, 3, 3)] * 2).p == 1
    assert mantel_haenszel([(1, 3, 2, 3)] * 2).smallest == found.p
    assert mantel_haenszel([(3, 3, 0, 3), (0, 5, 0, 5), (5, 5, 5, 5)]).p == mantel_haenszel([(3, 3, 0, 3)]).p
    assert math.isnan(mantel_haenszel([(0, 3, 0, 3), (3, 3, 3, 3)]).p)


def test_mantel_haenszel_keeps_its_level_with_few_failures() -> None:
    """12 cells with 3 runs per side and failure rates of 5 to 50%: p ≤ 0.05 in at most 5% of comparisons."""
    rates = np.linspace(0.05, 0.5, 12)
    counts = np.random.default_rng(0).binomial(3, rates, (300, 2, 12))
    ps = [mantel_haenszel([(int(a), 3, int(b), 3) for a, b in zip(*each, strict=True)]).p for each in counts]
    assert np.mean([p <= 0.05 for p in ps]) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)
