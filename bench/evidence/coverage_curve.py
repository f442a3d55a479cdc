"""The measure of coverage by which a collapse is recognised: its values over the run, and its value on real data."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import Measure, averaged, coverage_order, describe, is_averaged
from bench.evidence.primary_measure import PrimaryCurve, finite_values, recorded_real_value, trained_steps
from bench.evidence.statistics.intervals import Array
from bench.plan.rules import Rules
from bench.records.record import Trace
from bench.records.schema import Metadata


class Coverage(NamedTuple):
    """A measure of coverage after step 0, [n], with NaN for missing values, and its value on real data."""

    name: str
    measure: Measure
    steps: NDArray[np.int64]
    values: Array
    real: float

    def required(self, rules: Rules) -> float:
        """Return the coverage below which a run collapsed."""
        return rules.collapsed_of(self.name) * self.real


def coverage(trace: Trace, metadata: Metadata, curve: PrimaryCurve | None) -> Coverage | None:
    """Return the first measure of coverage that has a final value and a value on real data.

    If the primary measure is that of the averaged generator, so is the coverage.
    """
    of_average = curve is not None and is_averaged(curve.name)
    for plain in coverage_order(metadata.directions):
        name = averaged(plain) if of_average else plain
        values = finite_values(trace, name)
        real = recorded_real_value(metadata, plain)
        modes = metadata.data.modes
        if plain == "modes" and math.isnan(real) and modes:
            real = float(len(modes.centres or modes.names))
        if len(values) and not math.isnan(values[-1]) and real > 0:
            return Coverage(plain, describe(name, metadata.directions), trained_steps(trace), values, real)
    return None
