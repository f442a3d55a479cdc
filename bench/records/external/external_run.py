"""Runs trained by other code: their specification, their identity and their records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator

from bench.catalogue import Options, suggestion
from bench.catalogue.metrics.measures import (
    LOSSES,
    MEASURES,
    PROBES,
    Directions,
    is_averaged,
    measure_name,
    plain_name,
)
from bench.errors import SuiteError
from bench.plan.identity import MAIN_AXES, Identified, Label, check_label, check_title
from bench.plan.rules import Rules
from bench.records.addresses import suite_folder_in
from bench.records.circumstances import Environment, Timing
from bench.records.external.possible_values import MAX_INTEGER, Count, CriticSteps, Seed, why_impossible, writable
from bench.records.schema import Ending, Evaluation, Metadata, Samples, Training
from bench.version import __version__

Row = dict[str, Any]
RESERVED = {  # columns of the frames of runs and of traces
    *("suite", "version", "seed", "run", "ending", "reason", "step", "steps_done", "critic_step", "images", "seconds"),
    *("measure", "value", "record", "samples", "device", "threads", "workers", "pack", "setting", "outcome", "primary"),
}
BETTER = {True: "higher is better", False: "lower is better", None: "neither direction is better"}
MAX_REASON = 200  # characters of the reason of a failure to keep


class ExternalRun(Identified, Options):
    """One cell with one seed, trained by other code.

    Attributes:
        suite: Name of the results folder and the report.
        version: Version of the experiment.
        title: Title of the report.
        axes: The run's value on each axis: dataset, architecture, loss and any others.
        seed: The seed.
        steps: Planned generator steps.
        batch_size: Batch size of the critic.
        critic_steps: Critic steps per generator step.
        higher_is_better: The direction of measures that ganbench does not define; None if neither is better.
        real: Measures of real data under the same protocol.
        protocol: Settings of the evaluation that values must share to be compared.
        rules: Outcome thresholds.
    """

    suite: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=200)]
    version: Count = 1
    title: str = ""
    axes: dict[str, Label]
    seed: Seed
    steps: Count | None = None
    batch_size: Count | None = None
    critic_steps: CriticSteps = 1
    higher_is_better: dict[str, bool | None] = {}
    real: dict[str, float] = {}
    protocol: dict[str, Label | None] = {}
    rules: Rules = Rules()

    @field_validator("title", "axes", "protocol", "higher_is_better", "real")
    @classmethod
    def _check_content(cls, content: Any, info: ValidationInfo) -> Any:
        """Check that all texts and integers can be written."""
        pairs = content.items() if isinstance(content, dict) else [(info.field_name, content)]
        for name, value in pairs:
            for text in (name, value):
                if isinstance(text, str) and text != writable(text):
                    raise SuiteError(f"{info.field_name}: {text!r} has characters that cannot be written as UTF-8")
            if type(value) is int and abs(value) > MAX_INTEGER:
                raise SuiteError(f"{name}: expected an integer of at most 64 bits")
        return content

    @field_validator("axes")
    @classmethod
    def _check_axes(cls, axes: dict[str, Label]) -> dict[str, Label]:
        for name, label in axes.items():
            if not name or name in RESERVED or name.endswith(("_final", "_best", "_real")):
                raise SuiteError(f"{name!r} is reserved and cannot be the name of an axis")
            if label == "":
                raise SuiteError(f"{name} is empty")
            check_label(name, "the name of an axis")
            check_label(label, name)
        return axes

    @field_validator("title")
    @classmethod
    def _check_title(cls, title: str) -> str:
        return check_title(title)

    @field_validator("higher_is_better")
    @classmethod
    def _check_measures(cls, directions: dict[str, bool | None]) -> dict[str, bool | None]:
        directions = {measure_name(name): direction for name, direction in directions.items()}
        for name, direction in directions.items():
            if is_averaged(name):
                raise SuiteError(f"{name!r}: give the direction of {plain_name(name)!r}; it is that of its average too")
            if not name or name in RESERVED or is_loss_or_probe(name):
                raise SuiteError(f"{name!r} is reserved and cannot be the name of a measure")
            if name in MEASURES and MEASURES[name].higher_is_better != direction:
                known = BETTER[MEASURES[name].higher_is_better]
                raise SuiteError(f"ganbench already has a measure {name!r} ({known}); choose another name")
        return directions

    @field_validator("real")
    @classmethod
    def _check_real(cls, real: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        own = info.data.get("higher_is_better", {})
        named = {measure_name(name, own): value for name, value in real.items()}
        if len(named) < len(real):
            raise SuiteError("real: a measure is given twice")
        for name, value in named.items():
            if reason := why_impossible(name, value):
                raise SuiteError(f"real: {name}: {reason}")
        return named

    @property
    def _content(self) -> dict[str, Any]:
        return {"foreign": {"suite": self.suite, "version": self.version, "axes": self.axes}}

    def record_path(self, results: str | Path) -> Path:
        """Return the path of the run's record, or of its copy on this machine if results are at an address.

        Raises:
            ResultsError: The address cannot be used.
        """
        return suite_folder_in(results, self.suite) / "records" / self.file_name

    def __str__(self) -> str:
        return f"{' · '.join(map(str, self.axes.values()))} · seed {self.seed}"


def is_loss_or_probe(name: str) -> bool:
    """Return whether a column of a trace is a loss, a penalty or a probe, not a measure of quality."""
    return name in LOSSES or name in PROBES or name.startswith("penalty_")


def is_known_column(name: str, directions: Directions) -> bool:
    """Return whether a column of a trace is a loss, a penalty, a probe, or a measure whose direction is known.

    Args:
        name: The name of the column.
        directions: The directions of measures that ganbench does not define.
    """
    return is_loss_or_probe(name) or plain_name(name) in {*directions, *MEASURES}


def unknown_measure(name: str, directions: Directions, remedy: str) -> str:
    """Return the error message for an unknown measure.

    Args:
        name: The unknown name.
        directions: The directions of measures that ganbench does not define.
        remedy: How to give the direction of a new measure.
    """
    near = suggestion(name.lower(), {*directions, *MEASURES, *LOSSES, *PROBES})
    return f"unknown measure {name!r}: give its direction with {remedy}{near if 'did you mean' in near else ''}"


def ended(step: int, reason: str = "", place: str | None = None) -> Ending:
    """Return how a run ended.

    Args:
        step: The last step, or the step at which the run failed.
        reason: Why it failed; "" if it did not. Line breaks become blanks, and the text is cut to ``MAX_REASON``.
        place: The value that was not finite, if that is why it failed.
    """
    reason = writable(" ".join(reason.split()))[:MAX_REASON]
    return Ending(status="diverged" if reason else "finished", step=step, place=place, reason=reason)


def trace_of(rows: Sequence[Row]) -> pa.Table:
    """Return rows as the trace of a record: a column for each key that has a value, null where a row has none.

    Args:
        rows: The rows, each with a step and the values known at it.
    """
    names = dict.fromkeys(name for row in rows for name in row if row[name] is not None)
    columns = {name: pa.array([row.get(name) for row in rows]) for name in names}
    unknown = pa.array([math.nan] * len(rows))
    columns.setdefault("seconds", unknown)
    if columns.keys() <= {"step", "seconds", "samples"}:
        columns["critic_loss"] = unknown  # the trace of a record has at least one measure
    return pa.table(columns)


def describe_record(
    run: ExternalRun,
    trace: pa.Table,
    ending: Ending,
    origin: Mapping[str, Any],
    *,
    timing: Timing = Timing(),  # noqa: B008  (frozen)
    environment: Mapping[str, Any] | None = None,
    samples: Samples = Samples(),  # noqa: B008
) -> Metadata:
    """Return the metadata of a run's record; what is not known stays None.

    Args:
        run: The run.
        trace: Its trace, as ``publish`` takes it.
        ending: How it ended.
        origin: How the record was made; the steps that the run was given are added.
        timing: What the run cost.
        environment: Keys of the record's section of that name.
        samples: Which samples the trace keeps.
    """
    measured = {plain_name(name) for name in trace.column_names}
    choices = {axis: {"name": str(run.axes[axis]), "label": str(run.axes[axis])} for axis in MAIN_AXES}
    steps = max(run.steps or 1, ending.step, trace["step"][-1].as_py())
    training = {**run.axes, **choices, "steps": steps, "batch_size": run.batch_size, "critic_steps": run.critic_steps}
    today = datetime.now(UTC).date().isoformat()
    directions = {name: MEASURES[name].higher_is_better for name in MEASURES if name in measured}
    return Metadata(
        run=run.id,
        cell=run.cell,
        suite=run.suite,
        version=run.version,
        title=run.title,
        axes=dict(run.axes),
        seed=run.seed,
        training=Training.model_validate(training),
        evaluation=Evaluation(samples=run.protocol.get("samples")),
        rules=run.rules.model_dump(mode="json"),
        protocol=dict(run.protocol),
        real=dict(run.real),
        higher_is_better=directions | run.higher_is_better,
        samples=samples,
        ending=ending,
        timing=timing,
        environment=Environment(**{"ganbench": __version__, "date": today, **(environment or {})}),
        origin={**origin, "steps": run.steps},
    )
