"""Translations that are nearly the same for all sources: the translator has collapsed, however large its error is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import averaged, describe, is_averaged
from bench.evidence.primary_measure import PrimaryCurve, fill_forward, finite_values, trained_steps
from bench.evidence.states import Outcome, State
from bench.records.record import Trace

SAME = 0.05  # of the variance of the answers
MOVED = 0.01  # of the error at initialisation: a smaller change means that the translator is as it was then


def is_same_for_all(trace: Trace, curve: PrimaryCurve | None) -> NDArray[np.bool_]:
    """Return where all sources get nearly the same translation, though no longer that at initialisation, [n].

    Untrained translators give all sources nearly the same translation, too. That is no collapse.
    """
    error, variety = _names(curve)
    steps = np.asarray(trace["step"])
    if error not in trace or variety not in trace or not (steps == 0).any():
        return np.zeros(len(trained_steps(trace)), dtype=bool)
    first = float(np.asarray(trace[error], dtype=float)[steps == 0][0])
    now, varied = (fill_forward(finite_values(trace, name)) for name in (error, variety))
    with np.errstate(invalid="ignore"):
        return np.asarray((varied < SAME) & (np.abs(now - first) > MOVED * first))


def same_for_all(trace: Trace, curve: PrimaryCurve | None) -> Outcome | None:
    """Return an outcome if all sources get nearly the same translation at the end."""
    flags = is_same_for_all(trace, curve)
    if not flags[-1:].any():
        return None
    first = len(flags) - int(np.argmin(flags[::-1])) if not flags.all() else 0
    step, last = int(trained_steps(trace)[first]), float(fill_forward(finite_values(trace, _names(curve)[1]))[-1])
    value = describe("variety").format(last)
    reason = (
        f"nearly the same translation of all sources from step {step:,} on: variety {value}, with 1 for the answers"
    )
    return Outcome(State.COLLAPSED, reason, step)


def _names(curve: PrimaryCurve | None) -> tuple[str, str]:
    of_average = curve is not None and is_averaged(curve.name)
    error, variety = (averaged(name) if of_average else name for name in ("answer_error", "variety"))
    return error, variety
