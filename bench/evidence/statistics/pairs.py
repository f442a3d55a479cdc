"""Tests of pairs of runs that share a seed."""

from __future__ import annotations

from scipy import stats

from bench.evidence.statistics.significance import NO_TEST, Significance


def mcnemar(worse: int, better: int) -> Significance:
    """Run McNemar's exact one-sided test of paired outcomes (1947).

    It is the sign test of the pairs whose outcomes differ. It holds its level however strongly the two runs of a pair
    are correlated. The smallest possible p is that of the same number of such pairs, all of them worse; without such
    pairs there is no test.

    Args:
        worse: Number of pairs in which only the candidate failed.
        better: Number of pairs in which only the baseline failed.
    """
    if not worse + better:
        return NO_TEST
    p = stats.binomtest(worse, worse + better, alternative="greater").pvalue
    return Significance(float(p), 0.5 ** (worse + better))
