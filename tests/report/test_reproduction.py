"""Published numbers beside ours: shares are counted and tested, means have intervals, and only the right cells count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_runs import made_evidence
from scipy import stats

from bench.errors import SuiteError
from bench.evidence.results import Evidence
from bench.evidence.statistics import bounded_mean, wilson_interval
from bench.plan.published import PublishedResult
from bench.plan.specification import validated
from bench.report.reproduction import compare_with_published, write_reproduction

TABLE = {
    "source": "a paper",
    "when": {"loss": "minimax", "dataset": "ring"},
    "values": {"modes": 1.5},
    "plus_minus": {"modes": 0.1},
    "shares": [
        {"measure": "modes", "at_least": 2, "share": 0.1},
        {"measure": "modes", "at_most": 0, "share": 0.3},
    ],
    "runs": 50,
    "at": "final",
    "note": "in other units",
}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Minimax on the ring has 2, 2 and 0 modes in the end."""
    made = made_evidence(tmp_path_factory.mktemp("made"))
    return replace(made, references=(validated(PublishedResult, TABLE, "test"),))


def test_shares_have_wilsons_interval_and_boschloos_test(evidence: Evidence) -> None:
    all_modes, none = compare_with_published(evidence).iloc[1:].itertuples()
    assert (all_modes.cell, all_modes.ours, all_modes.n) == ("minimax", 2 / 3, 3)
    assert (all_modes.low, all_modes.high) == wilson_interval(2, 3)
    assert not all_modes.inside
    assert all_modes.p == pytest.approx(stats.boschloo_exact([[2, 5], [1, 45]]).pvalue)
    assert (none.ours, none.inside) == (1 / 3, True)
    assert none.p == pytest.approx(stats.boschloo_exact([[1, 15], [2, 35]]).pvalue)


def test_means_have_an_interval_within_their_bounds_and_no_test(evidence: Evidence) -> None:
    row = compare_with_published(evidence).iloc[0]
    mean, low, high, _ = bounded_mean([2, 2, 0], 0, 2)
    assert (row.ours, row.low, row.high) == pytest.approx((mean, low, high))
    assert 0 < row.low < row.high <= 2
    assert (row.published, row.plus_minus, row.inside) == (1.5, 0.1, True)
    assert row.p != row.p


def test_datasets_are_not_pooled_and_other_settings_count(evidence: Evidence) -> None:
    """The ring and the grid have cells of the same name; all runs were trained for 120 steps, twice the critic."""
    when = {"loss": "minimax"}
    anywhere = validated(
        PublishedResult, {**TABLE, "when": when, "values": {"fd": 1.0}, "plus_minus": {}, "shares": []}, "test"
    )
    assert compare_with_published(replace(evidence, references=(anywhere,)))["cell"].tolist() == [
        "ring · minimax",
        "grid · minimax",
    ]
    for settings, count in (({"steps": 120, "critic_steps": 2}, 2), ({"steps": 100_000}, 0), ({"penalty": "r1"}, 0)):
        chosen = anywhere.model_copy(update={"when": {**when, **settings}})
        assert len(compare_with_published(replace(evidence, references=(chosen,)))) == count


def test_without_the_number_of_published_runs_shares_are_not_tested(evidence: Evidence) -> None:
    unknown = validated(PublishedResult, {**TABLE, "runs": None}, "test")
    assert compare_with_published(replace(evidence, references=(unknown,)))["p"].isna().all()


def test_cells_and_measures_that_are_not_there_give_no_row(evidence: Evidence, tmp_path: Path) -> None:
    other = validated(PublishedResult, {**TABLE, "when": {"loss": "wgan-gp"}}, "test")
    unmeasured = validated(PublishedResult, {"source": "b", "values": {"fid": 3.0}}, "test")
    none = replace(evidence, references=(other, unmeasured))
    assert compare_with_published(none).empty
    assert write_reproduction(none, tmp_path) == []
    without = replace(
        evidence, references=(validated(PublishedResult, {**TABLE, "when": {"dataset": "grid"}}, "test"),)
    )
    assert compare_with_published(without).empty  # modes were not measured there


def test_the_page_of_published_numbers(evidence: Evidence, tmp_path: Path) -> None:
    markdown, csv = write_reproduction(evidence, tmp_path)
    text = markdown.read_text()
    assert "| runs with modes ≥ 2 |" in text
    assert "67% [21%, 94%], n = 3 |" in text
    assert "1.5 ± 0.1" in text
    assert text.endswith("a paper: in other units.\n")
    assert len(csv.read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"values": {}, "plus_minus": {}, "shares": []}, "a published value, or a share of runs, is required"),
        ({"shares": [{"measure": "modes", "share": 0.5}]}, "'modes' needs either at_least or at_most"),
        ({"shares": [{"measure": "modes", "at_least": 1, "at_most": 2, "share": 0.5}]}, "either at_least or at_most"),
        (
            {"shares": [{"measure": "mode", "at_least": 1, "share": 0.5}]},
            "unknown measure 'mode'; did you mean 'modes'",
        ),
        ({"shares": [{"measure": "modes", "at_least": 1, "share": 50}]}, "share"),
    ],
)
def test_mistakes_are_named(changed: dict[str, object], message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        validated(PublishedResult, {**TABLE, **changed}, "test")
