"""One run as the report page has it: its place, values, trace in columns of few digits, and how it was made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.evidence.outcomes import states_over_time
from bench.evidence.results import Evidence
from bench.records.record import Record
from bench.records.schema import Metadata, Timing
from bench.report.outcome_styles import COLOURS as STAGES
from bench.report.outcome_styles import spans

DIGITS, FEW = 6, 4  # significant ones: of measures and steps; of losses, probes and seconds
TIMING = {
    "steps_per_second": "generator steps/s",
    "images_per_second": "images/s",
    "training_seconds": "training, s",
    "evaluation_seconds": "evaluation, s",
    "wall_seconds": "wall clock, s",
    "peak_memory_bytes": "peak memory, MiB",
}
MIB = 2**20
UNKNOWN = "–"


class Pool:
    """Values that many runs share, each kept once; a run has its place among them."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, value: Any) -> int:
        """Where a value is kept."""
        key = json.dumps(value)
        if key not in self._places:
            self._places[key] = len(self.kept)
            self.kept.append(value)
        return self._places[key]


def number(value: Any, digits: int) -> int | float | None:
    """A number with so many significant digits, whole ones as they are; None where it is not finite or not there."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}") if abs(value) < 1e15 and value != int(value) else float(value)
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def spread(count: int, most: int) -> list[int]:
    """Indices of so many of a number of evaluations at the most: the first, the last, and evenly between."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def run_entry(record: Record, run: pd.Series, evidence: Evidence, pool: Pool) -> dict[str, Any]:
    """One run.

    Args:
        record: Its record.
        run: Its row among the evidence's runs.
        evidence: All of it.
        pool: Takes what other runs have too: specification, environment.
    """
    metadata, trace = record.metadata, record.trace
    training, timing = metadata.training, metadata.timing
    stages, looks = states_over_time(trace, metadata, evidence.rules), list(STAGES)
    measures = evidence.measures(str(run["dataset"]))
    return {
        "id": str(run["run"]),
        "record": record.path.name,
        "at": [str(run[axis]) for axis in evidence.axes],
        "seed": int(run["seed"]),
        "reason": str(run["outcome_reason"]),
        "since": number(run["outcome_step"], DIGITS),
        "steps": training.steps,
        "spans": [[start, end, looks.index(look)] for start, end, look in spans(stages, training.steps)],
        "final": [number(metadata.final.get(name), DIGITS) for name in measures],
        "best": [number(metadata.best.get(name), DIGITS) for name in measures],
        "ratio": number(run.get(f"{run['primary']}_final_over_best"), FEW),
        "critic_steps": training.critic_steps,
        "batch_size": training.batch_size,
        "speed": number(timing.steps_per_second, FEW),
        "seconds": number(timing.training_seconds, FEW),
        "timing": [[label, _timing(timing, key)] for key, label in TIMING.items()],
        "evaluations": len(trace["step"]),
        "grid": [int(step) for step in trace["step"]],
        "trace": {
            name: _column(values, DIGITS if name in measures else FEW)
            for name, values in trace.items()
            if name not in ("step", "samples")
        },
        "made": pool.place(specification(metadata)),
        "environment": pool.place(_rows(metadata.environment.model_dump(mode="json", exclude_unset=True))),
    }


def thinned(entries: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """The runs with as many evaluations of their traces, evenly spread, as make no more than so many characters."""
    taken = sum(len(json.dumps(entry["trace"], separators=(",", ":"))) for entry in entries)
    if taken <= room:
        return entries
    most = int(max(entry["evaluations"] for entry in entries) * room / taken)
    return [_thin(entry, spread(entry["evaluations"], max(most, 2))) for entry in entries]


def _thin(entry: dict[str, Any], kept: list[int]) -> dict[str, Any]:
    trace = {
        name: [column[index] for index in kept] if isinstance(column, list) else column
        for name, column in entry["trace"].items()
    }
    return {**entry, "trace": trace, "grid": [entry["grid"][index] for index in kept]}


def _timing(timing: Timing, key: str) -> float | None:
    value = number(getattr(timing, key), FEW + 1)
    return number(value / MIB, FEW) if value is not None and key == "peak_memory_bytes" else value


def _column(values: NDArray[Any], digits: int) -> Any:
    """The values, or the one that all of them are."""
    numbers = [number(value, digits) for value in pd.to_numeric(pd.Series(values), errors="coerce")]
    return numbers[0] if len(numbers) > 1 and len(set(numbers)) == 1 else numbers


def specification(metadata: Metadata) -> list[list[Any]]:
    """What a run is made of, section by section: [[title, [[key, text], ...]], ...].

    A section of which nothing is known is left out.

    The seed is not in it, so that the runs of a cell have the same.
    """
    titles = ("training", "evaluation", "data", "protocol", "parameters", "origin")
    sections = metadata.model_dump(mode="json", include=set(titles), exclude_unset=True)
    if modes := metadata.data.modes:
        sections["data"]["modes"] = f"{len(modes.centres)} known, σ = {modes.sigma:g}"
    told = {title: _rows(sections[title]) for title in titles if sections.get(title)}
    return [[title, rows] for title, rows in told.items() if any(text != UNKNOWN for _, text in rows)]


def _rows(table: Mapping[str, Any]) -> list[list[str]]:
    return [[key.replace("_", " "), _text(value)] for key, value in table.items()]


def _text(value: Any) -> str:
    """A value as people write it: a choice with its options, a list in brackets, – for what is not known."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        options = value.get("options", value)
        inner = ", ".join(f"{key.replace('_', ' ')} {_text(each)}" for key, each in options.items())
        return f"{value['name']} ({inner})" if "name" in value and inner else str(value.get("name", inner))
    if isinstance(value, list | tuple):
        plain = not any(isinstance(each, Mapping) for each in value)
        return (f"[{', '.join(map(_text, value))}]" if plain else "; ".join(map(_text, value))) if value else "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
