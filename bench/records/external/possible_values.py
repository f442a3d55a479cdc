"""What results of other code cannot hold: a precision of 93, steps without end, text that no file can hold."""

from __future__ import annotations

import math
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field, ValidationInfo

from bench.catalogue.metrics.measures import possible_range
from bench.catalogue.metrics.possible_ranges import SHARE
from bench.errors import SuiteError

MAX_INTEGER = 2**64 - 1
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


def _at_most(most: int) -> BeforeValidator:
    def check(given: Any, info: ValidationInfo) -> Any:
        number = as_integer(given)
        if type(number) is int and number > most:  # the number itself may be too long to write
            raise SuiteError(f"{info.field_name}: expected an integer ≤ {most}, not a larger one")
        return number

    return BeforeValidator(check)


Seed = Annotated[int, _at_most(MAX_INTEGER), Field(ge=0)]
Count = Annotated[int, _at_most(MAX_STEPS), Field(ge=1)]
CriticSteps = Annotated[int, _at_most(10**6), Field(ge=1)]  # times steps, less than 2⁶³


def writable(text: str) -> str:
    """Return a text without lone surrogates, which no file can hold."""
    return text.encode(errors="replace").decode()


def why_impossible(name: str, value: float) -> str:
    """Return why a measure or a probe cannot have a value, as a predicate; "" if it can."""
    possible = possible_range(name)
    if possible.holds(value):
        return ""
    if math.isinf(possible.most):
        return f"{value:.10g} is below {possible.least:g}"
    outside = f"{value:.10g} is outside {possible.least:g}…{possible.most:g}"
    if possible == SHARE and 2 <= value <= 100:
        return f"{outside} and looks like percent; give {value / 100:g}"
    return outside
