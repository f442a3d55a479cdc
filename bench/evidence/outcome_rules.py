"""The rules of outcomes, one function each, and where along a run each of them holds."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import COVERAGE_ORDER, Measure, averaged, describe, is_averaged
from bench.evidence.primary_measure import (
    Array,
    PrimaryCurve,
    finite_values,
    recorded_real_value,
    trained_steps,
    trained_values,
)
from bench.evidence.states import State
from bench.plan.rules import Rules
from bench.records.record import Trace
from bench.records.schema import Metadata

LEAST = 3  # evaluations that a variation is taken of at the least, and of twice as many
Flags = NDArray[np.bool_]


class Outcome(NamedTuple):
    """The verdict on a run: its state, the reason in words, and the step from which on it was so, if there is one."""

    state: State
    reason: str = ""
    step: int | None = None


class Coverage(NamedTuple):
    """How much of real data's variety a run covers after step 0, [n]; NaN where that is unknown."""

    measure: Measure
    steps: NDArray[np.int64]
    values: Array
    real: float


def diverged(trace: Trace, metadata: Metadata, rules: Rules, curve: PrimaryCurve | None) -> Outcome | None:
    """A value that is not finite, or that is enormous."""
    ending = metadata.ending
    if not ending.finished:
        return Outcome(State.DIVERGED, ending.reason or "a value was not finite", ending.step)
    steps = trained_steps(trace)
    missing, enormous = lost(curve, len(steps)), exploded(trace, rules, curve)
    if curve is not None and missing.any():
        step = _first(curve.steps, missing)
        return Outcome(State.DIVERGED, f"{curve.measure.label} not finite at step {step:,}", step)
    if not enormous.any():
        return None
    step = _first(steps, enormous)
    loss = trained_values(trace, "critic_loss")[enormous][0]
    if abs(loss) > rules.exploding_loss:
        return Outcome(
            State.DIVERGED, f"critic loss {loss:.3g} at step {step:,}, above {rules.exploding_loss:.3g}", step
        )
    assert curve is not None
    value, untrained = curve.measure.format(curve.values[enormous][0]), curve.measure.format(curve.untrained)
    above = f"above {rules.exploding:g} times the untrained generator's {untrained}"
    return Outcome(State.DIVERGED, f"{curve.measure.label} {value} at step {step:,}, {above}", step)


def lost(curve: PrimaryCurve | None, count: int) -> Flags:
    """Where the primary measure has no finite value any more, [n]."""
    return np.zeros(count, bool) if curve is None else _from_then_on(np.isnan(curve.values))


def exploded(trace: Trace, rules: Rules, curve: PrimaryCurve | None) -> Flags:
    """From the first enormous critic loss on, and where the primary measure stays enormous to the end, [n]."""
    loss = trained_values(trace, "critic_loss")
    gone = np.logical_or.accumulate(np.abs(loss) > rules.exploding_loss)
    if curve is not None and not curve.measure.higher_is_better and curve.untrained > 0:
        gone = gone | _from_then_on(curve.values > rules.exploding * curve.untrained)
    return np.asarray(gone, dtype=bool)


def learned(curve: PrimaryCurve, metadata: Metadata, rules: Rules) -> Flags:
    """Whether the best so far has come far enough, [n]; where there is nothing to say so by, it has."""
    tau = rules.tau_of(dataset_of(metadata))
    if tau is not None:
        return np.asarray(curve.best >= tau if curve.measure.higher_is_better else curve.best <= tau)
    left = curve.remaining()
    return np.ones(len(curve.values), bool) if left is None else np.asarray(left <= rules.never_learned)


def never_learned(curve: PrimaryCurve, metadata: Metadata, rules: Rules) -> Outcome | None:
    """The best value left too much of the way, or never came to ``tau``."""
    if not len(curve.values):
        return Outcome(State.NEVER_LEARNED, "never evaluated after the first step")
    if learned(curve, metadata, rules)[-1]:
        return None
    best, tau, left = curve.measure.format(curve.best[-1]), rules.tau_of(dataset_of(metadata)), curve.remaining()
    if tau is not None:
        return Outcome(
            State.NEVER_LEARNED, f"best {curve.measure.label} {best}, never as good as {curve.measure.format(tau)}"
        )
    assert left is not None
    untrained, done = curve.measure.format(curve.untrained), 1 - left[-1]
    if done <= 0:
        return Outcome(State.NEVER_LEARNED, f"best {curve.measure.label} {best}, no better than {untrained} untrained")
    way = f"{math.floor(100 * done)} % of the way to real data"
    return Outcome(State.NEVER_LEARNED, f"best {curve.measure.label} {best}, untrained {untrained}: {way}")


def coverage(trace: Trace, metadata: Metadata, curve: PrimaryCurve | None) -> Coverage | None:
    """The first coverage that has a last value and a value of real data; of the average if runs are judged by that."""
    of_average = curve is not None and is_averaged(curve.name)
    for plain in COVERAGE_ORDER:
        name = averaged(plain) if of_average else plain
        values = finite_values(trace, name)
        real = recorded_real_value(metadata, plain)
        modes = metadata.data.modes
        if plain == "modes" and math.isnan(real) and modes:
            real = float(len(modes.centres))
        if len(values) and not math.isnan(values[-1]) and real > 0:
            return Coverage(describe(name), trained_steps(trace), values, real)
    return None


def collapsed(curve: Coverage | None, rules: Rules) -> Outcome | None:
    """The last count of modes (else recall, else coverage) is under its share of real data's."""
    if curve is None:
        return None
    values = carried(curve.values)
    under = _from_then_on(values < rules.collapsed * curve.real)
    if not under.any():
        return None
    name, first = curve.measure.label, int(np.argmax(under))
    known, real = values[:first][~np.isnan(values[:first])], curve.measure.format(curve.real)
    step = int(curve.steps[first])
    if len(known) and known.max() >= rules.collapsed * curve.real:
        high, low = curve.measure.format(known.max()), curve.measure.format(values[first])
        fall = f"{name} fell from {high} to {low} at step {step:,}"
        return Outcome(State.COLLAPSED, fall, step)
    return Outcome(
        State.COLLAPSED, f"{name} never rose above {curve.measure.format(np.nanmax(values))} of {real}", step
    )


def relapsed(curve: PrimaryCurve, rules: Rules) -> Outcome | None:
    """The last value is too many times worse than the best."""
    worse = _from_then_on(curve.ratios_to_best(rules.near) > rules.relapsed)
    if not worse.any():
        return None
    last, best, at = float(curve.values[-1]), float(curve.best[-1]), int(curve.steps[curve.best_at])
    over, under = (best, last) if curve.measure.higher_is_better else (last, best)
    times = f"{over / under:,.{1 if over / under < 10 else 0}f} times" if under > 0 else "far"
    than = f"{times} {'under' if curve.measure.higher_is_better else ''}".strip() if under > 0 else "far from"
    value, peak = curve.measure.format(last), curve.measure.format(best)
    reason = f"{curve.measure.label} {value} after the last step is {than} the best, {peak}"
    return Outcome(State.RELAPSED, f"{reason} at step {at:,}", _first(curve.steps, worse))


def oscillating(curve: PrimaryCurve, rules: Rules) -> Outcome | None:
    """Varies by more than it may in its tail; one that gains more than twice what it gives back is still learning."""
    known = ~np.isnan(curve.values)
    values, steps = curve.values[known], curve.steps[known]
    count = max(LEAST, math.ceil(len(values) / 3))
    if len(values) < 2 * LEAST:
        return None
    tail = values[-count:]
    gains = np.diff(tail) if curve.measure.higher_is_better else -np.diff(tail)
    near = curve.near_real(rules.near)
    scale = np.fmax(abs(tail.mean()), abs(near))
    variation = tail.std(ddof=1) / scale if scale > 0 else 0.0
    learning = gains[gains > 0].sum() > -2 * gains[gains < 0].sum()
    if learning or variation <= rules.oscillating:
        return None
    step = int(steps[-count])
    return Outcome(
        State.OSCILLATING,
        f"{curve.measure.label} varies by {100 * variation:.0f} % from step {step:,} to the last",
        step,
    )


def dataset_of(metadata: Metadata) -> str:
    """The label of the dataset, by which thresholds can differ."""
    return str(metadata.axes.get("dataset", ""))


def carried(values: Array) -> Array:
    """Values with missing ones replaced by the last known one before them."""
    places = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(places >= 0, values[places], np.nan) if len(values) else values


def _from_then_on(flags: Flags) -> Flags:
    """Whether a flag stays up from here to the end, [n]."""
    return np.asarray(np.logical_and.accumulate(flags[::-1])[::-1], dtype=bool)


def _first(steps: NDArray[np.int64], flags: Flags) -> int:
    return int(steps[int(np.argmax(flags))])
