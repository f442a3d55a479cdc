"""Values that results of other code cannot have, such as a precision of 93, and steps too large to count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.catalogue.metrics.measures import SHARE, possible_range

MAX_STEPS = 10**12  # generator steps of a run
EXACT = 2**53  # a float holds every smaller integer exactly
DATE = 1e9  # seconds since 1970 until 2001, or since the start of a training of 32 years


def as_integer(given: Any) -> Any:
    """Return a float that is an integer as an int, and anything else unchanged.

    Raises:
        ValueError: The float is so large that it may stand for another integer.
    """
    if not isinstance(given, float | np.floating) or not float(given).is_integer():
        return given
    if abs(float(given)) >= EXACT:
        raise ValueError("expected an integer; a float of this size is not exact")
    return int(given)


def why_impossible(name: str, value: float) -> str:
    """Return why a measure or a probe cannot have a value, as a predicate; "" if it can."""
    possible = possible_range(name)
    if possible.holds(value):
        return ""
    if math.isinf(possible.most):
        return f"{value:g} is below {possible.least:g}"
    outside = f"{value:g} is outside {possible.least:g}…{possible.most:g}"
    if possible == SHARE and 1 < value <= 100:
        return f"{outside} and looks like percent; give {value / 100:g}"
    return outside
