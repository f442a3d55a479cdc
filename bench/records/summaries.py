"""What is derived from a trace when a record is published: last and best values, and which rows have a value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.catalogue.metrics.measures import plain_name
from bench.records.schema import Metadata

Row = dict[str, Any]


def summarise(trace: Sequence[Row], metadata: Metadata) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """The last and the best value of every measure.

    A diverged run has no last value. The best leaves the untrained generator out, and a measure whose direction is
    None has no best.
    """
    higher, ending = metadata.higher_is_better, metadata.ending
    end = math.inf if ending.finished else ending.step  # other code may have gone on after a failure
    final: dict[str, float | None] = {}
    best: dict[str, float | None] = {}
    for name in (name for name in trace[0] if plain_name(name) in higher):
        known = [(row["step"], row[name]) for row in trace if row[name] is not None]
        values = [value for step, value in known if 0 < step <= end and math.isfinite(value)]
        better = higher[plain_name(name)]
        if better is not None:
            best[name] = (max if better else min)(values, default=None)
        final[name] = known[-1][1] if ending.finished and known and math.isfinite(known[-1][1]) else None
    return final, best


def measured_rows(trace: Sequence[Row]) -> dict[str, tuple[int, ...]]:
    """The rows that have a value, for the columns with gaps."""
    rows = {name: tuple(number for number, row in enumerate(trace) if row[name] is not None) for name in trace[0]}
    return {name: known for name, known in rows.items() if len(known) < len(trace) and name != "samples"}


def only_finite(value: Any) -> Any:
    """Return ``value`` with None in place of every number that is not finite, at any depth: JSON has none of these."""
    if isinstance(value, Mapping):
        return {key: only_finite(nested) for key, nested in value.items()}
    if isinstance(value, list | tuple):
        return [only_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
