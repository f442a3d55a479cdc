"""The runs of a pack from their first step, or their checkpoints, to their published records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import torch
from torch import Tensor

from bench.catalogue.datasets import Data
from bench.compute import environment
from bench.compute.checkpoints import History, Restored, loading, restore, save
from bench.compute.evaluation import Evaluator, evaluator
from bench.compute.events import Event, Progress
from bench.compute.measuring import evaluate, measure_again
from bench.compute.metadata import metadata_of
from bench.compute.training.game_state import Position
from bench.compute.training.loop import Measurement, train
from bench.compute.training.pack import assemble
from bench.compute.training.players import Players
from bench.compute.training.probes import Probe
from bench.compute.training.random_streams import stream
from bench.compute.training.reals import load_data, reals_on
from bench.compute.training.samplers import Batches
from bench.plan.runs import Run
from bench.plan.specification import Training
from bench.records.record import publish


@dataclass(frozen=True)
class Settings:
    """How runs are executed; none of it changes their numbers on the CPU.

    Attributes:
        folder: The suite's results folder.
        device: "cpu", "cuda:0", "mps".
        threads: Of torch, in each worker.
        workers: How many work beside each other, for the record.
        checkpoint_every: Seconds between two checkpoints.
        inception_weights: File of Inception's weights.
    """

    folder: Path
    device: str = "cpu"
    threads: int = 1
    workers: int = 1
    checkpoint_every: float = 60.0
    inception_weights: Path | None = None

    def record(self, run: Run) -> Path:
        """Where the record of a run is published."""
        return self.folder / "records" / run.file_name

    def checkpoint(self, run: Run) -> Path:
        """Where the checkpoint of a run is kept until then."""
        return self.folder / "checkpoints" / f"{run.id}.pt"


@dataclass
class Flight:
    """A run between its first step, or its checkpoint, and its record.

    Attributes:
        run: Which one.
        players: Its networks.
        history: What it has measured.
        pack: How many runs share its tensor program, itself among them.
        first: The identity of the first of these.
    """

    run: Run
    players: Players
    history: History
    pack: int
    first: str

    def progress(self, notice: str = "") -> Event:
        """Where it is."""
        rate = self.history.rates[-1] if self.history.rates else 0.0
        return Event(self.run, "progress", Progress(self.history.step, rate, notice, self.pack, self.first))


@dataclass(frozen=True)
class Common:
    """What the runs of a pack share, but for the pack itself."""

    settings: Settings
    device: torch.device
    data: Data
    judge: Evaluator
    reals: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, run: Run, settings: Settings) -> Common:
        """That of a run and all its kind."""
        device, dataset = torch.device(settings.device), run.training.dataset
        data = load_data(dataset)
        judge = evaluator(dataset, run.evaluation, run.extractor_hash, settings.inception_weights, device)
        return cls(settings, device, data, judge, reals_on(data.train, device))

    def probe(self, training: Training) -> Probe:
        """Looks at the same samples each time, of both splits."""
        splits = ((self.reals, len(self.data.train)), (reals_on(self.data.test, self.device), len(self.data.test)))

        def probed(seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
            seen, unseen = (Batches(training, seeds, *split, self.device, "probe ").reals() for split in splits)
            return seen, unseen

        return Probe(probed)


def execute(runs: Sequence[Run], settings: Settings, stopping: Callable[[], bool]) -> Iterator[Event]:
    """Trains, measures and publishes the runs of one pack.

    Args:
        runs: With one ``bench.plan.grouping.pack_key``. Those that were left at different steps go after each other.
        settings: Where and how.
        stopping: Asked after every chunk of steps; when true, all are checkpointed and left.

    Yields:
        The progress of every run after every chunk, and its end: "recorded", or "stopped".

    Raises:
        GanbenchError: a record or a checkpoint cannot be written, or the extractor is not here.
    """
    environment.begin(torch.device(settings.device))
    restored = [(run, restore(settings.checkpoint(run), run)) for run in runs]
    restored.sort(key=lambda each: each[1].history.step)
    for number, (_, group) in enumerate(groupby(restored, key=lambda each: each[1].history.step)):
        if number and stopping():  # their checkpoints stay as they were
            yield from (Event(run, "stopped") for run, _ in group)
        else:
            yield from _execute(list(group), Common.of(runs[0], settings), stopping)


def _execute(restored: Sequence[tuple[Run, Restored]], common: Common, stopping: Callable[[], bool]) -> Iterator[Event]:
    """The same for runs that were left at the same step."""
    settings, device, data = common.settings, common.device, common.data
    training, every = restored[0][0].training, restored[0][0].evaluation.every
    trainings, seeds = [run.training for run, _ in restored], [run.seed for run, _ in restored]
    pack = assemble(trainings, seeds, data.train.shape[1:], common.reals, len(data.train), device)
    if restored[0][1].state is not None:
        with loading([settings.checkpoint(run) for run, _ in restored]):
            pack.load_state_dicts([each.state for _, each in restored if each.state is not None])
    saved, mark = time.monotonic(), time.perf_counter()
    flights = []
    for (run, each), players in zip(restored, pack.players, strict=True):
        flights.append(Flight(run, players, each.history, len(pack), restored[0][0].id))
        yield flights[-1].progress(each.notice)
        if not each.history.trace:
            _look(flights[-1], None, common)

    environment.set_tf32(training.tf32, device)
    for measured in train(pack, flights[0].history.step, every, common.probe(training)):
        environment.set_tf32(False, device)
        for flight, measurement in zip(flights, measured, strict=True):
            _note(flight, measurement, common)
        environment.set_tf32(training.tf32, device)
        mark, elapsed = time.perf_counter(), time.perf_counter() - mark
        for flight in flights:
            flight.history.wall_seconds += elapsed / len(flights)
            yield flight.progress()
        gone = [flight for flight in flights if flight.history.diverged]
        flights = [flight for flight in flights if not flight.history.diverged]
        pack.drop(flight.players for flight in gone)
        yield from (_publish(flight, common) for flight in gone)
        stop = stopping() and bool(flights) and flights[0].history.step < training.steps
        if stop or time.monotonic() - saved > settings.checkpoint_every:
            for index, flight in enumerate(flights):
                save(settings.checkpoint(flight.run), flight.run, pack.state_dict(index), flight.history)
            saved = time.monotonic()
        if stop:
            yield from (Event(flight.run, "stopped") for flight in flights)
            return
    yield from (_publish(flight, common) for flight in flights)


def _note(flight: Flight, measurement: Measurement, common: Common) -> None:
    """Adds a chunk of steps to the history of a run, and an evaluation where one is due."""
    history, run = flight.history, flight.run
    if not measurement.diverged:  # else the seconds are those of more steps
        history.rates += ((measurement.step - history.step) / max(measurement.seconds, 1e-9),)
    history.step = measurement.step
    history.training_seconds += measurement.seconds
    history.diverged = measurement.diverged
    due = measurement.step % run.evaluation.every == 0 or measurement.step == run.training.steps
    if due and not history.diverged:
        _look(flight, measurement, common)


def _look(flight: Flight, measurement: Measurement | None, common: Common) -> None:
    run, data = flight.run, common.data
    latents = torch.randn(run.evaluation.samples, run.training.latent, generator=stream(run.seed, "evaluation"))
    real = data.train.shape[1:], common.reals, len(data.train), common.device
    here = Position(run.training, flight.players, run.seed, flight.history.step, *real)
    evaluate(here, latents, data, common.judge, flight.history, measurement)


def _publish(flight: Flight, common: Common) -> Event:
    began = time.perf_counter()
    run, history, settings = flight.run, flight.history, common.settings
    again = {}
    if not history.diverged:
        environment.set_tf32(False, common.device)
        again = measure_again(run, flight.players, common.data, common.judge)
    history.wall_seconds += time.perf_counter() - began
    metadata = metadata_of(
        run,
        flight.players,
        common.data,
        common.judge,
        history,
        again,
        device=common.device,
        threads=settings.threads,
        workers=settings.workers,
        pack=flight.pack,
    )
    publish(settings.record(run), metadata, history.trace)
    settings.checkpoint(run).unlink(missing_ok=True)
    return Event(run, "recorded")
