"""Executes the runs of a pack, from their first step or their checkpoints to their published records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import torch

from bench.compute import environment
from bench.compute.checkpoints import History, IncompatibleCheckpointError, Restored, save
from bench.compute.continuation import restore_or_continue
from bench.compute.evaluated_samples import evaluation_latents
from bench.compute.evaluation import Evaluator, build_evaluator, evaluate, evaluate_again
from bench.compute.events import Event, Progress
from bench.compute.kept_files import state_of
from bench.compute.kept_weights import keep_weights
from bench.compute.metadata import metadata_of
from bench.compute.observations import last_evaluation, losses_of, observed_values
from bench.compute.publication import publish
from bench.compute.restored_packs import start_pack, without_incompatible
from bench.compute.settings import Settings
from bench.compute.training.cuda_graphs import graph_refusal
from bench.compute.training.loop import Measurement, train
from bench.compute.training.pack import Pack
from bench.compute.training.players import Players
from bench.compute.training.real_data import RealData
from bench.plan.grouping import pack_label
from bench.plan.runs import Run


@dataclass
class ActiveRun:
    """A run that is training.

    Attributes:
        run: The run.
        players: Its networks.
        history: What it has measured so far.
        pack: The number of runs that train together, including this one.
        first: The identity of the first of these runs.
    """

    run: Run
    players: Players
    history: History
    pack: int
    first: str

    def progress(self, restored: Restored | None = None) -> Event:
        """Return a progress event, with a notice on where the run continues if there is one."""
        rate = self.history.rates[-1] if self.history.rates else 0.0
        progress = Progress(self.history.step, rate, "", self.pack, self.first)
        if restored is not None:
            affected = int(restored.discarded or restored.general)
            progress = replace(progress, notice=restored.notice, affected=affected, general=restored.general)
        return Event(self.run, "progress", progress)

    def observed(self, measurement: Measurement | None, shared: Shared) -> Event:
        """Return a progress event with the losses of a chunk, and with the evaluation after it if there was one."""
        event = self.progress()
        assert event.progress is not None
        evaluated = last_evaluation(self.history, shared.real.data.train)
        observations = {"losses": losses_of(measurement), **observed_values(evaluated, shared.evaluator)}
        return replace(event, progress=replace(event.progress, **observations))


@dataclass(frozen=True)
class Shared:
    """What the runs of one kind share: the worker's settings, the data on the device, and the evaluator."""

    settings: Settings
    real: RealData
    evaluator: Evaluator


def execute(runs: Sequence[Run], settings: Settings, stopping: Callable[[], bool]) -> Iterator[Event]:
    """Train, evaluate and publish the runs of one pack.

    Args:
        runs: Runs of one kind (``bench.plan.grouping.pack_key``). Runs at different steps train one after another.
        settings: The settings of the worker.
        stopping: Called after every chunk of steps. If it returns True, all runs are checkpointed and left.

    Yields:
        The progress of every run after every chunk, and "recorded" or "stopped" at its end.

    Raises:
        GanbenchError: A record or checkpoint cannot be written, or the extractor is not on this machine.
    """
    device, dataset = torch.device(settings.device), runs[0].training.dataset
    environment.set_up_device(device)
    unrecorded = [run for run in runs if not settings.is_recorded(run)]
    yield from (Event(run, "recorded") for run in runs if run not in unrecorded)  # by another process, meanwhile
    if not unrecorded:
        return
    restored = [(run, restore_or_continue(run, settings)) for run in unrecorded]
    evaluator = build_evaluator(dataset, runs[0].evaluation, runs[0].extractor_hash, settings.inception_weights, device)
    missing = ", ".join(name for name, value in evaluator.real.items() if not math.isfinite(value))
    if missing:
        notice = f"{dataset}: {missing} of real data is not finite, and recorded as missing"
        yield Event(runs[0], "progress", Progress(0, 0.0, notice, len(runs), runs[0].id, len(runs), general=True))
    shared = Shared(settings, RealData.load(dataset, device), evaluator)
    shared.real.check_unchanged(runs[0])
    yield from _execute_groups(restored, shared, stopping)


def _execute_groups(
    restored: Sequence[tuple[Run, Restored]], shared: Shared, stopping: Callable[[], bool]
) -> Iterator[Event]:
    """Execute runs in groups that are at the same step."""
    ordered = sorted(restored, key=lambda pair: pair[1].history.step)
    for number, (_, group) in enumerate(groupby(ordered, key=lambda pair: pair[1].history.step)):
        if number and stopping():  # their checkpoints stay valid
            yield from (Event(run, "stopped") for run, _ in group)
        else:
            yield from _execute_from_same_step(list(group), shared, stopping)


def _execute_from_same_step(
    restored: Sequence[tuple[Run, Restored]], shared: Shared, stopping: Callable[[], bool]
) -> Iterator[Event]:
    settings, (first_run, start) = shared.settings, restored[0]
    training, every = first_run.training, first_run.evaluation.every
    try:
        pack = start_pack(restored, shared.real)
    except IncompatibleCheckpointError:
        yield from _execute_groups(without_incompatible(restored, shared.real, settings.checkpoint), shared, stopping)
        return
    saved, mark = time.monotonic(), time.perf_counter()
    runs, reported = [], set[str]()
    for (run, restoration), players in zip(restored, pack.players, strict=True):
        active = ActiveRun(run, players, restoration.history, len(pack), first_run.id)
        runs.append(active)
        yield active.progress(restoration)
        if not restoration.history.trace:
            _evaluate(active, None, shared)
            yield active.observed(None, shared)
    if start.state is not None:  # a run had diverged, and its record could not be written
        yield from _publish_diverged(runs, pack, shared)
        if not runs:
            return

    for measurements in train(pack, start.history.step, every, shared.real.probe(training)):
        for active, measurement in zip(runs, measurements, strict=True):
            _add_chunk(active, measurement, shared)
        mark, elapsed = time.perf_counter(), time.perf_counter() - mark
        for active, measurement in zip(runs, measurements, strict=True):
            active.history.wall_seconds += elapsed / len(runs)
            yield active.observed(measurement, shared)
        yield from _refusal_notice(runs[0], pack, reported)
        yield from _publish_diverged(runs, pack, shared)
        stop = stopping() and bool(runs) and runs[0].history.step < training.steps
        if stop or time.monotonic() - saved > settings.checkpoint_every:
            _save(runs, pack, settings)
            saved = time.monotonic()
        if stop:
            yield from (Event(active.run, "stopped") for active in runs)
            return
    if "state" in settings.keep:
        _save(runs, pack, settings, partial(state_of, settings.folder))
    yield from _publish_all(runs, runs, pack, shared)


def _refusal_notice(active: ActiveRun, pack: Pack, reported: set[str]) -> Iterator[Event]:
    """Report once why the steps of a pack are not replayed as CUDA graphs, if they could have been."""
    if (reason := graph_refusal(pack)) and reason not in reported:
        reported.add(reason)
        notice = f"{pack_label(active.run)}: trains more slowly, without CUDA graphs ({reason})"
        progress = Progress(active.history.step, 0.0, notice, active.pack, active.first, active.pack, general=True)
        yield Event(active.run, "progress", progress)


def _publish_diverged(runs: list[ActiveRun], pack: Pack, shared: Shared) -> Iterator[Event]:
    """Publish the runs that diverged, and remove them from ``runs`` and from the pack."""
    diverged = [active for active in runs if active.history.diverged]
    yield from _publish_all(diverged, runs, pack, shared)
    pack.drop(active.players for active in diverged)
    runs[:] = [active for active in runs if not active.history.diverged]


def _publish_all(ended: Sequence[ActiveRun], runs: Sequence[ActiveRun], pack: Pack, shared: Shared) -> Iterator[Event]:
    """Publish the runs that have ended; after an error, save the other ``runs``, so that none is trained again."""
    published = []
    for active in ended:
        try:
            event = _publish(active, shared)
        except Exception:
            with suppress(Exception):  # the first error is the one to report
                _save([each for each in runs if each not in published], pack, shared.settings)
            raise
        published.append(active)
        yield event


def _save(runs: Sequence[ActiveRun], pack: Pack, settings: Settings, path: Callable[[Run], Path] | None = None) -> None:
    for active in runs:
        index = next(index for index, players in enumerate(pack.players) if players is active.players)
        save((path or settings.checkpoint)(active.run), active.run, pack.state_dict(index), active.history)
    settings.mirror.hand_over([(path or settings.checkpoint)(active.run) for active in runs])


def _add_chunk(active: ActiveRun, measurement: Measurement, shared: Shared) -> None:
    """Add a chunk of steps to the history of a run, and an evaluation if one is due."""
    history, run = active.history, active.run
    if not measurement.diverged:  # after a divergence, the seconds include steps beyond it
        history.rates += ((measurement.step - history.step) / max(measurement.seconds, 1e-9),)
    history.step = measurement.step
    history.training_seconds += measurement.seconds
    history.diverged = measurement.diverged
    if not history.diverged and (history.step % run.evaluation.every == 0 or history.step == run.training.steps):
        _evaluate(active, measurement, shared)


def _evaluate(active: ActiveRun, measurement: Measurement | None, shared: Shared) -> None:
    run, state = active.run, shared.real.game_state(active.run, active.players, active.history.step)
    data, samples = shared.real.data, run.evaluation.samples
    latents = evaluation_latents(state.training, state.shape, samples, run.seed, data=data)
    evaluate(state, latents, data, shared.evaluator, active.history, measurement)


def _publish(active: ActiveRun, shared: Shared) -> Event:
    began = time.perf_counter()
    run, history, settings, data = active.run, active.history, shared.settings, shared.real.data
    again = {} if history.diverged else evaluate_again(run, active.players, data, shared.evaluator)
    history.wall_seconds += time.perf_counter() - began
    metadata = metadata_of(
        run,
        active.players,
        data,
        shared.evaluator,
        history,
        again,
        device=shared.real.device,
        threads=settings.threads,
        workers=settings.workers,
        pack=active.pack,
    )
    if "weights" in settings.keep:
        keep_weights(settings.weights(run), run, active.players, data, history.step)
    publish(settings.record(run), metadata, pa.Table.from_pylist(history.trace), settings.mirror)
    settings.mirror.remove(settings.checkpoint(run))
    return Event(run, "recorded")
