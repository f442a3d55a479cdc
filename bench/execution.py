"""One run from its first step, or its checkpoint, to its published record."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench import environment
from bench.batches import Batches
from bench.catalogue import find
from bench.checkpoints import History, restore, save
from bench.datasets import Data
from bench.evaluation import Evaluator, evaluator, quantised
from bench.metadata import metadata_of
from bench.metrics import PROBES
from bench.planning import Run
from bench.players import Players, build_players, generate, settled
from bench.position import Position
from bench.probes import Probe
from bench.random_streams import Streams, stream
from bench.reals import load_data, reals_on
from bench.records import publish
from bench.snapshots import KEPT_IMAGES, KEPT_POINTS
from bench.training import Measurement, train


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


@dataclass(frozen=True)
class Progress:
    """Where a run in flight is: generator steps done, and steps per second of the last chunk."""

    step: int
    steps_per_second: float
    notice: str = ""


def execute(run: Run, settings: Settings, report: Callable[[Progress], None], stopping: Callable[[], bool]) -> bool:
    """Trains, measures and publishes one run.

    Args:
        run: What to do.
        settings: Where and how.
        report: Called after every chunk of steps.
        stopping: Asked after every chunk; when true, the run is checkpointed and left.

    Returns:
        Whether the record is published; False where the run was stopped.

    Raises:
        GanbenchError: the record or a checkpoint cannot be written, or the extractor is not here.
    """
    device = torch.device(settings.device)
    environment.begin(device)
    began = time.perf_counter()

    data = load_data(run.training.dataset)
    judge = evaluator(run.training.dataset, run.evaluation, run.extractor_hash, settings.inception_weights, device)
    shape = find("dataset", run.training.dataset.name).shape(run.training.dataset.options)
    players = build_players(run.training, shape, run.seed, device)
    streams = Streams(run.seed)
    history, notice = restore(settings.checkpoint(run), run, players, streams)
    earlier = history.wall_seconds
    report(Progress(history.step, 0.0, notice))

    saved = time.monotonic()
    for measurement in _measurements(run, players, streams, data, judge, history, device):
        report(Progress(measurement.step, history.rates[-1] if history.rates else 0.0))
        history.wall_seconds = earlier + time.perf_counter() - began
        stop = stopping() and not history.diverged and history.step < run.training.steps
        if stop or time.monotonic() - saved > settings.checkpoint_every:
            save(settings.checkpoint(run), run, players, streams, history)
            saved = time.monotonic()
        if stop:
            return False
    again = {} if history.diverged else _measure_again(run, players, data, judge, device)
    history.wall_seconds = earlier + time.perf_counter() - began
    metadata = metadata_of(
        run,
        players,
        data,
        judge,
        history,
        again,
        device=device,
        threads=settings.threads,
        workers=settings.workers,
    )
    publish(settings.record(run), metadata, history.trace)
    settings.checkpoint(run).unlink(missing_ok=True)
    return True


def _measurements(
    run: Run,
    players: Players,
    streams: Streams,
    data: Data,
    judge: Evaluator,
    history: History,
    device: torch.device,
) -> Iterator[Measurement]:
    """Trains and evaluates on from the end of ``history``, and adds to it."""
    training, every = run.training, run.evaluation.every
    latents = torch.randn(run.evaluation.samples, training.latent, generator=stream(run.seed, "evaluation"))
    reals, held_out = reals_on(data.train, device), reals_on(data.test, device)
    shape = data.train.shape[1:]
    start = Position(training, players, run.seed, 0, shape, reals, len(data.train), device)
    if not history.trace:
        evaluate(start, latents, data, judge, history, None)
    if history.diverged:  # before the checkpoint that it comes from
        return

    def probed() -> tuple[Tensor, Tensor]:
        splits = ((reals, len(data.train)), (held_out, len(data.test)))
        seen, unseen = (Batches(training, Streams(run.seed, "probe "), *split, device).reals() for split in splits)
        return seen, unseen

    batches = Batches(training, streams, reals, len(data.train), device)
    environment.set_tf32(training.tf32, device)
    for measurement in train(training, players, batches, history.step, every, Probe(probed)):
        if not measurement.diverged:  # else the seconds are those of more steps
            history.rates += ((measurement.step - history.step) / max(measurement.seconds, 1e-9),)
        history.step = measurement.step
        history.training_seconds += measurement.seconds
        history.diverged = measurement.diverged
        if not history.diverged and (measurement.step % every == 0 or measurement.step == training.steps):
            environment.set_tf32(False, device)
            evaluate(replace(start, step=history.step), latents, data, judge, history, measurement)
            environment.set_tf32(training.tf32, device)
        yield measurement
        if history.diverged:
            return


def evaluate(
    position: Position,
    latents: Tensor,
    data: Data,
    judge: Evaluator,
    history: History,
    measurement: Measurement | None,
) -> None:
    """Evaluates the players and adds a row to the trace; samples that are not finite end the run instead."""
    began = time.perf_counter()
    players = position.players
    samples = generate(players.generator, latents)
    if not all(parameter.isfinite().all() for parameter in players.critic.parameters()):
        history.diverged = "critic's weights"  # the losses are those before the last update
        return
    if not samples.isfinite().all():
        if measurement is None:
            raise ValueError("the generator's samples are not finite before the first step")
        history.diverged = "samples"
        return
    samples = quantised(samples, data.train)
    terms = [each.name for each in position.training.penalty if find("penalty", each.name).term]
    row: dict[str, Any] = {
        "step": history.step,
        "seconds": history.training_seconds,
        "critic_loss": measurement.critic_loss if measurement else math.nan,
        "generator_loss": measurement.generator_loss if measurement else math.nan,
        **{f"penalty_{name}": measurement.penalties[name] if measurement else math.nan for name in terms},
        **(measurement.probes if measurement else dict.fromkeys(PROBES, math.nan)),
        **judge.measure(samples),
        **judge.measure_game(position),
    }
    if players.average is not None:
        average = settled(players.average)
        averaged = judge.measure(quantised(generate(average, latents), data.train))
        row |= {f"{name}_ema": value for name, value in averaged.items()}
    row["samples"] = samples[: _kept(samples)].numpy().tobytes()
    history.trace.append(row)
    history.evaluation_seconds += time.perf_counter() - began


def _measure_again(
    run: Run, players: Players, data: Data, judge: Evaluator, device: torch.device
) -> dict[str, float | None]:
    """The last generator's measures on other samples: what differs is the noise of the metric, not of the seed."""
    environment.set_tf32(False, device)
    latents = torch.randn(run.evaluation.samples, run.training.latent, generator=stream(run.seed, "evaluation again"))
    measured = judge.measure(quantised(generate(players.generator, latents), data.train))
    if players.average is not None:
        of_average = judge.measure(quantised(generate(settled(players.average), latents), data.train))
        measured |= {f"{name}_ema": value for name, value in of_average.items()}
    return {name: value if math.isfinite(value) else None for name, value in measured.items()}


def _kept(samples: Tensor) -> int:
    return KEPT_IMAGES if samples.dtype == torch.uint8 else KEPT_POINTS
