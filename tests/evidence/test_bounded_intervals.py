"""Intervals of bounded measures stay within their bounds, and cover the mean."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.evidence.measure_bounds import measure_bounds
from bench.evidence.results import read_evidence
from bench.evidence.statistics import bounded_mean, t_interval
from bench.report.tables import Layout, format_table
from bench.report.tables.layout import lay_out

RESULTS = Path(__file__).parents[2] / "results"


def test_it_is_a_score_interval() -> None:
    """Its ends μ solve (m − μ)² = h² · v(μ) / v(m) with v(μ) = (μ − a)(b − μ), where m ± h is the t interval."""
    values, least, most = [9.0, 10.0, 4.0, 8.0], 0.0, 10.0
    mean, half, _ = t_interval(values)
    for end in bounded_mean(values, least, most)[1:3]:
        ratio = end * (most - end) / (mean * (most - mean))
        assert (mean - end) ** 2 == pytest.approx(half**2 * ratio)
    for end in bounded_mean([0.2, 0.4, 0.9], 0, math.inf)[1:3]:  # v(μ) = μ
        assert (0.5 - end) ** 2 == pytest.approx(t_interval([0.2, 0.4, 0.9]).half_width ** 2 * end / 0.5)


@given(st.lists(st.floats(0, 10), min_size=2, max_size=12))
def test_it_stays_within_the_bounds_and_holds_the_mean(values: list[float]) -> None:
    for most in (10.0, math.inf):
        mean, low, high, _ = bounded_mean(values, 0, most)
        if not 0 < mean < 10 or np.ptp(values) == 0:
            assert (low, high) == pytest.approx((mean, mean))
            continue
        assert 0 <= low <= mean * (1 + 1e-9)
        assert mean * (1 - 1e-9) <= high <= most


def test_without_bounds_or_beyond_them_it_is_the_t_interval() -> None:
    values = [0.3, -0.1, 0.4]
    mean, half, _ = t_interval(values)
    for least in (-math.inf, 0.0):
        assert bounded_mean(values, least, math.inf) == (mean, mean - half, mean + half, 3)
    assert math.isnan(bounded_mean([1.0], 0, 1).low)


@pytest.mark.parametrize("n", [3, 5, 10])
def test_it_covers_the_mean_more_often_than_the_t_interval(n: int) -> None:
    """Beta(9, 1), as of recall near 1: the t interval covers 90 to 92%."""
    draws = np.random.default_rng(0).beta(9, 1, (1500, n))
    bounds = [bounded_mean(values, 0, 1) for values in draws]
    plain = [t_interval(values) for values in draws]
    covered = np.mean([low <= 0.9 <= high for _, low, high, _ in bounds])
    assert covered >= 0.92
    assert covered > np.mean([abs(mean - 0.9) <= half for mean, half, _ in plain])
    assert max(high for _, _, high, _ in bounds) <= 1


def test_modes_and_shares_have_intervals_within_their_bounds() -> None:
    ring = read_evidence(RESULTS / "ring")
    assert measure_bounds(ring, ring.runs, "modes") == (0, 8)
    assert measure_bounds(ring, ring.runs, "recall") == (0, 1)
    assert measure_bounds(ring, ring.runs, "kid") == (-math.inf, math.inf)
    assert measure_bounds(ring, ring.runs, "density") == (0, math.inf)
    (table,) = lay_out(ring, Layout(measures=("modes",), values="final"))
    row = format_table(ring, table).set_index(["loss", "penalty"]).loc[("minimax", "none")]
    assert row["modes final"].startswith("5.5 [")
    low, high = map(float, row["modes final"].split("[")[1].strip("]").split(","))
    assert 2 < low < 5.5 < high <= 8
    full = format_table(ring, table).set_index(["loss", "penalty"]).loc[("minimax", "r1")]
    assert full["modes final"] == "8.0 [8.0, 8.0]"
