"""The values that measures can have; others are refused in results of other code."""

from __future__ import annotations

import math
from typing import NamedTuple


class Range(NamedTuple):
    """The values that a measure can have. NaN and infinity are always possible: they tell of a failure.

    Attributes:
        least: The smallest value.
        most: The largest value.
        slack: How far outside a value can be by rounding, or because it is an estimate.
    """

    least: float = -math.inf
    most: float = math.inf
    slack: float = 1e-6

    def holds(self, value: float) -> bool:
        """Return whether a value is possible."""
        return not math.isfinite(value) or self.least - self.slack <= value <= self.most + self.slack


ANY = Range()
SHARE, NOT_NEGATIVE = Range(0, 1), Range(0)
DIFFERENCE = Range(-1, 1)  # of two shares
FRECHET = Range(0, slack=0.01)  # the root of a product of covariances is rounded
KERNEL = Range(0, slack=0.1)  # the unbiased estimate of a KID of 0 is negative as often as positive
