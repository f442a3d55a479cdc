"""Files of timings are checked when they are read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import ResultsError
from bench.records.timing_results import MEASURED, read_timings, timings_path, write_timings

CONTENT: dict[str, Any] = {
    **{"suite": "made", "version": 1, "title": "", "axes": ["loss"], "environment": {"device": "cpu"}},
    "cells": [
        {
            "axes": {"loss": "hinge"},
            "training": {},
            "evaluation": {},
            "rounds": [dict.fromkeys(("round", *MEASURED), 1.5)],
        }
    ],
}


def test_timings_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_timings(tmp_path, CONTENT)
    assert read_timings(tmp_path).frame["seconds_per_step"].tolist() == [1.5]


def test_older_timings_have_no_digest(tmp_path: Path) -> None:
    timings_path(tmp_path).write_text(json.dumps({"schema": 1, **CONTENT}))
    assert read_timings(tmp_path).suite == "made"


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "another number": lambda path: path.write_text(path.read_text().replace("1.5", "1.6", 1)),
    "a digest of other content": lambda path: path.write_text(path.read_text().replace('"sha256": "', '"sha256": "0')),
    "a list": lambda path: path.write_text("[]"),
    "too deeply nested": lambda path: path.write_text("[" * 100_000),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "cells that are numbers": lambda path: path.write_text(json.dumps({"schema": 1, **CONTENT, "cells": [1]})),
    "axes that are a number": lambda path: path.write_text(json.dumps({"schema": 1, **CONTENT, "axes": 1})),
    "a pipe": as_pipe,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_timings_are_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    write_timings(tmp_path, CONTENT)
    DAMAGES[damage](timings_path(tmp_path))
    with pytest.raises(ResultsError, match=r"timings\.json is (cut short|a named pipe)") as raised:
        read_timings(tmp_path)
    assert "\n" not in str(raised.value)
