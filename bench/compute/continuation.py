"""Longer runs go on where a shorter one ended, if its state was kept, with the bits of a run from the first step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from bench.compute.checkpoints import History, Restored, restore
from bench.compute.kept_files import state_of, with_steps
from bench.compute.publication import bring_checkpoint
from bench.compute.settings import Settings
from bench.compute.training.loop import CHUNK
from bench.plan.length import what_depends_on_length
from bench.plan.runs import Run


def restore_or_continue(run: Run, settings: Settings) -> Restored:
    """Return where a run continues: its checkpoint, the end of a shorter run, or the beginning.

    Raises:
        ResultsError: A checkpoint or a state exists, but the system cannot read it.
    """
    bring_checkpoint(settings.checkpoint(run), settings.mirror)
    restored = restore(settings.checkpoint(run), run)
    if restored.state is not None or restored.notice:
        return restored
    steps = max(_kept_lengths(run, settings), default=0)
    if not steps:
        return restored
    problem = _obstacle(run, steps)
    if problem:
        notice = f"starts at step 0, although a run of {steps:,} steps kept its state: {problem}"
        return replace(restored, notice=notice, general=True)
    path = state_of(settings.folder, with_steps(run, steps))
    bring_checkpoint(path, settings.mirror)
    ended = replace(restore(path, with_steps(run, steps)), path=path)
    if ended.state is None:
        return ended
    notice = f"goes on from step {steps:,}, where a shorter run ended"
    return replace(ended, history=_without_extra_row(ended.history, run), notice=notice, general=True)


def _kept_lengths(run: Run, settings: Settings) -> Iterator[int]:
    """Yield the lengths of shorter runs that kept their state and are specified as this one otherwise."""
    own = state_of(settings.folder, run)
    prefix = own.stem.rpartition("-")[0]
    elsewhere = [path for path in settings.mirror.paths(own.parent) if path.match(f"{prefix}-*{own.suffix}")]
    for path in [*own.parent.glob(f"{prefix}-*{own.suffix}"), *elsewhere]:
        with suppress(ValueError):
            steps = int(path.stem.rpartition("-")[2])
            if steps < run.training.steps:
                yield steps


def _obstacle(run: Run, steps: int) -> str:
    """Return why a run cannot go on from the end of a shorter one; "" if it can."""
    setting = what_depends_on_length(run.training)
    if setting:
        return f"{setting} depends on the number of steps"
    every = run.evaluation.every
    if steps % CHUNK and steps % every:
        return f"{steps:,} is no multiple of {CHUNK} or of {every:,}, where losses are averaged anew"
    return ""


def _without_extra_row(history: History, run: Run) -> History:
    """Leave out the evaluation at the end of the shorter run, if the longer one has none there."""
    return history if history.step % run.evaluation.every == 0 else replace(history, trace=history.trace[:-1])
