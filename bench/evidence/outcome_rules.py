"""The rules of outcomes, one function each, and where along a run each of them holds."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.catalogue.metrics.measures import COVERAGE_ORDER, Measure, averaged, describe, is_averaged
from bench.evidence.primary_measure import Array, Primary, finite, real_value, trained, trained_steps
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

    about: Measure
    steps: NDArray[np.int64]
    values: Array
    real: float


def diverged(trace: Trace, metadata: Metadata, rules: Rules, of: Primary | None) -> Outcome | None:
    """A value that is not finite, or that is enormous."""
    ending = metadata.ending
    if not ending.finished:
        return Outcome(State.DIVERGED, ending.reason or "a value was not finite", ending.step)
    steps = trained_steps(trace)
    missing, enormous = lost(of, len(steps)), exploded(trace, rules, of)
    if of is not None and missing.any():
        step = _first(of.steps, missing)
        return Outcome(State.DIVERGED, f"{of.about.label} not finite at step {step:,}", step)
    if not enormous.any():
        return None
    step = _first(steps, enormous)
    loss = trained(trace, "critic_loss")[enormous][0]
    if abs(loss) > rules.exploding_loss:
        return Outcome(
            State.DIVERGED, f"critic loss {loss:.3g} at step {step:,}, above {rules.exploding_loss:.3g}", step
        )
    assert of is not None
    value, untrained = of.about.format(of.values[enormous][0]), of.about.format(of.untrained)
    above = f"above {rules.exploding:g} times the untrained generator's {untrained}"
    return Outcome(State.DIVERGED, f"{of.about.label} {value} at step {step:,}, {above}", step)


def lost(of: Primary | None, count: int) -> Flags:
    """Where the primary measure has no finite value any more, [n]."""
    return np.zeros(count, bool) if of is None else _from_then_on(np.isnan(of.values))


def exploded(trace: Trace, rules: Rules, of: Primary | None) -> Flags:
    """From the first enormous critic loss on, and where the primary measure stays enormous to the end, [n]."""
    loss = trained(trace, "critic_loss")
    gone = np.logical_or.accumulate(np.abs(loss) > rules.exploding_loss)
    if of is not None and not of.about.higher_is_better and of.untrained > 0:
        gone = gone | _from_then_on(of.values > rules.exploding * of.untrained)
    return np.asarray(gone, dtype=bool)


def learned(of: Primary, metadata: Metadata, rules: Rules) -> Flags:
    """Whether the best so far has come far enough, [n]; where there is nothing to say so by, it has."""
    tau = rules.tau_of(dataset_of(metadata))
    if tau is not None:
        return np.asarray(of.best >= tau if of.about.higher_is_better else of.best <= tau)
    left = of.left()
    return np.ones(len(of.values), bool) if left is None else np.asarray(left <= rules.never_learned)


def never_learned(of: Primary, metadata: Metadata, rules: Rules) -> Outcome | None:
    """The best value left too much of the way, or never came to ``tau``."""
    if not len(of.values):
        return Outcome(State.NEVER_LEARNED, "never evaluated after the first step")
    if learned(of, metadata, rules)[-1]:
        return None
    best, tau, left = of.about.format(of.best[-1]), rules.tau_of(dataset_of(metadata)), of.left()
    if tau is not None:
        return Outcome(State.NEVER_LEARNED, f"best {of.about.label} {best}, never as good as {of.about.format(tau)}")
    assert left is not None
    untrained, done = of.about.format(of.untrained), 1 - left[-1]
    if done <= 0:
        return Outcome(State.NEVER_LEARNED, f"best {of.about.label} {best}, no better than {untrained} untrained")
    way = f"{math.floor(100 * done)} % of the way to real data"
    return Outcome(State.NEVER_LEARNED, f"best {of.about.label} {best}, untrained {untrained}: {way}")


def coverage(trace: Trace, metadata: Metadata, of: Primary | None) -> Coverage | None:
    """The first coverage that has a last value and a value of real data; of the average if runs are judged by that."""
    of_average = of is not None and is_averaged(of.name)
    for plain in COVERAGE_ORDER:
        name = averaged(plain) if of_average else plain
        values = finite(trace, name)
        real = real_value(metadata, plain)
        modes = metadata.data.modes
        if plain == "modes" and math.isnan(real) and modes:
            real = float(len(modes.centres))
        if len(values) and not math.isnan(values[-1]) and real > 0:
            return Coverage(describe(name), trained_steps(trace), values, real)
    return None


def collapsed(of: Coverage | None, rules: Rules) -> Outcome | None:
    """The last count of modes (else recall, else coverage) is under its share of real data's."""
    if of is None:
        return None
    values = carried(of.values)
    under = _from_then_on(values < rules.collapsed * of.real)
    if not under.any():
        return None
    name, first = of.about.label, int(np.argmax(under))
    known, real = values[:first][~np.isnan(values[:first])], of.about.format(of.real)
    step = int(of.steps[first])
    if len(known) and known.max() >= rules.collapsed * of.real:
        fall = f"{name} fell from {of.about.format(known.max())} to {of.about.format(values[first])} at step {step:,}"
        return Outcome(State.COLLAPSED, fall, step)
    return Outcome(State.COLLAPSED, f"{name} never rose above {of.about.format(np.nanmax(values))} of {real}", step)


def relapsed(of: Primary, rules: Rules) -> Outcome | None:
    """The last value is too many times worse than the best."""
    worse = _from_then_on(of.ratios(rules.near) > rules.relapsed)
    if not worse.any():
        return None
    last, best, at = float(of.values[-1]), float(of.best[-1]), int(of.steps[of.best_at])
    over, under = (best, last) if of.about.higher_is_better else (last, best)
    times = f"{over / under:,.{1 if over / under < 10 else 0}f} times" if under > 0 else "far"
    than = f"{times} {'under' if of.about.higher_is_better else ''}".strip() if under > 0 else "far from"
    reason = f"{of.about.label} {of.about.format(last)} after the last step is {than} the best, {of.about.format(best)}"
    return Outcome(State.RELAPSED, f"{reason} at step {at:,}", _first(of.steps, worse))


def oscillating(of: Primary, rules: Rules) -> Outcome | None:
    """Varies by more than it may in its tail; one that gains more than twice what it gives back is still learning."""
    known = ~np.isnan(of.values)
    values, steps = of.values[known], of.steps[known]
    count = max(LEAST, math.ceil(len(values) / 3))
    if len(values) < 2 * LEAST:
        return None
    tail = values[-count:]
    gains = np.diff(tail) if of.about.higher_is_better else -np.diff(tail)
    near = of.near(rules.near)
    scale = np.fmax(abs(tail.mean()), abs(near))
    variation = tail.std(ddof=1) / scale if scale > 0 else 0.0
    learning = gains[gains > 0].sum() > -2 * gains[gains < 0].sum()
    if learning or variation <= rules.oscillating:
        return None
    step = int(steps[-count])
    return Outcome(
        State.OSCILLATING, f"{of.about.label} varies by {100 * variation:.0f} % from step {step:,} to the last", step
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
