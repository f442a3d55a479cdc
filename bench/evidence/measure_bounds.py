"""The bounds of a measure, which its interval must not cross."""

from __future__ import annotations

import math

import pandas as pd

from bench.catalogue.metrics.measures import Measure, plain_name, possible_range
from bench.catalogue.metrics.possible_ranges import KERNEL, Range
from bench.evidence.results import Evidence

COUNTS_OF_MODES = ("modes", "modes_confident")


def measure_bounds(evidence: Evidence, runs: pd.DataFrame, name: str) -> tuple[float, float]:
    """Return the smallest and the largest value that a measure of these runs can have; −∞ or ∞ if there is none.

    An unbiased estimate of a distance, such as KID, can be negative, so it has no bound. Modes are bounded by their
    number in the dataset, if that is known.
    """
    plain = plain_name(name)
    declared = evidence.directions.get(plain)
    possible = Range(*declared.range) if isinstance(declared, Measure) else possible_range(plain)
    if possible == KERNEL:
        return -math.inf, math.inf
    if plain in COUNTS_OF_MODES:
        modes = {evidence.modes(str(dataset)) for dataset in runs["dataset"].unique()}
        return possible.least, float(max(modes)) if min(modes) else possible.most
    return possible.least, possible.most
