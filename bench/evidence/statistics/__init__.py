"""Intervals, tests and corrections. scipy and statsmodels do the work; here is what each is for and where it ends.

One convention: values of one cell, one a run, NaN where a run has none. What knows of failures takes a frame of runs as
``bench.load`` gives it, one row a run, whose column ``outcome`` is "converged" or the reason of a failure.
"""

from __future__ import annotations

from bench.evidence.statistics.intervals import (
    Bounds,
    Interval,
    difference,
    exponential,
    geometric_mean,
    known,
    newcombe_interval,
    ratio_of_geometric_means,
    t_interval,
    wilson_interval,
)
from bench.evidence.statistics.significance import (
    EXACT,
    NO_TEST,
    Alternative,
    Ranks,
    Significance,
    boschloo,
    holm,
    mantel_haenszel,
    permutation,
    rank_over_blocks,
    seeds_to_bound,
    seeds_to_show,
    student,
    welch,
)
from bench.evidence.statistics.summaries import (
    Noise,
    Reach,
    expected_best,
    performance_profile,
    probability_better,
    tell_noise_apart,
    time_to_threshold,
    worst_ranked,
)

__all__ = [
    "EXACT",
    "NO_TEST",
    "Alternative",
    "Bounds",
    "Interval",
    "Noise",
    "Ranks",
    "Reach",
    "Significance",
    "boschloo",
    "difference",
    "expected_best",
    "exponential",
    "geometric_mean",
    "holm",
    "known",
    "mantel_haenszel",
    "newcombe_interval",
    "performance_profile",
    "permutation",
    "probability_better",
    "rank_over_blocks",
    "ratio_of_geometric_means",
    "seeds_to_bound",
    "seeds_to_show",
    "student",
    "t_interval",
    "tell_noise_apart",
    "time_to_threshold",
    "welch",
    "wilson_interval",
    "worst_ranked",
]
