"""Measures of samples that exist already, and the record that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bench.catalogue.metrics.declared import declared_measures
from bench.catalogue.metrics.further_features import further_measures
from bench.catalogue.metrics.measures import MEASURES, Measure
from bench.compute.metadata import describe_data, describe_evaluation, describe_measures, describe_signal
from bench.compute.training.real_data import cached_dataset
from bench.errors import DataError, ResultsError, SuiteError
from bench.escaping import as_label
from bench.files import check_writable
from bench.plan.identity import MAIN_AXES
from bench.plan.rules import Rules
from bench.plan.specification import Choice, Evaluation, validated
from bench.records.addresses import place_of
from bench.records.external.external_run import ExternalRun, describe_record, ended, trace_of
from bench.records.external.origin import describe_versions
from bench.records.held_out import kept_held_out
from bench.records.mirror import Mirror
from bench.records.schema import Samples

NUMBERS = ("seed", "steps", "batch_size", "critic_steps")  # settings of a run that are no axes


@dataclass(frozen=True)
class Measured:
    """The measures of one set of samples, and of real data under the same protocol.

    Attributes:
        values: Measure → value of the samples.
        real: Measure → value of held-out real data.
        protocol: The settings that two values must share to be comparable.
        dataset: The dataset.
        evaluation: The metrics, the number of samples and the extractor.
        notices: Warnings about the values.
        kept: The first samples, as a record keeps them.
    """

    values: dict[str, float]
    real: dict[str, float]
    protocol: dict[str, Any]
    dataset: Choice
    evaluation: Evaluation
    notices: tuple[str, ...]
    kept: NDArray[Any]

    @property
    def declared(self) -> dict[str, Measure]:
        """The measures among ``values`` that their metric declares, and ganbench does not define."""
        names = [metric.name for metric in self.evaluation.metrics]
        known = declared_measures(names) | further_measures(names, self.evaluation.extractor)
        return {name: measure for name, measure in known.items() if name in self.values}


def describe_run(
    suite: str, settings: Mapping[str, Any], *, version: int = 1, title: str = "", rules: Rules | None = None
) -> ExternalRun:
    """Return the run that some samples come from.

    Args:
        suite: Name of the results folder and the report.
        settings: The dataset's label, architecture, loss, seed, and whatever else is known: further axes, or steps,
            batch_size and critic_steps.
        version: Version of the experiment.
        title: Title of the report.
        rules: Outcome thresholds. [default: the usual ones]

    Raises:
        SuiteError: A setting is missing or not valid.
    """
    for name in (*MAIN_AXES, "seed"):
        if name not in settings:
            raise SuiteError(f"--record {as_label(suite, 80)}: {name} is missing: use --set {name}=VALUE")
    names = [*MAIN_AXES, *(name for name in settings if name not in (*MAIN_AXES, *NUMBERS))]
    fields = {name: settings[name] for name in NUMBERS if name in settings}
    axes = {name: str(settings[name]) if name in MAIN_AXES else settings[name] for name in names}
    common = {"suite": suite, "version": version, "title": title, "rules": rules or Rules()}
    return validated(ExternalRun, {**common, **fields, "axes": axes}, f"--record {as_label(suite, 80)}")


def check_recordable(run: ExternalRun, results: str | Path, replace: bool) -> Path:
    """Return the path of a run's record, or of its copy, after checking that it can be written.

    Raises:
        ResultsError: The run is recorded already, or the folder cannot be written.
    """
    path = run.record_path(results)
    mirror = Mirror.at(path.parents[1])
    if mirror.has(path) and not replace:
        raise ResultsError(f"{run} is already recorded as {place_of(path)}; use --replace to replace it")
    mirror.check_usable()
    check_writable(path.parent)
    return path


def record_measured(
    run: ExternalRun, by_step: Mapping[int, Measured], names: list[str], path: Path, *, of_suite: bool, replace: bool
) -> None:
    """Record the measures of samples as one run; its protocol, data and evaluation read like those of a trained run.

    Args:
        run: The run.
        by_step: Generator step → measures of the samples of that step.
        names: Where the samples were read from.
        path: The path of the record.
        of_suite: Whether the evaluation is that of a suite, with the steps between its evaluations.
        replace: Whether to replace an existing record.

    Raises:
        DataError: The samples were measured by different protocols.
        ResultsError: The record cannot be written.
    """
    first = next(iter(by_step.values()))
    data = cached_dataset(first.dataset)
    for step, measured in by_step.items():
        if measured.protocol != first.protocol:
            key = next(
                k for k in {**first.protocol, **measured.protocol} if first.protocol.get(k) != measured.protocol.get(k)
            )
            raise DataError(f"the samples of step {step:,} were measured differently: {key.replace('_', ' ')} differs")
    rows = [
        {"step": step, "seconds": math.nan, **by_step[step].values, "samples": by_step[step].kept.tobytes()}
        for step in sorted(by_step)
    ]
    trace = trace_of(rows)
    metadata = describe_record(
        run.model_copy(update={"protocol": first.protocol}),
        trace,
        ended(max(by_step)),
        {"kind": "measure", "samples": [name.encode("utf-8", "replace").decode() for name in names]},
        environment=describe_versions(),
        samples=Samples(
            shape=first.kept.shape, dtype=str(first.kept.dtype), **describe_signal(data), **kept_held_out(data.test)
        ),
    )
    evaluation = describe_evaluation(first.evaluation)
    known = {name: measure for name, measure in (MEASURES | first.declared).items() if name in first.values}
    sections = {
        "higher_is_better": {name: measure.higher_is_better for name, measure in known.items()},
        **describe_measures(first.declared),
        "real": {name: value if math.isfinite(value) else None for name, value in first.real.items()},
        "data": describe_data(data),
        "evaluation": evaluation if of_suite else evaluation.model_copy(update={"every": None}),
    }
    mirror = Mirror.at(path.parents[1])
    if mirror.has(path) and not replace:
        raise ResultsError(f"{run} was meanwhile recorded by another process as {place_of(path)}")
    mirror.publish(path, metadata.model_copy(update=sections), trace, replace=replace)
