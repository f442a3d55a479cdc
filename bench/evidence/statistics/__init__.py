"""Confidence intervals, tests and corrections, based on scipy and statsmodels.

Functions take the values of one cell, one per run, with NaN for a run without a value. Functions that depend on
failures take a frame of runs as ``bench.load`` returns it: one row per run, and a column ``outcome`` that is
"stable" or names the failure.
"""

from __future__ import annotations

from bench.evidence.statistics.intervals import (
    Bounds,
    Interval,
    bounded_mean,
    difference,
    drop_missing,
    exponential,
    geometric_mean,
    newcombe_interval,
    t_interval,
    wilson_interval,
)
from bench.evidence.statistics.pairs import mcnemar
from bench.evidence.statistics.permutation_tests import EXACT, permutation, permutations
from bench.evidence.statistics.significance import (
    NO_TEST,
    Alternative,
    Ranks,
    Significance,
    boschloo,
    holm,
    mantel_haenszel,
    rank_over_blocks,
    seeds_to_bound,
    seeds_to_show,
    student,
    welch,
)
from bench.evidence.statistics.summaries import (
    NoiseSplit,
    TimeToThreshold,
    expected_best,
    failures_as_worst,
    performance_profile,
    probability_better,
    split_noise,
    time_to_threshold,
)

__all__ = [
    "EXACT",
    "NO_TEST",
    "Alternative",
    "Bounds",
    "Interval",
    "NoiseSplit",
    "Ranks",
    "Significance",
    "TimeToThreshold",
    "boschloo",
    "bounded_mean",
    "difference",
    "drop_missing",
    "expected_best",
    "exponential",
    "failures_as_worst",
    "geometric_mean",
    "holm",
    "mantel_haenszel",
    "mcnemar",
    "newcombe_interval",
    "performance_profile",
    "permutation",
    "permutations",
    "probability_better",
    "rank_over_blocks",
    "seeds_to_bound",
    "seeds_to_show",
    "split_noise",
    "student",
    "t_interval",
    "time_to_threshold",
    "welch",
    "wilson_interval",
]
