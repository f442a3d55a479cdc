"""A lower bound of the overlap for records that were written before it was measured."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from bench.catalogue.metrics.measures import averaged
from bench.evidence.statistics.intervals import Array
from bench.records.record import Record

OVERLAP = "overlap"
BOUND = "overlap_at_least"
SOURCES = ("high_quality", "kl")


def with_overlap_bounds(records: Iterable[Record], datasets: Collection[str] = ()) -> list[Record]:
    """Return the records, with the measure ``overlap_at_least`` on known modes where a record lacks ``overlap``.

    All records of such a dataset get the bound in place of ``overlap``, so that one measure classifies them. Other
    records are returned unchanged. Files are not touched.

    Args:
        records: Records with at least the measures of their traces.
        datasets: Datasets whose records get the bound even if all of them have ``overlap``.
    """
    records = list(records)
    bounded = {*datasets} | {
        _dataset(record) for record in records if _can_be_bounded(record) and not _has_overlap(record)
    }
    return [_bounded(each) if _dataset(each) in bounded and _can_be_bounded(each) else each for each in records]


def least_overlap(high_quality: Any, kl: Any) -> Array:
    """Return high quality − √(KL / 2), at least 0: a lower bound of the overlap with equally likely modes.

    The overlap is at least the share of high-quality samples minus the total variation distance between the histogram
    over modes and the true one. By Pinsker's inequality, that distance is at most √(KL / 2), with KL in nats.

    Args:
        high_quality: Share of high-quality samples, any shape.
        kl: KL(histogram over modes ‖ uniform) of all samples, the same shape.
    """
    shares, divergence = np.asarray(high_quality, dtype=float), np.asarray(kl, dtype=float)
    return np.asarray(np.maximum(shares - np.sqrt(np.maximum(divergence, 0) / 2), 0))


def _dataset(record: Record) -> str:
    return str(record.metadata.axes["dataset"])


def _has_overlap(record: Record) -> bool:
    return OVERLAP in record.metadata.higher_is_better


def _can_be_bounded(record: Record) -> bool:
    metadata = record.metadata
    return (
        metadata.data.modes is not None
        and not metadata.of_other_code
        and all(name in metadata.higher_is_better and name in record.trace for name in SOURCES)
    )


def _bounded(record: Record) -> Record:
    metadata, trace = record.metadata, _without_overlap(record.trace)
    final, best = _without_overlap(metadata.final), _without_overlap(metadata.best)
    real, again = _without_overlap(metadata.real), _without_overlap(metadata.again or {})
    trained = np.asarray(trace["step"]) > 0
    for name, sources in ((BOUND, SOURCES), (averaged(BOUND), tuple(map(averaged, SOURCES)))):
        if not all(source in trace for source in sources):
            continue
        trace[name] = least_overlap(*(trace[source] for source in sources))
        finite = trace[name][trained & np.isfinite(trace[name])]
        best[name] = float(finite.max()) if len(finite) else None
        final[name] = _bound_of(final, sources)
    changes = {
        "final": final,
        "best": best,
        "real": {**real, BOUND: _bound_of(real, SOURCES)},
        "again": {**again, BOUND: _bound_of(again, SOURCES)} if again else {},
        "higher_is_better": {**_without_overlap(metadata.higher_is_better), BOUND: True},
    }
    return Record(record.path, metadata.model_copy(update=changes), trace)


def _without_overlap(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in (OVERLAP, averaged(OVERLAP))}


def _bound_of(values: dict[str, float | None], sources: tuple[str, ...]) -> float | None:
    high_quality, kl = (values.get(source) for source in sources)
    if high_quality is None or kl is None:
        return None
    bound = float(least_overlap(high_quality, kl))
    return bound if math.isfinite(bound) else None
