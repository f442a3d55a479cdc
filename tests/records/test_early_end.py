"""When a run ended clearly before its last intended step, and what the recorder says about it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import bench
from bench.errors import ResultsError
from bench.records.external.early_end import ended_early

GIVEN: dict[str, Any] = {"suite": "mine", "dataset": "ring", "architecture": "mlp", "loss": "hinge", "seed": 0}
EVERY_100 = range(0, 1001, 100)

CASES: list[tuple[str, list[int], int, int, bool]] = [
    ("half of the plan", [0, 500], 1000, 0, True),
    ("the last step", [0, 500, 1000], 1000, 0, False),
    ("more than the plan", [0, 2000], 1000, 0, False),
    ("a loop that counts from 0", list(range(0, 1000, 100)), 1000, 0, False),
    ("a loop that counts from 0 in few steps", [0, 1, 2, 3, 4], 5, 0, False),
    ("two evaluations are missing", list(range(0, 900, 100)), 1000, 0, True),
    ("another run has one more evaluation", list(range(0, 1000, 100)), 1000, 1000, True),
    ("another run measured a little later", [0, 1000, 2000], 2001, 2001, False),
    ("dense rows, a step fewer than another run", list(range(2000)), 2000, 2000, False),
    ("a crash after the first of five evaluations", [0, 1000], 4000, 4000, True),
    ("no evaluation was due before the end", [0, 350, 700], 1000, 0, False),
    ("two rows, much is missing", [0, 700], 1000, 0, True),
    ("two rows, another run went on", [0, 900], 1000, 1000, True),
    ("two rows of a loop that counts from 0", [0, 4], 5, 0, False),
    ("a single row of the plan", [90], 100, 0, False),
    ("a single row at half", [50], 100, 0, True),
    ("a single row", [90], 100, 100, True),
    ("a single row at the end", [100], 100, 100, False),
    ("only the untrained generator", [0], 100, 0, True),
]


@pytest.mark.parametrize(("name", "steps", "intended", "reached", "early"), CASES, ids=[name for name, *_ in CASES])
def test_a_run_ended_early_if_an_evaluation_is_missing(
    name: str, steps: list[int], intended: int, reached: int, early: bool
) -> None:
    assert ended_early(steps, intended, reached) == early


def leave_at_500(folder: Path) -> None:
    with bench.Recorder(folder, **GIVEN, steps=1000) as log:
        for step in range(0, 501, 100):
            log.log(step, fid=400 - step / 2)


def test_a_recorder_that_is_left_early_says_so_and_the_run_diverged(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"seed 0 ended at step 500 of 1,000 and counts as diverged") as caught:
        leave_at_500(tmp_path)
    assert caught[0].filename == __file__
    (run,) = bench.load(tmp_path).to_dict("records")
    assert (run["outcome"], run["outcome_reason"], run["outcome_step"]) == (
        "diverged",
        "ended at step 500 of 1,000",
        500,
    )
    assert run["fid_final"] != run["fid_final"]
    assert run["fid_best"] == 150


def test_the_record_is_written_where_warnings_are_errors(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="counts as diverged"):
            leave_at_500(tmp_path)
    assert bench.load(tmp_path)["outcome"].tolist() == ["diverged"]


@pytest.mark.parametrize("steps", [1000, None])
def test_a_recorder_that_reaches_its_end_says_nothing(tmp_path: Path, steps: int | None) -> None:
    with bench.Recorder(tmp_path, **GIVEN, steps=steps) as log:
        for step in EVERY_100:
            log.log(step, fid=400 - step / 4)
    assert bench.load(tmp_path)["outcome"].tolist() == ["stable"]


def test_a_failure_keeps_its_reason_and_needs_no_warning(tmp_path: Path) -> None:
    with bench.Recorder(tmp_path, **GIVEN, steps=1000) as log:
        log.log(500, fid=1.0)
        log.fail("collapsed by eye")
    with pytest.raises(ResultsError, match="no"), bench.Recorder(tmp_path, **{**GIVEN, "seed": 1}, steps=1000) as log:
        log.log(500, fid=1.0)
        raise ResultsError("no")
    assert bench.load(tmp_path)["outcome_reason"].tolist() == ["collapsed by eye"]
