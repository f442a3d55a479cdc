"""Runs of other code: what is known of one, which makes its identity, and what its record says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator

from bench.catalogue import Options, suggestion
from bench.catalogue.metrics import MEASURES, PROBES
from bench.errors import SuiteError
from bench.plan.rules import Rules
from bench.plan.runs import hashed, record_name
from bench.version import __version__

PLACE = ("dataset", "architecture", "loss")
LOSSES = ("critic_loss", "generator_loss")
Label = str | int | float | bool
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
    return is_dynamic(name) or name.removesuffix("_ema") in {*ways, *MEASURES}


def unknown(name: str, ways: Ways, how: str) -> str:
    """What to say of a column that is not known: ``how`` its direction is given, and the nearest known name."""
    near = suggestion(name, {*ways, *MEASURES, *LOSSES, *PROBES})
    return f"of {name!r} it is not known whether more is better: {how}{near if 'did you mean' in near else ''}"


class Ending(NamedTuple):
    """How a run ended: its last step, or that at which it failed; why it failed, else ""; what was not finite."""

    step: int
    reason: str = ""
    place: str | None = None


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
    run: ForeignRun, trace: list[Row], ending: Ending, origin: Mapping[str, Any], **known: Mapping[str, Any]
) -> dict[str, Any]:
    """The metadata of the record of a run, with None for all that is not known of it.

    Args:
        run: What is known of it.
        trace: As ``completed`` gives it.
        ending: How it ended.
        origin: What made the record.
        known: More of the sections "timing", "environment", "samples".
    """
    plain = {name.removesuffix("_ema") for name in trace[0]}
    names = {axis: {"name": str(run.axes[axis]), "label": str(run.axes[axis]), "options": {}} for axis in PLACE}
    return {
        **run.model_dump(
            mode="json", include={"suite", "version", "title", "axes", "seed", "rules", "protocol", "real"}
        ),
        "run": run.id,
        "cell": run.cell,
        "training": {
            **run.axes,
            **names,
            "steps": max(run.steps or 1, ending.step, trace[-1]["step"]),
            "batch_size": run.batch_size,
            "critic_steps": run.critic_steps,
        },
        "evaluation": {"metrics": [], "every": None, "samples": run.protocol.get("samples")},
        "references": [],
        "data": dict.fromkeys(("fingerprint", "shape", "train", "test", "modes")),
        "higher_is_better": {name: MEASURES[name].higher_is_better for name in MEASURES if name in plain} | run.ways,
        "samples": {"shape": None, "dtype": None, **known.get("samples", {})},
        "parameters": {"generator": None, "critic": None},
        "ending": {"status": "diverged" if ending.reason else "finished", **ending._asdict()},
        "timing": {**dict.fromkeys(TIMING), **known.get("timing", {})},
        "environment": {
            **dict.fromkeys(ENVIRONMENT),
            "ganbench": __version__,
            "date": datetime.now(UTC).date().isoformat(),
            **known.get("environment", {}),
        },
        "origin": dict(origin),
    }


TIMING = (
    *("steps_per_second", "images_per_second", "training_seconds", "evaluation_seconds", "wall_seconds"),
    "peak_memory_bytes",
)
ENVIRONMENT = (
    *("commit", "dirty", "python", "torch", "numpy", "platform", "device", "device_name"),
    *("threads", "workers", "pack"),
)
