"""Times the cells of a suite one at a time in this process: training at its steady speed, and one evaluation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from bench.compute import environment
from bench.compute.checkpoints import History
from bench.compute.contracts.dry_check import dry_check
from bench.compute.evaluated_samples import evaluation_latents
from bench.compute.evaluation import build_evaluator, evaluate
from bench.compute.other_load import OtherLoad
from bench.compute.settings import Settings
from bench.compute.training.loop import Measurement, train
from bench.compute.training.pack import Pack
from bench.compute.training.real_data import RealData
from bench.errors import ContractError, ResultsError
from bench.plan.runs import Run, plan_runs
from bench.plan.specification import TomlTable
from bench.plan.suite import Suite, load_suite
from bench.plan.updates import critic_batches
from bench.records.addresses import suite_folder_in
from bench.records.mirror import Mirror
from bench.records.timing_results import write_timings

WARM_UP = 20  # steps before the timed ones, in which memory is allocated and kernels are selected
EVALUATION_TIME = 0.2  # seconds: evaluations are repeated for at least this long, because some are too short to time
Watch = Callable[[Run, int], None]


# Long: a third is the docstring; the rest reads from top to bottom.
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
    skip_broken: bool = False,
    begin: Callable[[list[Run]], None] = lambda runs: None,
    watch: Watch = lambda run, number: None,
) -> Path:
    """Time the cells of a suite one after another and write ``timings.json`` to its results folder.

    Each round times every cell once, from its first step. The order is rotated by one cell per round, so that changes
    in the speed of the machine affect all cells alike. The first round is a warm-up and is discarded.

    Args:
        suite: The name of a suite, or the path of a suite file.
        results: The folder that contains the suite's results folder, or an address such as s3://bucket/results.
        rounds: The number of rounds, not counting the warm-up.
        steps: The number of generator steps to time per round, after the warm-up steps.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        threads: The number of torch threads.
        settings: Training keys that override the suite's.
        filters: Maps axes to values; only matching cells are timed.
        inception_weights: The file with Inception's weights.
        skip_broken: Whether to leave out images that cannot be decoded.
        begin: Called before timing with one run per cell, for the suite's first seed.
        watch: Called before each timing with the run and the number of the round, −1 for the warm-up.

    Returns:
        The path of the timings file, or of its copy on this machine. An existing file is replaced.

    Raises:
        GanbenchError: The input is invalid, a cell diverges before it is timed, or the folder is not writable.
    """
    specification = load_suite(suite)
    environment.devices(device)  # before datasets are downloaded
    runs = plan_runs(
        specification,
        settings=settings,
        seeds=specification.seeds[:1],
        filters=filters,
        inception_weights=inception_weights,
        skip_broken=skip_broken,
        download=True,
    )
    where = torch.device(environment.devices(device, {run.training.precision for run in runs})[0])
    folder = suite_folder_in(results, specification.name)
    mirror = Mirror.at(folder)
    mirror.check_usable()
    for fault in dry_check(runs, Settings(folder, str(where), threads), lambda notice: None).faults.values():
        raise ContractError(fault)
    conditions = _describe_conditions(where, threads)
    begin(runs)
    rows: list[list[dict[str, Any]]] = [[] for _ in runs]
    others = OtherLoad()
    with environment.limited_threads(threads):
        for index, number in _rotated_order(len(runs), rounds):
            watch(runs[index], number)
            row = _time(runs[index], steps if number >= 0 else 1, where, inception_weights)
            if number >= 0:
                rows[index].append({"round": number, **row})
    conditions["other_load"] = others.cores()
    path = write_timings(folder, _content(specification, runs, rows, conditions))
    mirror.push(path)
    return path


def _rotated_order(cells: int, rounds: int) -> Iterator[tuple[int, int]]:
    """Yield the index of a cell and the number of the round, from −1 on; round r starts with cell r."""
    for number in range(-1, rounds):
        for index in range(cells):
            yield (index + number) % cells, number


def _time(run: Run, steps: int, device: torch.device, inception_weights: Path | None) -> dict[str, Any]:
    """Time one round of one cell: train and evaluate, as ``bench.compute.execution`` does."""
    environment.set_up_device(device)
    training, evaluation = run.training, run.evaluation
    evaluator = build_evaluator(training.dataset, evaluation, run.extractor_hash, inception_weights, device)
    real = RealData.load(training.dataset, device)
    pack = real.start_pack([training], [run.seed])
    _train(run, pack, 0, WARM_UP)
    measurements = _train(run, pack, WARM_UP, WARM_UP + steps)
    seconds = sum(measurement.seconds for measurement in measurements) / steps
    history = History(step=WARM_UP + steps, trace=[])
    state = real.game_state(run, pack.players[0], history.step)
    latents = evaluation_latents(training, state.shape, evaluation.samples, run.seed, data=real.data)
    while history.evaluation_seconds < EVALUATION_TIME:
        evaluate(state, latents, real.data, evaluator, history, measurements[-1])
        _check_finite(run, history.diverged, history.step)
    return {
        "steps": steps,
        "seconds_per_step": seconds,
        "images_per_second": critic_batches(training) * training.batch_size / seconds,
        "seconds_per_evaluation": history.evaluation_seconds / len(history.trace),
        "peak_memory_bytes": environment.peak_memory_bytes(device),
    }


def _train(run: Run, pack: Pack, first: int, last: int) -> list[Measurement]:
    measurements = [measurement for (measurement,) in train(pack, first, steps=last)]
    _check_finite(run, measurements[-1].diverged, measurements[-1].step)
    return measurements


def _check_finite(run: Run, diverged: str | None, step: int) -> None:
    if diverged:
        reason = f"{diverged} not finite at step {step}"
        raise ResultsError(f"cell ({run}) cannot be timed: {reason}; use fewer --steps, or exclude it with --only")


def _describe_conditions(device: torch.device, threads: int) -> dict[str, Any]:
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
    suite: Suite, runs: Sequence[Run], rows: Sequence[list[dict[str, Any]]], conditions: dict[str, Any]
) -> dict[str, Any]:
    cells = [
        {
            "axes": dict(run.axes),
            "training": run.training.model_dump(mode="json"),
            "evaluation": run.evaluation.model_dump(mode="json"),
            "rounds": rounds,
        }
        for run, rounds in zip(runs, rows, strict=True)
    ]
    return {
        "suite": suite.name,
        "version": suite.version,
        "title": suite.title,
        "axes": list(runs[0].axes),
        "environment": conditions,
        "cells": cells,
    }
