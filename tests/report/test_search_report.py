"""The report of a search: tuning and confirmation are told apart, and figures show every draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_runs import drawn, record

from bench.evidence.results import Evidence, read_evidence
from bench.evidence.search import SettingResult, TechniqueResult
from bench.report import write_report
from bench.report.figures.choice_names import fit_name, name_choices
from bench.report.figures.search import EXPLANATION, budget_curve, draw_search, gets_worse
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import SMALL, styled, text_width
from bench.report.search import format_effects, format_overview

LOSSES = ("minimax", "hinge")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of eight draws, whose FD is the learning rate, except that draw 7 fails; draw 0 is confirmed."""
    folder = tmp_path_factory.mktemp("search")
    for loss in LOSSES:
        axes = {"dataset": "ring", "architecture": "mlp", "loss": loss}
        for draw in range(8):
            setting = {"optimizer.lr": 0.01 * (draw + 1), "critic.normalisation": ("none", "spectral")[draw % 2]}
            values = (1.0, 0.3, 0.02, 0.002 * (draw + 1)) if draw < 7 else (1.0, 1.0, 1.0, 1.0)
            place = {"phase": "tuning", "draw": draw, "setting": setting}
            named = {"cell": f"{loss}-{draw}"}
            record(folder, loss, 1000 + draw, values, axes={**axes, "draw": draw}, search=place, **named)
        for seed in range(3):
            place = {"phase": "confirmation", "draw": 0, "setting": {"optimizer.lr": 0.01}}
            named = {"cell": f"{loss}-0"}
            record(folder, loss, seed, (1.0, 0.3, 0.02, 0.01), axes=axes, search=place, **named)
    return folder / "made"


@pytest.fixture
def evidence(searched: Path) -> Evidence:
    return read_evidence(searched)


def test_the_main_table_has_confirmation_only(searched: Path, tmp_path: Path) -> None:
    report = write_report(searched, output=tmp_path, extent="tables")
    assert {path.name for path in report.tables} >= {"search.md", "search.tex", "search.csv"}
    table = (tmp_path / "table.csv").read_text().splitlines()
    assert len(table) == 3
    assert "draw" not in table[0]
    assert ",3,3," in table[1]  # three runs, all of them finished
    draws = (tmp_path / "search.csv").read_text().splitlines()
    assert len(draws) == 17
    assert all(line.startswith("tuning,") for line in draws[1:])


def test_the_overview_keeps_tuning_and_confirmation_apart(evidence: Evidence) -> None:
    row = format_overview(evidence).iloc[0]
    assert row["tuning: stable"].startswith("7/8 (53–98%)")  # Wilson's interval of 7 of 8: 0.529 to 0.978
    assert row["tuning: best of 1"].startswith("0.01")  # fourth from the worst of eight
    assert row["tuning: best of 8"].startswith("0.002")
    assert row["confirmed"] == "0.01 (n = 3)"
    assert row["setting"] == "draw 0: optimizer.lr 0.01, critic.normalisation none"


def test_only_seeds_with_a_final_value_are_counted(evidence: Evidence) -> None:
    first = evidence.runs["seed"] == evidence.runs["seed"].min()
    lost = evidence.runs.assign(fd_final=evidence.runs["fd_final"].mask(first))
    assert format_overview(replace(evidence, runs=lost)).iloc[0]["confirmed"] == "0.01 (n = 2)"


def test_the_learning_rate_decides(evidence: Evidence) -> None:
    row = format_effects(evidence).iloc[0]
    assert "best 0.01 to 0.02" in row["optimizer.lr"]
    assert list(format_effects(evidence)["loss"]) == list(LOSSES)


def test_budget_figure(evidence: Evidence) -> None:
    figure = drawn(evidence, "search-budget-ring")
    failed, curve = [line for line in figure.axes[0].lines if line.get_linewidth() == 1.2]
    assert len(failed.get_xdata()) == 0
    assert curve.get_xydata()[[0, -1]].tolist() == [[1, pytest.approx(0.01)], [8, 0.002]]
    (confirmed,) = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert np.asarray(confirmed.get_ydata()).item() == pytest.approx(0.01)


def test_the_best_of_draws_that_fail_is_drawn_too() -> None:
    """Of four draws one is stable: the best of one or two is probably not, the best of four is (0.5^(1/4) = 0.84)."""
    values = (0.9, 0.5, 0.7, 0.6)
    settings = [SettingResult(f"{i}", i, {}, 2, int(i != 1), value, 100) for i, value in enumerate(values)]
    curve, stable = budget_curve(TechniqueResult({}, "overlap", higher_is_better=True, settings=tuple(settings)))
    assert stable.tolist() == [False, False, True, True]
    assert curve[:, 0].tolist() == [0.7, 0.9, 0.5, 0.5]  # by failures, then by value: 0.6, 0.7, 0.9, 0.5
    assert np.isnan(curve[:, 1]).tolist() == [True, False, False, False]  # P(none of four at or below) = 0.06, 0.007


def test_a_caption_says_why_the_best_of_more_draws_can_be_worse(evidence: Evidence) -> None:
    falling = np.array([[0.7, 0, 1], [0.9, 0, 1], [0.5, 0, 1]])
    result = TechniqueResult({}, "overlap", higher_is_better=True, settings=())
    assert gets_worse(result, (falling, np.zeros(3, bool)))
    assert not gets_worse(result, (np.sort(falling, axis=0), np.zeros(3, bool)))
    with styled():
        descriptions = [each.description for each in draw_search(evidence, "ring", Sheet(width=6.75))]
    assert not any(EXPLANATION in description for description in descriptions)


def test_choices_are_named_by_the_option_that_tells_them_apart() -> None:
    pair = [[{"name": name, "weight": weight} for name in ("r1", "r2")] for weight in (0.3, 0.03)]
    assert list(name_choices(pair).values()) == ["weight 0.03", "weight 0.3"]
    assert list(name_choices([{"name": "r1"}, {"name": "gp"}])) == ["gp", "r1"]
    mixed = ["none", *pair]
    assert list(name_choices(mixed)) == list(name_choices(mixed).values())
    assert list(name_choices([[0.9, 0.99], [0.5, 0.99]])) == ["[0.5, 0.99]", "[0.9, 0.99]"]


def test_a_name_of_a_choice_is_no_wider_than_its_place() -> None:
    name = "r1 (weight 0.03, final_weight 0.003) + a_regulariser_with_a_long_name (weight 0.03)"
    for width in (0.4, 1.0):
        lines = fit_name(name, width).split("\n")
        assert len(lines) <= 3
        assert max(text_width(line, SMALL) for line in lines) <= width


def test_panels_of_parameters_are_equally_wide(tmp_path: Path) -> None:
    """A choice with long names does not take the room of others."""
    for draw, weight in enumerate((0.03, 0.1, 0.3)):
        penalty = [{"name": name, "weight": weight, "final_weight": weight / 10} for name in ("r1", "r2")]
        place = {"phase": "tuning", "draw": draw, "setting": {"optimizer.lr": 0.01 * weight, "penalty": penalty}}
        axes = {"dataset": "ring", "architecture": "mlp", "loss": "minimax", "draw": draw}
        record(tmp_path, "minimax", 1000 + draw, (1.0, 0.3, 0.1), axes=axes, search=place, cell=f"minimax-{draw}")
    figure = drawn(read_evidence(tmp_path), "search-parameters-ring")
    figure.draw_without_rendering()
    one, other = (panel.get_position().width for panel in figure.axes)
    assert one == pytest.approx(other)
    assert one * 6.75 > 2


def test_parameter_figure_has_every_draw(evidence: Evidence) -> None:
    figure = drawn(evidence, "search-parameters-ring")
    stable, failed = figure.axes[0].lines[:2]
    assert len(stable.get_xdata()) == 7
    assert np.asarray(failed.get_xydata()).tolist() == [[0.08, 1.0]]


def test_the_page_has_confirmation_only(searched: Path, tmp_path: Path) -> None:
    report = write_report(searched, output=tmp_path, formats=())
    assert report.page is not None
    assert "ring-minimax-1003" not in report.page.read_text()
    assert "ring-minimax-1" in report.page.read_text()
