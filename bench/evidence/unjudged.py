"""Runs that cannot be judged, for no fault of the training: no measure has a direction, or the metric itself failed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import is_averaged
from bench.evidence.coverage_curve import Coverage
from bench.evidence.primary_measure import PrimaryCurve, trained_steps, trained_values
from bench.evidence.states import Outcome, State
from bench.records.record import Trace
from bench.records.schema import Metadata


def unmeasured(trace: Trace, metadata: Metadata, curve: PrimaryCurve | None) -> NDArray[np.bool_]:
    """Return where the primary measure is NaN, and stays so to the end, although the samples were finite, [n].

    ganbench measures only samples that are finite, so the metric failed, not the training. An infinite value is none
    of these: a distance is infinite if the samples are far enough away. Of other code, and of averaged generators, it
    is not known whether the samples were finite.
    """
    if curve is None or metadata.of_other_code or is_averaged(curve.name):
        return np.zeros(len(trained_steps(trace)), dtype=bool)
    missing = np.isnan(trained_values(trace, curve.name))
    return np.asarray(np.logical_and.accumulate(missing[::-1])[::-1], dtype=bool)


def not_measured(trace: Trace, metadata: Metadata, curve: PrimaryCurve | None) -> Outcome | None:
    """Return an outcome if the primary measure is NaN at the end, although the samples were finite."""
    missing = unmeasured(trace, metadata, curve)
    if curve is None or not missing.any():
        return None
    step = int(curve.steps[int(np.argmax(missing))])
    reason = f"cannot be judged: {curve.measure.label} is NaN from step {step:,} on, although the samples are finite"
    return Outcome(State.UNRESOLVED, reason, step)


def without_direction(curve: PrimaryCurve | None, covered: Coverage | None) -> Outcome | None:
    """Return an outcome if neither higher nor lower is better for any measure, so that only divergence shows."""
    if curve is not None or covered is not None:
        return None
    return Outcome(State.UNRESOLVED, "cannot be judged: no measure says whether higher or lower values are better")
