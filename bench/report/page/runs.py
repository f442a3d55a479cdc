"""One run on the report page: its axes, values, rounded traces and specification."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from bench.escaping import MAX_LABEL, as_label, visible
from bench.evidence.outcomes import states_over_time
from bench.evidence.results import Evidence
from bench.plan.updates import critic_batches
from bench.records.circumstances import Timing
from bench.records.record import Record
from bench.records.samples import evenly_spaced
from bench.records.schema import Metadata
from bench.report.outcome_styles import STAGES, stage_intervals

DIGITS, FEW_DIGITS = 6, 4  # significant digits: of measures and steps; of losses, probes and seconds
TIMING = {
    "steps_per_second": "generator steps/s",
    "images_per_second": "images/s",
    "training_seconds": "training, s",
    "evaluation_seconds": "evaluation, s",
    "wall_seconds": "wall clock, s",
    "peak_memory_bytes": "peak memory, MiB",
}
MIB = 2**20
LARGEST_IN_JAVASCRIPT = 2**53 - 1
UNKNOWN = "–"


class Pool:
    """Values that many runs share; each is kept once, and runs refer to its index."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._indices: dict[str, int] = {}

    def index(self, value: Any) -> int:
        """Return the index of a value, which is added if it is new."""
        key = json.dumps(value)
        if key not in self._indices:
            self._indices[key] = len(self.values)
            self.values.append(value)
        return self._indices[key]


def round_number(value: Any, digits: int) -> int | float | None:
    """Return a number with this many significant digits; integers are kept, missing or non-finite values are None."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}") if abs(value) < 1e15 and value != int(value) else float(value)
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def exact(number: int) -> int | str:
    """Return a whole number, or its digits if JavaScript, whose numbers are floats, would round it."""
    return number if abs(number) <= LARGEST_IN_JAVASCRIPT else str(number)


def encode_run(record: Record, run: pd.Series, evidence: Evidence, pool: Pool) -> dict[str, Any]:
    """Return one run as the page shows it.

    Args:
        record: Its record.
        run: Its row in ``evidence.runs``.
        evidence: The records of all runs.
        pool: Receives its specification and its environment.
    """
    metadata, trace = record.metadata, record.trace
    training, timing = metadata.training, metadata.timing
    stages, order = states_over_time(trace, metadata, evidence.rules), list(STAGES)
    measures = evidence.measures(str(run["dataset"]))
    return {
        "id": str(run["run"]),
        "record": visible(record.path.name),
        "labels": [as_label(run[axis]) for axis in evidence.axes],
        "seed": exact(int(run["seed"])),
        "reason": as_label(run["outcome_reason"], 5 * MAX_LABEL),
        "since": round_number(run["outcome_step"], DIGITS),
        "steps": training.steps,
        "stage_intervals": [[i.start, i.end, order.index(i.stage)] for i in stage_intervals(stages, training.steps)],
        "final": [round_number(metadata.final.get(name), DIGITS) for name in measures],
        "best": [round_number(metadata.best.get(name), DIGITS) for name in measures],
        "critic_steps": training.critic_steps,
        "images_per_step": training.batch_size and critic_batches(training) * training.batch_size,
        "speed": round_number(timing.steps_per_second, FEW_DIGITS),
        "seconds": round_number(timing.training_seconds, FEW_DIGITS),
        "timing": [[label, _timing(timing, key)] for key, label in TIMING.items()],
        "evaluations": len(trace["step"]),
        "evaluation_steps": [int(step) for step in trace["step"]],
        "trace": {
            name: _column(values, DIGITS if name in measures else FEW_DIGITS)
            for name, values in trace.items()
            if name not in ("step", "samples")
        },
        "specification": pool.index(specification(metadata)),
        "environment": pool.index(_rows(metadata.environment.model_dump(mode="json", exclude_unset=True))),
    }


def thin_traces(entries: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """Return the runs with evenly spaced evaluations, as many as fit into ``room`` characters for all traces.

    The runs of a dataset keep the same steps, so that medians over them can be drawn, and the last step of each.
    """
    length = sum(len(json.dumps(entry["trace"], separators=(",", ":"))) for entry in entries)
    if length <= room:
        return entries
    taken: dict[int, set[int]] = {}
    for entry in entries:
        taken.setdefault(entry["dataset"], set()).update(entry["evaluation_steps"])
    kept: dict[int, set[int]] = {}
    for dataset, steps in taken.items():
        ordered, count = sorted(steps), max(2, int(len(steps) * room / length))
        kept[dataset] = {ordered[index] for index in evenly_spaced(len(ordered), count)}

    def thinned(entry: dict[str, Any]) -> dict[str, Any]:
        steps = entry["evaluation_steps"]
        shown = kept[entry["dataset"]] | {steps[-1]}
        return _select_evaluations(entry, [index for index, step in enumerate(steps) if step in shown])

    return list(map(thinned, entries))


def _select_evaluations(entry: dict[str, Any], indices: list[int]) -> dict[str, Any]:
    trace = {
        name: [column[index] for index in indices] if isinstance(column, list) else column
        for name, column in entry["trace"].items()
    }
    return {**entry, "trace": trace, "evaluation_steps": [entry["evaluation_steps"][index] for index in indices]}


def _timing(timing: Timing, key: str) -> float | None:
    value = round_number(getattr(timing, key), FEW_DIGITS + 1)
    return round_number(value / MIB, FEW_DIGITS) if value is not None and key == "peak_memory_bytes" else value


def _column(values: NDArray[Any], digits: int) -> Any:
    """The values, or a single one if they are all equal."""
    numbers = [round_number(value, digits) for value in pd.to_numeric(pd.Series(values), errors="coerce")]
    return numbers[0] if len(numbers) > 1 and len(set(numbers)) == 1 else numbers


def specification(metadata: Metadata) -> list[list[Any]]:
    """Return the specification of a run by section, [[title, [[key, text], ...]], ...], without empty sections.

    It does not contain the seed, so the runs of a cell share it.
    """
    titles = ("training", "evaluation", "data", "protocol", "parameters", "origin")
    sections = metadata.model_dump(mode="json", include=set(titles), exclude_unset=True)
    if modes := metadata.data.modes:
        spread = f", σ = {modes.sigma:g}" if modes.centres else ""
        sections["data"]["modes"] = f"{len(modes.centres or modes.names)} known{spread}"
    texts = {title: _rows(sections[title]) for title in titles if sections.get(title)}
    return [[title, rows] for title, rows in texts.items() if any(text != UNKNOWN for _, text in rows)]


def _rows(table: Mapping[str, Any]) -> list[list[str]]:
    return [[as_label(key.replace("_", " ")), as_label(_text(value), 10 * MAX_LABEL)] for key, value in table.items()]


def _text(value: Any) -> str:
    """A value as text: a choice with its options, a list in brackets, – if unknown."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        options = value.get("options", value)
        inner = ", ".join(f"{key.replace('_', ' ')} {_text(option)}" for key, option in options.items())
        return f"{value['name']} ({inner})" if "name" in value and inner else str(value.get("name", inner))
    if isinstance(value, list | tuple):
        is_plain = not any(isinstance(item, Mapping) for item in value)
        return (f"[{', '.join(map(_text, value))}]" if is_plain else "; ".join(map(_text, value))) if value else "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
