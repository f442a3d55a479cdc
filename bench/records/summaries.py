"""What is derived from a trace when a record is published: last and best values, and which rows have a value."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
