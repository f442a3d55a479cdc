"""Seconds are shown only of cells that were timed alone: in figures, in tables and on the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_runs import LOSSES, drawn, record, time_alone

from bench.errors import ResultsError
from bench.evidence.results import Evidence, read_evidence
from bench.evidence.step_times import step_times
from bench.records.timing_results import timings_path, write_timings
from bench.report.figures import draw_all
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled
from bench.report.page.data import page_data
from bench.report.tables.across import sections

CELLS = [{"dataset": "ring", "architecture": "mlp", "loss": loss} for loss in LOSSES]
OVER_SECONDS = {"curves-ring-seconds", "quality-time"}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three runs of two losses that reach 0.05 at step 80, or one of them at step 120."""
    for loss in LOSSES:
        for seed in range(3):
            record(tmp_path, loss, seed, (1.0, 0.3, 0.04 + 0.02 * (seed == 2), 0.03), rules={"reach": 0.05})
    return tmp_path / "made"


def names(evidence: Evidence) -> set[str]:
    with styled():
        return {each.name for each in draw_all(evidence, Sheet(width=6.75))}


def test_recorded_seconds_are_not_shown(results: Path) -> None:
    evidence = read_evidence(results)
    assert not names(evidence) & OVER_SECONDS
    assert "threshold-ring" in names(evidence)
    assert all(run["seconds_per_step"] is None for run in page_data(evidence)["runs"])
    (section,) = [text for text in sections(evidence) if "Time to the threshold" in text]
    assert "econds" not in section
    assert section.count("80 [80, ") == 2


def test_seconds_of_cells_that_were_timed_alone_are_steps_times_their_rate(results: Path) -> None:
    time_alone(results, CELLS, 0.5)
    evidence = read_evidence(results)
    assert names(evidence) >= OVER_SECONDS
    assert set(step_times(evidence, "ring").values()) == {0.5}
    figure = drawn(evidence, "curves-ring-seconds")
    curves = figure.axes[0]
    assert figure.get_suptitle().endswith("training time (s), timed alone")
    assert {line.get_xdata()[-1] for line in curves.lines if len(line.get_xdata()) == 4} == {60}
    assert {run["seconds_per_step"] for run in page_data(evidence)["runs"]} == {0.5}
    (section,) = [text for text in sections(evidence) if "Time to the threshold" in text]
    assert section.count("40.0 [40.0, ") == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: time_alone(folder, CELLS, 0.5, alone=False),
        lambda folder: time_alone(folder, CELLS, 0.5, workers=2),
        lambda folder: time_alone(folder, CELLS, 0.5, other_load=1.5),
        lambda folder: time_alone(folder, CELLS[:1], 0.5),
    ],
    ids=["not alone", "two workers", "other load", "one cell of two"],
)
def test_other_timings_do_not_count(results: Path, change: Callable[[Path], Any]) -> None:
    change(results)
    evidence = read_evidence(results)
    assert step_times(evidence, "ring") == {}
    assert not names(evidence) & OVER_SECONDS


def test_cells_that_have_changed_since_do_not_count(results: Path) -> None:
    time_alone(results, CELLS, 0.5)
    path, evidence = timings_path(results), read_evidence(results)
    content = {key: value for key, value in json.loads(path.read_text()).items() if key not in ("sha256", "schema")}
    content["cells"][0]["training"] = {"batch_size": 17}
    write_timings(results, content)
    assert step_times(evidence, "ring") == {}
    path.write_text("[]")
    with pytest.raises(ResultsError, match="cut short"):
        step_times(evidence, "ring")


def test_who_asks_for_seconds_gets_those_of_the_records_with_a_label(results: Path) -> None:
    figure = drawn(read_evidence(results), "curves-ring-seconds", x="seconds")
    assert " ".join(figure.get_suptitle().split()).endswith("training time (s), as recorded under any load")
