"""Compares records bit for bit, except for timings and the machine."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import bench
from bench.records.listing import record_paths
from bench.records.record import read_metadata, read_samples
from bench.records.schema import Metadata

TIMINGS = ("seconds",)


def traces(folder: Path) -> pd.DataFrame:
    frame = bench.traces(folder).drop(columns=list(TIMINGS))
    return frame.sort_values(["run", "measure", "step"], ignore_index=True)


def check_same(one: Path, other: Path) -> None:
    """Check that records are equal bit for bit, except for timings and the machine."""
    pd.testing.assert_frame_equal(traces(one), traces(other), check_exact=True)
    for left, right in zip(record_paths(one), record_paths(other), strict=True):
        assert left.name == right.name
        first, second = read_metadata(left), read_metadata(right)
        for key in Metadata.model_fields.keys() - {"timing", "environment"}:
            assert getattr(first, key) == getattr(second, key), key
        assert (read_samples(left) == read_samples(right)).all()
