"""Fills in the metadata of the record of a run that has ended."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import Any

import numpy as np
import torch

from bench.catalogue import find
from bench.catalogue.datasets import Data
from bench.catalogue.datasets.data import Modes
from bench.catalogue.datasets.signals import RecognisedModes
from bench.catalogue.metrics.declared import declared_measures
from bench.catalogue.metrics.further_features import further_measures
from bench.catalogue.metrics.measures import MEASURES, Measure, plain_name
from bench.compute import environment
from bench.compute.checkpoints import History
from bench.compute.evaluation import Evaluator
from bench.compute.training.players import Players
from bench.compute.translated import evaluated_count
from bench.plan.added_packages import packages_of
from bench.plan.runs import Run
from bench.plan.specification import Evaluation
from bench.plan.updates import critic_batches
from bench.records import schema
from bench.records.circumstances import Environment, Timing
from bench.records.held_out import kept_held_out
from bench.records.pairs import kept_pairs
from bench.records.samples import kept_count
from bench.records.schema import DeclaredMeasure, Ending, Metadata, Parameters, Samples, Training

REAL_POINTS, REAL_NUMBERS = 30, 2_000  # at most in a record


# Long: one literal that names every section of a record.
def metadata_of(
    run: Run,
    players: Players,
    data: Data,
    judge: Evaluator,
    history: History,
    again: dict[str, float | None],
    *,
    device: torch.device,
    threads: int,
    workers: int,
    pack: int,
) -> Metadata:
    """Specification, data, protocol, ending, timing and environment of a run that has ended.

    Args:
        run: What was to be done.
        players: As they are now.
        data: What they were trained on.
        judge: By what they were measured.
        history: What they went through.
        again: Measures of the last generator on other samples.
        device: Where.
        threads: Of torch.
        workers: How many worked beside each other.
        pack: How many runs trained as one program.
    """
    training = run.training
    dtype = "uint8" if data.train.dtype == np.uint8 else "float32"
    count = evaluated_count(data, run.evaluation.samples)
    shape = (min(kept_count(data.train.ndim), count), *data.train.shape[1:])
    reason = f"{history.diverged} not finite at step {history.step:,}" if history.diverged else ""
    measured = {plain_name(name) for name in history.trace[0]}
    names = [metric.name for metric in run.evaluation.metrics]
    declared = declared_measures(names) | further_measures(names, run.evaluation.extractor)
    known = {name: measure for name, measure in (MEASURES | declared).items() if name in measured}
    packages = packages_of(run)
    return Metadata(
        run=run.id,
        cell=run.cell,
        suite=run.suite,
        version=run.version,
        title=run.title,
        axes=dict(run.axes),
        seed=run.seed,
        training=Training.model_validate(training.model_dump(mode="json")),
        evaluation=describe_evaluation(run.evaluation),
        **({"search": run.search.model_dump(mode="json")} if run.search else {}),
        rules=run.rules.model_dump(mode="json", exclude_defaults=True),
        gate=run.gate.model_dump(mode="json"),
        references=tuple(reference.model_dump(mode="json") for reference in run.references),
        data=describe_data(data),
        protocol={**judge.protocol, **describe_sampler(run)},
        real={name: value if math.isfinite(value) else None for name, value in judge.real.items()},
        again=again,
        higher_is_better={name: measure.higher_is_better for name, measure in known.items()},
        **describe_measures({name: measure for name, measure in known.items() if name in declared}),
        samples=Samples(shape=shape, dtype=dtype, **describe_signal(data), **_real_samples(data, count)),
        parameters=Parameters(
            generator=_size(players.generator), critic=None if players.critic is None else _size(players.critic)
        ),
        ending=Ending(
            status="diverged" if history.diverged else "finished",
            step=history.step,
            place=history.diverged,
            reason=reason,
        ),
        timing=_timing(run, history, device),
        environment=Environment(
            **environment.versions(),
            device=str(device),
            device_name=environment.device_name(device),
            threads=threads,
            workers=workers,
            pack=pack,
            resumed=history.resumed,
            date=datetime.now(UTC).date().isoformat(),
            tf32=training.tf32,
            precision=training.precision,
            **({"packages": packages} if packages else {}),
        ),
    )


def _timing(run: Run, history: History, device: torch.device) -> Timing:
    steady = history.rates[1:] or history.rates  # the first chunk warms up
    rate = median(steady) if steady else None
    return Timing(
        steps_per_second=rate,
        images_per_second=rate and rate * critic_batches(run.training) * run.training.batch_size,
        training_seconds=history.training_seconds,
        evaluation_seconds=history.evaluation_seconds,
        wall_seconds=history.wall_seconds,
        peak_memory_bytes=environment.peak_memory_bytes(device),
    )


def describe_sampler(run: Run) -> dict[str, Any]:
    """Return the keys of the protocol that say how samples are drawn, if a numerical method draws them."""
    family = run.training.family
    sampler = find("family", family.name).sampler
    return {"sampler": sampler, "sampler_steps": family.options.sampler_steps} if sampler else {}  # type: ignore[attr-defined]


def describe_evaluation(evaluation: Evaluation) -> schema.Evaluation:
    """Return the section of a record about its evaluation."""
    unset = {"extractor"} if evaluation.extractor is None else set()
    return schema.Evaluation.model_validate(evaluation.model_dump(mode="json", exclude=unset))


def describe_measures(declared: dict[str, Measure]) -> dict[str, Any]:
    """Return the section on measures that ganbench does not define; records without any have no such section."""
    sections = {
        name: DeclaredMeasure.model_validate(
            {field: value for field, value in measure._asdict().items() if field in DeclaredMeasure.model_fields}
            | {"range": tuple(bound if math.isfinite(bound) else None for bound in measure.range[:2])}
        )
        for name, measure in declared.items()
    }
    return {"measures": sections} if sections else {}


def describe_signal(data: Data) -> dict[str, Any]:
    """Return what the numbers of sounds or strings are; records of other samples have no such fields."""
    return {name: value for name, value in (data.signal._asdict() if data.signal else {}).items() if value}


def _real_samples(data: Data, count: int) -> dict[str, Any]:
    """Return what pictures show of real data; of translations the first sources with their answers."""
    if data.sources is not None:
        return _real_points(data) | kept_pairs(data.sources.test[:count], data.test[:count])
    return _real_points(data) | kept_held_out(data.test)


def _real_points(data: Data) -> dict[str, Any]:
    """Return a few real points of two or more dimensions, which show where generated ones should be without modes."""
    dimension = data.test.shape[-1]
    if data.modes is not None or data.test.ndim != 2 or dimension < 2:
        return {}
    points = data.test[: min(REAL_POINTS, max(1, REAL_NUMBERS // dimension))].tolist()
    return {"real": tuple(tuple(float(f"{number:.4g}") for number in point) for point in points)}


def describe_data(data: Data) -> schema.Data:
    """Return the section of a record about its data."""
    modes = data.modes and _recorded_modes(data.modes)
    shape = data.train.shape[1:]
    return schema.Data(
        fingerprint=data.fingerprint,
        shape=shape,
        train=len(data.train),
        test=len(data.test),
        modes=modes,
        files=data.files and schema.Files(**asdict(data.files)),
    )


def _recorded_modes(modes: Modes | RecognisedModes) -> schema.Modes:
    if isinstance(modes, RecognisedModes):
        return schema.Modes(names=modes.names, weights=tuple(modes.weights.tolist()))
    weights = None if modes.weights is None else tuple(modes.weights.tolist())
    return schema.Modes(centres=modes.centres.tolist(), sigma=modes.sigma, weights=weights)


def _size(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
