"""Whether a run that never learned was still on its way when it ended, and may only need more steps."""

from __future__ import annotations

from bench.evidence.primary_measure import PrimaryCurve

IMPROVEMENT = 0.05  # of the way from the untrained generator to real data, in logarithms for positive distances


def still_improving(curve: PrimaryCurve) -> bool:
    """Return whether the best value came closer to real data by ``IMPROVEMENT`` of the way during the last third.

    False if there is no such way, or no value before the last third of the steps.
    """
    remaining = curve.remaining(curve.best)
    if remaining is None:
        return False
    before = remaining[3 * curve.steps <= 2 * curve.steps[-1]]
    return len(before) > 0 and bool(before[-1] - remaining[-1] >= IMPROVEMENT)
