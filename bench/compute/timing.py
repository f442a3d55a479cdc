"""Times every cell of a suite alone in this process: training in steady state, and one evaluation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bench.compute import environment
from bench.compute.checkpoints import History
from bench.compute.evaluation import evaluator
from bench.compute.measuring import evaluate
from bench.compute.training.game_state import Position
from bench.compute.training.loop import Measurement, train
from bench.compute.training.pack import Pack, assemble
from bench.compute.training.random_streams import stream
from bench.compute.training.reals import load_data, reals_on
from bench.errors import DeviceError, ResultsError
from bench.plan.runs import Run, plan_runs
from bench.plan.specification import TomlTable
from bench.plan.suite import Suite, load_suite
from bench.records.timing_results import write_timings

WARM_UP = 20  # steps before the clock starts: memory is allocated, and kernels are chosen by trial
EVALUATING = 0.2  # seconds at the least: one evaluation of points is too short to be timed
Watch = Callable[[Run, int], None]


def time_suite(
    suite: str,
    *,
    results: str | Path = "results",
    rounds: int = 5,
    steps: int = 100,
    device: str = "auto",
    threads: int = 1,
    settings: TomlTable | None = None,
    filters: Mapping[str, set[str]] | None = None,
    inception_weights: Path | None = None,
    begin: Callable[[list[Run]], None] = lambda runs: None,
    watch: Watch = lambda run, number: None,
) -> Path:
    """Times the cells of a suite one after another and writes ``timings.json`` into its results folder.

    Each round times every cell once, from its first step and in an order that is rotated by the number of the round, so
    that a machine that grows slow or fast meets all of them alike. A round before the first is thrown away.

    Args:
        suite: Name, or path of a file.
        results: The suite's folder is made in it.
        rounds: How often each cell is timed.
        steps: Generator steps that are timed in a round, after some that are not.
        device: "auto", "cpu", "cuda", "cuda:N", "mps".
        threads: Of torch.
        settings: Training keys set above all that the suite says.
        filters: Axis → values: only these cells.
        inception_weights: File of Inception's weights.
        begin: Called with one run a cell, the suite's first seed, before anything is timed.
        watch: Called with what is about to be timed, and the number of the round: −1 is thrown away.

    Returns:
        The path of what was written; an earlier file is replaced.

    Raises:
        GanbenchError: bad input, a cell that diverges before it is timed, or nowhere to write.
    """
    specification = load_suite(suite)
    place = torch.device(environment.devices(device)[0])
    runs = plan_runs(
        specification,
        settings=settings,
        seeds=specification.seeds[:1],
        filters=filters,
        inception_weights=inception_weights,
        download=True,
    )
    if place.type == "mps" and any(run.training.precision == "float64" for run in runs):
        raise DeviceError('--device mps has no precision "float64"; use cpu')
    folder = Path(results) / specification.name
    _check_writable(folder)
    surroundings = _surroundings(place, threads)
    begin(runs)
    timed: list[list[dict[str, Any]]] = [[] for _ in runs]
    with environment.threads(threads):
        for index, number in _interleaved(len(runs), rounds):
            watch(runs[index], number)
            row = _time(runs[index], steps if number >= 0 else 1, place, inception_weights)
            if number >= 0:
                timed[index].append({"round": number, **row})
    return write_timings(folder, _content(specification, runs, timed, surroundings))


def _interleaved(cells: int, rounds: int) -> Iterator[tuple[int, int]]:
    """Cell and round, from round −1 on; round r begins with cell r, and goes round."""
    for number in range(-1, rounds):
        for index in range(cells):
            yield (index + number) % cells, number


def _time(run: Run, steps: int, device: torch.device, inception_weights: Path | None) -> dict[str, Any]:
    """One round of one cell, as ``bench.compute.execution`` would do it: train, then evaluate."""
    environment.begin(device)
    training = run.training
    data = load_data(training.dataset)
    judge = evaluator(training.dataset, run.evaluation, run.extractor_hash, inception_weights, device)
    reals = reals_on(data.train, device)
    shape = data.train.shape[1:]
    pack = assemble([training], [run.seed], shape, reals, len(data.train), device)
    environment.set_tf32(training.tf32, device)
    _train(run, pack, 0, WARM_UP)
    measured = _train(run, pack, WARM_UP, WARM_UP + steps)
    seconds = sum(each.seconds for each in measured) / steps
    environment.set_tf32(False, device)
    history = History(step=WARM_UP + steps, trace=[])
    position = Position(training, pack.players[0], run.seed, history.step, shape, reals, len(data.train), device)
    latents = torch.randn(run.evaluation.samples, training.latent, generator=stream(run.seed, "evaluation"))
    while history.evaluation_seconds < EVALUATING:
        evaluate(position, latents, data, judge, history, measured[-1])
        _check_finite(run, history.diverged, history.step)
    return {
        "steps": steps,
        "seconds_per_step": seconds,
        "images_per_second": training.critic_steps * training.batch_size / seconds,
        "seconds_per_evaluation": history.evaluation_seconds / len(history.trace),
        "peak_memory_bytes": environment.peak_memory_bytes(device),
    }


def _train(run: Run, pack: Pack, first: int, last: int) -> list[Measurement]:
    measured = [each for (each,) in train(pack, first, steps=last)]
    _check_finite(run, measured[-1].diverged, measured[-1].step)
    return measured


def _check_finite(run: Run, diverged: str | None, step: int) -> None:
    if diverged:
        told = f"{diverged} not finite at step {step}"
        raise ResultsError(f"cell ({run}) cannot be timed: {told}; fewer --steps, or --only to leave it out")


def _surroundings(device: torch.device, threads: int) -> dict[str, Any]:
    return {
        **environment.versions(),
        "device": str(device),
        "device_name": environment.device_name(device),
        "threads": threads,
        "workers": 1,
        "pack": 1,
        "alone": True,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "date": datetime.now(UTC).date().isoformat(),
        "warm_up": WARM_UP,
    }


def _content(
    suite: Suite, runs: Sequence[Run], timed: Sequence[list[dict[str, Any]]], surroundings: dict[str, Any]
) -> dict[str, Any]:
    cells = [
        {
            "axes": dict(run.axes),
            "training": run.training.model_dump(mode="json"),
            "evaluation": run.evaluation.model_dump(mode="json"),
            "rounds": rows,
        }
        for run, rows in zip(runs, timed, strict=True)
    ]
    return {
        "suite": suite.name,
        "version": suite.version,
        "title": suite.title,
        "axes": list(runs[0].axes),
        "environment": surroundings,
        "cells": cells,
    }


def _check_writable(folder: Path) -> None:
    """Before minutes are spent: the folder, or the nearest there is above it, can be written."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ResultsError(f"results folder {folder} cannot be written: {there} is not a folder that can be written")
