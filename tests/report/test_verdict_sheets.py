"""The draw of runs for a reading by eye, and the sheets of their samples."""

from pathlib import Path

import pytest
from matplotlib.axes import Axes

from bench.report.verdict_sheets import draw_runs, draw_sheets, table_of

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    (folder / "quick").symlink_to(RESULTS / "quick")
    return folder


def test_every_dataset_and_outcome_is_drawn_before_a_second_run_of_one(results: Path) -> None:
    everything = draw_runs(results, 1000, seed=0)
    groups = everything.groupby(["dataset", "outcome"]).ngroups
    drawn = draw_runs(results, groups, seed=0)
    assert groups > 2
    assert drawn.groupby(["dataset", "outcome"]).ngroups == groups == len(drawn)
    assert len(list(table_of(drawn))) == 2 + groups


@pytest.mark.parametrize("blind", [True, False])
def test_blind_sheets_show_no_outcome(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, blind: bool
) -> None:
    titles: list[str] = []
    monkeypatch.setattr(Axes, "set_title", lambda _, title: titles.append(title))
    drawn = draw_runs(results, 3, seed=0)
    assert [path.name for path in draw_sheets(drawn, tmp_path, blind=blind)] == ["sheet-0.png"]
    assert [any(outcome in title for outcome in drawn["outcome"]) for title in titles] == [not blind] * 3
