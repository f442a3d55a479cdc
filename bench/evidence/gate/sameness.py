"""Whether the runs of a cell are the same on both sides, seed by seed, so that there is nothing to test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.evidence.results import Evidence
from bench.evidence.statistics.intervals import Array
from bench.records.record import Record

SAME = 0.01  # relative difference due to rounding on another machine, amplified over a few thousand steps
FINGERPRINT = "fingerprint"


class Fingerprint(NamedTuple):
    """Hashes of a record: of how the run ended and its trace, without timings and samples; and of everything.

    Whole numbers, as counts of modes are, can be equal by chance, so it also says whether the trace has other values.
    """

    computed: str
    everything: str
    has_fractions: bool


def with_fingerprints(evidence: Evidence) -> pd.DataFrame:
    """Return the runs of the records with a column ``fingerprint``."""
    records = [evidence.records[run] for run in evidence.runs["run"]]
    return evidence.runs.assign(**{FINGERPRINT: list(map(fingerprint, records))})


def fingerprint(record: Record) -> Fingerprint:
    """Return the fingerprint of a record."""
    ending, trace = record.metadata.ending, record.trace
    columns = {
        name: pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(float, na_value=np.nan)
        for name, values in sorted(trace.items())
        if name != "samples"
    }
    computed = {name: values for name, values in columns.items() if name not in ("step", "seconds")}
    everything = _hash(record.metadata.model_dump_json(), columns)
    of_run = _hash(f"{ending.status} {ending.step}", {"step": columns["step"], **computed})
    fractions = (np.isfinite(values) & (values != np.round(values)) for values in computed.values())
    return Fingerprint(of_run, everything, any(flags.any() for flags in fractions))


def _hash(text: str, columns: Mapping[str, Array]) -> str:
    content = hashlib.sha256(text.encode())
    for name, values in columns.items():
        content.update(name.encode() + np.where(np.isnan(values), np.nan, values).tobytes())
    return content.hexdigest()


def identical(baseline: pd.DataFrame, candidate: pd.DataFrame, tolerance: float) -> bool:
    """Return whether both sides have the same seeds and, for each seed, the same outcome and the same values.

    The values are the same if all final and best ones agree up to ``SAME``, or if the whole traces are equal. Where all
    of them are whole numbers or missing, this is weak evidence: then everything in the records must be equal.

    Args:
        baseline: The baseline's runs of the cell, with the columns ``seed`` and ``outcome``, final and best values,
            and those of ``with_fingerprints`` if there are records.
        candidate: The candidate's runs of the cell.
        tolerance: Tolerated degradation as a share of the baseline, which limits ``SAME``.
    """
    one, other = (runs.set_index("seed").sort_index() for runs in (baseline, candidate))
    if not one.index.equals(other.index) or not one["outcome"].equals(other["outcome"]):
        return False
    if FINGERPRINT in one and FINGERPRINT in other and _recorded_the_same(one[FINGERPRINT], other[FINGERPRINT]):
        return True
    columns = [name for name in one if name in other and str(name).endswith(("_final", "_best"))]
    left, right = (runs[columns].to_numpy(float) for runs in (one, other))
    fractions = np.isfinite(left) & (left != np.round(left))
    return bool(fractions.any() and np.allclose(left, right, rtol=min(SAME, tolerance), atol=0, equal_nan=True))


def _recorded_the_same(one: Iterable[Fingerprint], other: Iterable[Fingerprint]) -> bool:
    pairs = list(zip(one, other, strict=True))
    if any(left.has_fractions for left, _ in pairs):
        return all(left.computed == right.computed for left, right in pairs)
    return all(left.everything == right.everything for left, right in pairs)
