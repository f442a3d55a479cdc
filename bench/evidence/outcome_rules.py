"""The rules of outcomes, one function per rule, and the evaluations at which each of them applies."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import averaged, describe, is_averaged, plain_name
from bench.evidence.coverage_curve import Coverage, coverage
from bench.evidence.improvement import still_improving
from bench.evidence.primary_measure import (
    PrimaryCurve,
    fill_forward,
    finite_values,
    recorded_real_value,
    trained_steps,
    trained_values,
)
from bench.evidence.states import IMPROVING, Outcome, State
from bench.evidence.statistics.intervals import Array
from bench.evidence.unjudged import unmeasured
from bench.notation import with_powers
from bench.plan.rules import OVERLAPS, Rules
from bench.records.record import Trace
from bench.records.schema import Metadata

STARTED = 0.99  # a run that leaves more than this share of the way open is as it was at initialisation
SHARP = 0.5  # of the share of good samples in real data
MARGIN = 0.1  # noise of a measure, as a share of its value
MINIMUM_TAIL = 3  # evaluations in the tail that can oscillate; a run needs twice as many in total
Flags = NDArray[np.bool_]


def diverged(trace: Trace, metadata: Metadata, rules: Rules, curve: PrimaryCurve | None) -> Outcome | None:
    """Return an outcome if a value is not finite, or above the limit for exploding values."""
    ending = metadata.ending
    if not ending.finished:
        return Outcome(State.DIVERGED, ending.reason or "a value was not finite", ending.step)
    steps = trained_steps(trace)
    missing, enormous = lost(curve, len(steps)) & ~unmeasured(trace, metadata, curve), exploded(trace, rules, curve)
    if curve is not None and missing.any():
        step = _first_step(curve.steps, missing)
        return Outcome(State.DIVERGED, f"{curve.measure.label} not finite at step {step:,}", step)
    if not enormous.any():
        return None
    step = _first_step(steps, enormous)
    loss = trained_values(trace, name := loss_name(trace))[enormous][0]
    if abs(loss) > rules.exploding_loss:
        value, limit = (with_powers(format(number, ".3g")) for number in (loss, rules.exploding_loss))
        reason = f"{'critic ' * (name == 'critic_loss')}loss {value} at step {step:,} exceeds the limit of {limit}"
        return Outcome(State.DIVERGED, reason, step)
    assert curve is not None
    measure = curve.measure
    value, untrained = measure.format(curve.values[enormous][0]), measure.format(curve.untrained)
    reason = f"{measure.label} {value} at step {step:,}, more than {rules.exploding:g}× its value at initialisation"
    return Outcome(State.DIVERGED, f"{reason} ({untrained})", step)


def loss_name(trace: Trace) -> str:
    """Return the name of the loss that tells of an explosion: the critic's, or that of a model without a critic."""
    return "critic_loss" if "critic_loss" in trace else "generator_loss"


def lost(curve: PrimaryCurve | None, count: int) -> Flags:
    """Return where the primary measure is not finite and stays so to the end, [count]."""
    return np.zeros(count, bool) if curve is None else _to_the_end(np.isnan(curve.values))


def exploded(trace: Trace, rules: Rules, curve: PrimaryCurve | None) -> Flags:
    """Return where the run has exploded, [n]: from the first enormous loss on, and where the measure stays enormous."""
    loss = trained_values(trace, loss_name(trace))
    flags = np.logical_or.accumulate(np.abs(loss) > rules.exploding_loss)
    if curve is not None and not curve.measure.higher_is_better and curve.untrained > 0:
        flags = flags | _to_the_end(curve.values > rules.exploding * curve.untrained)
    return np.asarray(flags, dtype=bool)


def unresolved(curve: PrimaryCurve, metadata: Metadata) -> Outcome | None:
    """Return an outcome if real data is not clearly better than the untrained generator: the measure cannot tell.

    Clearly better is a difference of more than ``MARGIN`` of the larger of the two absolute values.

    Runs whose record lacks one of the two values are judged by the other rules.
    """
    real = recorded_real_value(metadata, curve.name)
    margin = MARGIN * max(abs(real), abs(curve.untrained))
    if math.isnan(real) or math.isnan(curve.untrained) or abs(curve.gap) > margin:
        return None
    of_real, untrained = curve.measure.format(real), curve.measure.format(curve.untrained)
    reason = f"cannot be judged: {curve.measure.label} {of_real} of real data is not clearly better than {untrained}"
    return Outcome(State.UNRESOLVED, f"{reason} at initialisation")


def has_learned(curve: PrimaryCurve, metadata: Metadata, rules: Rules) -> Flags:
    """Return whether the best value so far is good enough, [n]; true if this cannot be decided."""
    tau = rules.tau_of(dataset_of(metadata))
    if tau is not None:
        return np.asarray(curve.best >= tau if curve.measure.higher_is_better else curve.best <= tau)
    remaining = curve.remaining(curve.best)
    if remaining is None:
        return np.ones(len(curve.values), bool)
    return np.asarray(remaining <= rules.thresholds(curve.name).never_learned)


def never_learned(curve: PrimaryCurve, metadata: Metadata, rules: Rules) -> Outcome | None:
    """Return an outcome if the best value does not reach ``tau`` or is too close to that at initialisation."""
    if not len(curve.values):
        return Outcome(State.NEVER_LEARNED, "not evaluated after step 0")
    if has_learned(curve, metadata, rules)[-1]:
        return None
    measure, tau, remaining = curve.measure, rules.tau_of(dataset_of(metadata)), curve.remaining(curve.best)
    best, untrained = f"best {measure.label} {measure.format(curve.best[-1])}", measure.format(curve.untrained)
    if tau is not None:
        reason = f"{best} does not reach the threshold of {measure.format(tau)}"
    else:
        assert remaining is not None
        gap, closed = "logarithmic gap" if curve.in_logarithms else "gap", 1 - remaining[-1]
        if closed <= 0:
            return Outcome(State.NEVER_LEARNED, f"{best} is no better than {untrained} at initialisation")
        share = f"{math.floor(100 * closed)}% of the {gap} to real data"
        reason = f"{best} ({untrained} at initialisation) closes only {share}"
    improving = still_improving(curve)
    return Outcome(State.NEVER_LEARNED, f"{reason}; {IMPROVING}" if improving else reason, improving=improving)


def collapsed(covered: Coverage | None, rules: Rules) -> Outcome | None:
    """Return an outcome if the final coverage is below the required share of that of real data."""
    if covered is None:
        return None
    values, measure, minimum = fill_forward(covered.values), covered.measure, covered.required(rules)
    below = _to_the_end(values < minimum)
    if not below.any():
        return None
    first = int(np.argmax(below))
    step = int(covered.steps[first])
    before = values[:first][~np.isnan(values[:first])]
    if len(before) and before.max() >= minimum:
        high, low = measure.format(before.max()), measure.format(values[first])
        return Outcome(State.COLLAPSED, f"{measure.label} fell from {high} to {low} at step {step:,}", step)
    highest, real = measure.format(np.nanmax(values)), measure.format(covered.real)
    return Outcome(State.COLLAPSED, f"{measure.label} never exceeded {highest} of {real}", step)


def sharp_but_collapsed(trace: Trace, metadata: Metadata, curve: PrimaryCurve | None, rules: Rules) -> Outcome | None:
    """Return an outcome if a run lacks modes, but its samples are good or at least those of a class.

    Its primary measure is poor only because modes are missing, so such a run collapsed and is not never-learned. Good
    means that high quality, or else the share of confident images, is at least half of that of real data. The run
    must have improved: an untrained generator can put all of its points near one mode.
    """
    name = quality_name(metadata)
    if curve is None or name is None or not are_sharp(trace, metadata, curve)[-1:].any():
        return None
    few = collapsed(coverage(trace, metadata, curve), rules)
    final = float(_quality(trace, curve, name)[-1])
    return few or uneven(curve, metadata, rules, name, final)


def quality_name(metadata: Metadata) -> str | None:
    """Return the measure that tells good samples apart; None if it was not measured or is unknown for real data."""
    names = [name for name in ("high_quality", "confident") if not math.isnan(recorded_real_value(metadata, name))]
    return names[0] if names else None


def are_sharp(trace: Trace, metadata: Metadata, curve: PrimaryCurve) -> Flags:
    """Return where samples are good in a run that has improved by then, as in ``sharp_but_collapsed``, [n]."""
    name, remaining = quality_name(metadata), curve.remaining(curve.best)
    if name is None or remaining is None:
        return np.zeros(len(curve.values), bool)
    good = _quality(trace, curve, name) >= SHARP * recorded_real_value(metadata, name)
    return np.asarray(good & (remaining < STARTED))


def _quality(trace: Trace, curve: PrimaryCurve, name: str) -> Array:
    return fill_forward(finite_values(trace, averaged(name) if is_averaged(curve.name) else name))


def uneven(curve: PrimaryCurve, metadata: Metadata, rules: Rules, name: str, final: float) -> Outcome | None:
    """Return an outcome if samples near known modes are good enough, but their overlap is not: modes are uneven."""
    enough = (1 - rules.thresholds(curve.name).never_learned) * recorded_real_value(metadata, name)
    if plain_name(curve.name) not in OVERLAPS or has_learned(curve, metadata, rules)[-1] or not final >= enough:
        return None
    measure, quality = curve.measure, describe(name)
    reason = (
        f"{measure.label} never exceeded {measure.format(curve.best[-1])} with {quality.label} {quality.format(final)}"
    )
    return Outcome(State.COLLAPSED, f"{reason}: the modes are covered unevenly")


def relapses(curve: PrimaryCurve, rules: Rules) -> Flags:
    """Return where the value is too many times worse than the best so far, [n]."""
    return np.asarray(fill_forward(curve.ratios_to_best(rules.near)) > rules.thresholds(curve.name).relapsed)


def relapsed(curve: PrimaryCurve, rules: Rules) -> Outcome | None:
    """Return an outcome if the final value is too many times worse than the best."""
    worse = _to_the_end(curve.ratios_to_best(rules.near) > rules.thresholds(curve.name).relapsed)
    if not worse.any():
        return None
    measure, last, best = curve.measure, float(curve.values[-1]), float(curve.best[-1])
    larger, smaller = (best, last) if measure.higher_is_better else (last, best)
    factor = "far"
    if smaller > 0:
        factor = f"{larger / smaller:,.{1 if larger / smaller < 10 else 0}f}×"
    step = int(curve.steps[curve.best_index])
    reason = f"final {measure.label} {measure.format(last)} is {factor} worse than the best"
    return Outcome(
        State.RELAPSED, f"{reason} ({measure.format(best)} at step {step:,})", _first_step(curve.steps, worse)
    )


def oscillating(curve: PrimaryCurve, rules: Rules) -> Outcome | None:
    """Return an outcome if the tail varies too much, unless it gains more than twice what it loses (still learning)."""
    finite = ~np.isnan(curve.values)
    values, steps = curve.values[finite], curve.steps[finite]
    count = max(MINIMUM_TAIL, math.ceil(len(values) / 3))
    if len(values) < 2 * MINIMUM_TAIL:
        return None
    tail = values[-count:]
    gains = np.diff(tail) if curve.measure.higher_is_better else -np.diff(tail)
    scale = np.fmax(abs(tail.mean()), abs(curve.near_real(rules.near)))
    variation = tail.std(ddof=1) / scale if scale > 0 else 0.0
    learning = gains[gains > 0].sum() > -2 * gains[gains < 0].sum()
    if learning or variation <= rules.thresholds(curve.name).oscillating:
        return None
    step = int(steps[-count])
    reason = f"{curve.measure.label} varies by {100 * variation:.0f}% from step {step:,} to the end"
    return Outcome(State.OSCILLATING, reason, step)


def dataset_of(metadata: Metadata) -> str:
    """Return the label of the dataset, which thresholds can depend on."""
    return str(metadata.axes.get("dataset", ""))


def _to_the_end(flags: Flags) -> Flags:
    """Return whether a flag is set from this evaluation to the last, [n]."""
    return np.asarray(np.logical_and.accumulate(flags[::-1])[::-1], dtype=bool)


def _first_step(steps: NDArray[np.int64], flags: Flags) -> int:
    return int(steps[int(np.argmax(flags))])
