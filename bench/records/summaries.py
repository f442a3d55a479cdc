"""What is derived from a trace when a record is published: last and best values, and which rows have a value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from bench.catalogue.metrics.measures import plain_name
from bench.records.record_bytes import SAMPLES
from bench.records.schema import Metadata


def summarise(trace: pa.Table, metadata: Metadata) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """The last and the best value of every measure.

    A diverged run has no last value. The best leaves the untrained generator out, and a measure whose direction is
    None has no best.
    """
    higher, ending = metadata.higher_is_better, metadata.ending
    steps = trace["step"].to_numpy()
    end = math.inf if ending.finished else ending.step  # other code may have gone on after a failure
    counts = (steps > 0) & (steps <= end)
    final: dict[str, float | None] = {}
    best: dict[str, float | None] = {}
    for name in (name for name in trace.column_names if plain_name(name) in higher):
        column = trace[name]
        known = column.drop_null().to_numpy()
        finite = np.isfinite(known) if len(known) else np.zeros(0, dtype=bool)
        better = higher[plain_name(name)]
        if better is not None:
            values = known[finite & counts[column.is_valid().to_numpy()]]
            best[name] = values[values.argmax() if better else values.argmin()].item() if len(values) else None
        final[name] = known[-1].item() if ending.finished and len(known) and finite[-1] else None
    return final, best


def measured_rows(trace: pa.Table) -> dict[str, tuple[int, ...]]:
    """The rows that have a value, for the columns with gaps."""
    return {
        name: tuple(np.flatnonzero(column.is_valid().to_numpy()).tolist())
        for name, column in zip(trace.column_names, trace.columns, strict=True)
        if column.null_count and name != SAMPLES
    }


def only_finite(value: Any) -> Any:
    """Return ``value`` with None in place of every number that is not finite, at any depth: JSON has none of these."""
    if isinstance(value, Mapping):
        return {key: only_finite(nested) for key, nested in value.items()}
    if isinstance(value, list | tuple):
        return [only_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
