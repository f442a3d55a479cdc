"""Runs that never learned, but were still improving: in outcomes, tables and rankings."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import drawn, record
from matplotlib.colors import to_hex

from bench.evidence.outcomes import Outcome, classify_run, load
from bench.evidence.results import Evidence, read_evidence
from bench.evidence.states import State
from bench.plan.rules import Rules
from bench.records.record import read_all, read_judged
from bench.report.outcome_styles import IMPROVING_STYLE
from bench.report.tables.cell_summaries import summarise_cells
from bench.report.tables.layout import lay_out
from bench.report.tables.model import Layout


def outcome_of(folder: Path, values: tuple[float, ...], **changed: object) -> Outcome:
    """Return the outcome of a run with this FD after 0, 40, 80 and 120 steps; real data has 0.001."""
    record(folder, "minimax", 0, values, **changed)
    (run,) = read_all(folder, read_judged)
    return classify_run(run.trace, run.metadata, Rules())


@pytest.mark.parametrize(
    ("last", "improving"),
    # From 1 to 0.001 in logarithms: 5% of the way is a factor of 1000^0.05 = 1.413.
    [(0.2, False), (0.2 / 1.40, False), (0.2 / 1.42, True), (0.25, False)],
)
def test_the_last_third_has_to_close_a_twentieth_of_the_gap(tmp_path: Path, last: float, improving: bool) -> None:
    outcome = outcome_of(tmp_path, (1.0, 0.5, 0.2, last))
    assert outcome.state == State.NEVER_LEARNED
    assert outcome.improving == improving
    assert outcome.reason.endswith("still improving") == improving


def test_the_gap_of_overlap_is_not_in_logarithms(tmp_path: Path) -> None:
    """0.95 of real data: 5% of the way from 0 is 0.0475."""
    for last, improving in ((0.447, False), (0.448, True)):
        measures = [{"overlap": value} for value in (0.0, 0.2, 0.4, last)]
        changed = {"real": {"overlap": 0.95, "fd": 0.001, "modes": 2.0}, "measures": measures}
        directions = {"overlap": True, "fd": False, "modes": True}
        outcome = outcome_of(tmp_path / str(last), (1.0,) * 4, higher_is_better=directions, **changed)
        assert (outcome.state, outcome.improving) == (State.NEVER_LEARNED, improving)


def test_other_outcomes_are_not_said_to_improve(tmp_path: Path) -> None:
    assert outcome_of(tmp_path, (1.0, 0.5, 0.2, 0.01)) == Outcome(State.STABLE)


def test_a_run_evaluated_only_at_its_end_cannot_be_said_to_improve(tmp_path: Path) -> None:
    outcome = outcome_of(tmp_path, (1.0, 0.2))
    assert (outcome.state, outcome.improving) == (State.NEVER_LEARNED, False)


@pytest.fixture
def made(tmp_path: Path) -> Evidence:
    """Three runs that never learned, of which two were improving, and one that is stable."""
    for seed, last in enumerate((0.1, 0.1, 0.2, 0.01)):
        record(tmp_path, "minimax", seed, (1.0, 0.5, 0.2, last))
    return read_evidence(tmp_path / "made")


def test_tables_count_them(made: Evidence, tmp_path: Path) -> None:
    assert load(tmp_path / "made")["still_improving"].tolist() == [True, True, False, False]
    (table,) = lay_out(made, Layout())
    entries = [
        entry.text for row in table.rows for column, entry in row.entries.items() if column.measure == "failures"
    ]
    assert entries == ["3 never-learned (2 still improving)"]
    assert summarise_cells(made, "ring")[["n_never_learned", "n_still_improving"]].to_numpy().tolist() == [[3, 2]]


def test_they_have_a_part_of_the_bar(made: Evidence) -> None:
    figure = drawn(made, "ranking-ring")
    bars = {to_hex(bar.get_facecolor()).upper(): bar.get_width() for bar in figure.axes[0].patches}
    assert bars[IMPROVING_STYLE.colour] == pytest.approx(2 / 4)
    assert sorted(bars.values()) == pytest.approx([1 / 4, 1 / 4, 2 / 4])
    assert "never-learned, still improving" in [text.get_text() for text in figure.legends[0].get_texts()]
