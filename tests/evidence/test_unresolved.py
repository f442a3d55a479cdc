"""Runs whose primary measure cannot tell real data from an untrained generator are neither failures nor successes."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_runs import record

from bench.evidence.gate.compare import compare
from bench.evidence.gate.decision import Verdict
from bench.evidence.gate.junit import to_junit
from bench.evidence.gate.rendering import to_json, to_markdown
from bench.evidence.outcomes import Outcome, Stage, load, states_over_time
from bench.evidence.outcomes import classify_run as classify
from bench.evidence.results import read_evidence
from bench.evidence.states import State, count_failed, count_unresolved, judged
from bench.evidence.statistics import failures_as_worst
from bench.plan.rules import Rules
from bench.records.listing import record_paths
from bench.records.record import Record, read_record

WITHOUT_MODES: dict[str, Any] = {"higher_is_better": {"fd": False}}
VALUES = (501.0, 480.0, 490.0, 500.0)


def one_record(folder: Path, values: tuple[float, ...] = VALUES, **changed: object) -> Record:
    shutil.rmtree(folder / "made", ignore_errors=True)
    record(folder, "hinge", 0, values, **changed)  # type: ignore[arg-type]
    (path,) = record_paths(folder / "made")
    return read_record(path)


def outcome(folder: Path, values: tuple[float, ...] = VALUES, rules: Rules | None = None, **changed: object) -> Outcome:
    read = one_record(folder, values, **changed)
    return classify(read.trace, read.metadata, rules or Rules())


def test_a_run_cannot_be_judged_if_real_data_is_no_better_than_the_untrained_generator(tmp_path: Path) -> None:
    expected = "cannot be judged: FD 632 of real data is not clearly better than 501 at initialisation"
    assert outcome(tmp_path, real={"fd": 632.0}) == Outcome(State.UNRESOLVED, expected)
    assert outcome(tmp_path, real={"fd": 501.0}).state == State.UNRESOLVED
    assert outcome(tmp_path, real={"fd": 440.0}).state != State.UNRESOLVED
    assert outcome(tmp_path, rules=Rules(tau=1000.0), real={"fd": 632.0}).state == State.UNRESOLVED


def test_higher_values_can_be_better(tmp_path: Path) -> None:
    by_modes = Rules(primary="modes")
    fewer_than_untrained = outcome(tmp_path, (0.5, 2.0, 2.0, 2.0), by_modes, real={"fd": 0.1, "modes": 1.0})
    assert fewer_than_untrained.state == State.UNRESOLVED
    assert "modes 1 of real data is not clearly better than 2" in fewer_than_untrained.reason


def test_unknown_values_leave_a_run_to_the_other_rules(tmp_path: Path) -> None:
    assert outcome(tmp_path, real={}).state == State.NEVER_LEARNED
    assert outcome(tmp_path, real={"fd": None}).state == State.NEVER_LEARNED
    assert outcome(tmp_path, (math.nan, 0.9, 0.8, 0.7), real={"fd": 632.0}).state == State.STABLE


def test_divergence_comes_first(tmp_path: Path) -> None:
    real = {"fd": 632.0}
    assert outcome(tmp_path, (501.0, 480.0), diverged=True, real=real).state == State.DIVERGED
    assert outcome(tmp_path, (501.0, 480.0, 490.0, math.inf), real=real).state == State.DIVERGED
    assert outcome(tmp_path, (501.0, 480.0, 490.0, 1e6), real=real).state == State.DIVERGED


def test_stages_of_a_run_that_cannot_be_judged(tmp_path: Path) -> None:
    read = one_record(tmp_path, real={"fd": 632.0})
    stages = states_over_time(read.trace, read.metadata, Rules())
    assert stages == [(step, Stage.UNRESOLVED) for step in (40, 80, 120)]
    read = one_record(tmp_path, (501.0, 480.0), diverged=True, real={"fd": 632.0})
    assert states_over_time(read.trace, read.metadata, Rules()) == [(40, Stage.UNRESOLVED), (47, Stage.DIVERGED)]


def mixed(folder: Path, last: float = 0.5) -> Path:
    """Write one cell: a run that cannot be judged, one that converged and one that diverged."""
    record(folder, "hinge", 0, VALUES, **WITHOUT_MODES, real={"fd": 632.0})
    record(folder, "hinge", 1, (501.0, 0.9, 0.8, last), **WITHOUT_MODES, real={"fd": 0.1})
    record(folder, "hinge", 2, (501.0, 0.9), diverged=True, **WITHOUT_MODES, real={"fd": 0.1})
    return folder / "made"


def test_they_count_neither_as_failures_nor_as_successes(tmp_path: Path) -> None:
    runs = load(mixed(tmp_path))
    assert sorted(runs["outcome"]) == ["diverged", "stable", "unresolved"]
    assert (count_failed(runs), count_unresolved(runs), len(judged(runs))) == (1, 1, 2)
    assert sorted(failures_as_worst(runs, "fd_final", higher_is_better=False)) == [0.5, math.inf]


def test_a_cell_with_such_runs_is_inconclusive_with_the_reason(tmp_path: Path) -> None:
    comparison = compare(mixed(tmp_path / "a"), mixed(tmp_path / "b", last=0.6))
    (cell,) = comparison.cells
    assert cell.verdict == Verdict.INCONCLUSIVE
    assert "1 of 3 runs of the baseline and 1 of 3 runs of the candidate cannot be judged" in cell.reason
    assert "FD 632 of real data is not clearly better than 501 at initialisation" in cell.reason
    assert not cell.findings
    for text in (to_markdown(comparison), to_junit(comparison), to_json(comparison)):
        assert "cannot be judged" in text


def test_equal_records_are_ok_although_they_cannot_be_judged(tmp_path: Path) -> None:
    folder = mixed(tmp_path)
    assert compare(folder, folder).verdict == Verdict.OK


def test_the_pooled_test_of_failures_leaves_out_cells_that_cannot_be_judged(tmp_path: Path) -> None:
    """All seeds of the candidate fail in both cells, but those of hinge cannot be judged in the baseline."""
    for seed in range(10):
        for loss, real in (("hinge", 632.0), ("minimax", 0.1)):
            values = (501.0, 0.9, 0.8, 0.5 + seed / 100)
            record(tmp_path / "a", loss, seed, values, **WITHOUT_MODES, real={"fd": real})
            record(tmp_path / "b", loss, seed, values[:2], diverged=True, **WITHOUT_MODES, real={"fd": real})
    found = {cell.name: cell for cell in compare(tmp_path / "a" / "made", tmp_path / "b" / "made").cells}
    assert len(found) == 2  # one cell is left, so there is no pooled test
    assert found["ring · mlp · hinge"].verdict == Verdict.INCONCLUSIVE
    assert "10 of 10 runs of the baseline cannot be judged" in found["ring · mlp · hinge"].reason
    assert found["ring · mlp · minimax"].verdict == Verdict.REGRESSED


@pytest.mark.parametrize("count", [1, 3])
def test_evidence_of_runs_none_of_which_can_be_judged(tmp_path: Path, count: int) -> None:
    for seed in range(count):
        record(tmp_path, "hinge", seed, VALUES, **WITHOUT_MODES, real={"fd": 632.0})
    evidence = read_evidence(tmp_path / "made")
    assert isinstance(evidence.runs, pd.DataFrame)
    assert count_unresolved(evidence.runs) == count
