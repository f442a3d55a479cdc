"""Numbers that are not finite never keep a record from being written: JSON has none, so they become null."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.records.circumstances import Timing
from bench.records.record import publish, read_metadata
from bench.records.schema import Data, Ending, Metadata, RecordedChoice, Training
from bench.records.summaries import only_finite

TRACE = [
    {"step": step, "seconds": float(step), "critic_loss": 1.0, "fd": value, "samples": b""}
    for step, value in ((0, 2.0), (10, math.inf), (20, math.nan))
]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_null_anywhere_in_the_metadata(tmp_path: Path, value: float) -> None:
    choice = RecordedChoice(name="made", label="made", options={"list": [value, 1.0]})
    metadata = Metadata(
        run="0" * 16,
        cell="1" * 16,
        suite="made",
        axes={"dataset": "made", "architecture": "made", "loss": "made"},
        seed=0,
        training=Training(dataset=choice, architecture=choice, loss=choice, steps=20),
        data=Data(),
        real={"fd": value},
        again={"fd": value},
        rules={"deeply": {"nested": (value, "text")}},
        higher_is_better={"fd": False},
        ending=Ending(status="finished", step=20),
        timing=Timing(steps_per_second=value),
    )
    path = tmp_path / "records" / f"made-s0-{'0' * 16}.parquet"
    publish(path, metadata, pa.Table.from_pylist(TRACE))
    text = pq.read_schema(path).metadata[b"ganbench"]
    json.loads(text, parse_constant=lambda name: pytest.fail(name))
    read = read_metadata(path)
    assert read.real == read.again == {"fd": None}
    assert read.rules == {"deeply": {"nested": [None, "text"]}}
    assert read.training.loss.options == {"list": [None, 1.0]}
    assert read.timing.steps_per_second is None
    assert (read.final, read.best) == ({"fd": None}, {"fd": None})


def test_other_values_stay_as_they_are() -> None:
    content = {"whole": 2**70, "float": 1.5, "text": "nan", "yes": True, "none": None, "list": [1, 2.0]}
    assert only_finite(content) == content
