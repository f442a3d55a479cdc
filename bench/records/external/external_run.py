"""Runs of other code: what is known of one, which makes its identity, and what its record says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from bench.catalogue import Options, suggestion
from bench.catalogue.metrics.measures import MEASURES, PROBES, plain_name
from bench.errors import SuiteError
from bench.plan.rules import Rules
from bench.plan.runs import hashed, record_name
from bench.records.schema import Ending, Environment, Evaluation, Label, Metadata, Samples, Timing, Training
from bench.version import __version__

PLACE = ("dataset", "architecture", "loss")
LOSSES = ("critic_loss", "generator_loss")
Row = dict[str, Any]
Ways = Mapping[str, bool | None]
TAKEN = {  # columns of the frames of runs and of traces
    *("suite", "version", "seed", "run", "ending", "reason", "step", "steps_done", "critic_step", "images", "seconds"),
    *("measure", "value", "record", "samples", "device", "threads", "workers", "pack", "setting", "outcome", "primary"),
}
BETTER = {True: "more", False: "less", None: "neither more nor less"}


class ForeignRun(Options):
    """A cell and a seed, as far as they are known of a run that other code trains.

    ``axes`` are its place: dataset, architecture, loss, and what else differs between runs. ``steps`` are the generator
    steps that it is to take, ``batch_size`` the critic's, ``critic_steps`` those of a generator step. ``ways`` says of
    measures whether more is better (None: neither). ``real`` are the measures of real data under the same protocol,
    ``protocol`` is what two values must share to be compared, ``rules`` are the thresholds of outcomes.
    """

    suite: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: PositiveInt = 1
    title: str = ""
    axes: dict[str, Label]
    seed: NonNegativeInt
    steps: PositiveInt | None = None
    batch_size: PositiveInt | None = None
    critic_steps: PositiveInt = 1
    ways: dict[str, bool | None] = {}
    real: dict[str, float] = {}
    protocol: dict[str, Label | None] = {}
    rules: Rules = Rules()

    @field_validator("axes")
    @classmethod
    def _are_axes(cls, axes: dict[str, Label]) -> dict[str, Label]:
        for name, label in axes.items():
            if not name or name in TAKEN or name.endswith(("_final", "_best", "_real")):
                raise SuiteError(f"no axis can be called {name!r}: it is the name of something else")
            if label == "":
                raise SuiteError(f"{name} is empty")
        return axes

    @field_validator("ways")
    @classmethod
    def _are_of_measures(cls, ways: dict[str, bool | None]) -> dict[str, bool | None]:
        for name, way in ways.items():
            if not name or name in TAKEN or is_dynamic(name):
                raise SuiteError(f"no measure can be called {name!r}: it is the name of something else")
            if name in MEASURES and MEASURES[name].higher_is_better != way:
                known = BETTER[MEASURES[name].higher_is_better]
                raise SuiteError(f"ganbench has a measure {name!r}, of which {known} is better; call yours otherwise")
        return ways

    @cached_property
    def id(self) -> str:
        """Hash of its place and its seed: the same run is recorded once."""
        return hashed({**self._content, "seed": self.seed})

    @cached_property
    def cell(self) -> str:
        """The same without the seed."""
        return hashed(self._content)

    @property
    def _content(self) -> dict[str, Any]:
        return {"foreign": {"suite": self.suite, "version": self.version, "axes": self.axes}}

    def record(self, results: Path) -> Path:
        """Where its record is published."""
        return results / self.suite / "records" / record_name(self.axes, self.seed, self.id)

    def __str__(self) -> str:
        return f"{' · '.join(map(str, self.axes.values()))} · seed {self.seed}"


def is_dynamic(name: str) -> bool:
    """Whether a column of a trace is a loss, a penalty or a probe, which are no measures of quality."""
    return name in LOSSES or name in PROBES or name.startswith("penalty_")


def is_known(name: str, ways: Ways) -> bool:
    """Whether a column of a trace is a loss, a probe, or a measure of which it is known whether more is better.

    Args:
        name: Of the column.
        ways: What is known beside the measures of this package.
    """
    return is_dynamic(name) or plain_name(name) in {*ways, *MEASURES}


def unknown(name: str, ways: Ways, how: str) -> str:
    """What to say of a column that is not known: ``how`` its direction is given, and the nearest known name."""
    near = suggestion(name, {*ways, *MEASURES, *LOSSES, *PROBES})
    return f"of {name!r} it is not known whether more is better: {how}{near if 'did you mean' in near else ''}"


def ended(step: int, reason: str = "", place: str | None = None) -> Ending:
    """How a run ended: at its last step, or, with a reason, at the step where it failed."""
    return Ending(status="diverged" if reason else "finished", step=step, place=place, reason=reason)


def completed(rows: list[Row]) -> list[Row]:
    """Rows of a trace with equal keys; None is what was not measured there.

    Args:
        rows: Each with a step, and with whatever is known at it.
    """
    names = dict.fromkeys(name for row in rows for name in row if row[name] is not None)
    unknown = {} if "seconds" in names else {"seconds": math.nan}
    if names.keys() <= {"step", "seconds", "samples"}:
        unknown["critic_loss"] = math.nan  # a trace is of something
    return [{**{name: row.get(name) for name in names}, **unknown} for row in rows]


def describe_record(
    run: ForeignRun,
    trace: list[Row],
    ending: Ending,
    origin: Mapping[str, Any],
    *,
    timing: Timing = Timing(),  # noqa: B008  (frozen)
    environment: Mapping[str, Any] | None = None,
    samples: Samples = Samples(),  # noqa: B008
) -> Metadata:
    """The metadata of the record of a run; what is not known of it stays None.

    Args:
        run: What is known of it.
        trace: As ``completed`` gives it.
        ending: How it ended.
        origin: What made the record.
        timing: What it cost.
        environment: Where it was trained: keys of the section of that name.
        samples: Which samples the trace keeps.
    """
    plain = {plain_name(name) for name in trace[0]}
    choices = {axis: {"name": str(run.axes[axis]), "label": str(run.axes[axis])} for axis in PLACE}
    steps = max(run.steps or 1, ending.step, trace[-1]["step"])
    training = {**run.axes, **choices, "steps": steps, "batch_size": run.batch_size, "critic_steps": run.critic_steps}
    today = datetime.now(UTC).date().isoformat()
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
        higher_is_better={name: MEASURES[name].higher_is_better for name in MEASURES if name in plain} | run.ways,
        samples=samples,
        ending=ending,
        timing=timing,
        environment=Environment(**{"ganbench": __version__, "date": today, **(environment or {})}),
        origin=dict(origin),
    )
