"""Searches in records: which setting is the best, what is shown, and what the draws say of a technique."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import record

from bench.evidence.outcomes import load
from bench.evidence.results import read_evidence
from bench.evidence.search import SettingResult, TechniqueResult
from bench.evidence.search_curves import best_of, grouped, parameter_effects

GOOD, BETTER, BAD = (1.0, 0.3, 0.1, 0.03), (1.0, 0.3, 0.1, 0.02), (1.0, 1.0, 1.0, 1.0)


def searched(folder: Path, loss: str, draw: int, seed: int, values: Any, phase: str = "tuning", **more: Any) -> None:
    """Publish a run of a search. Its seed also tells its file from others of the loss."""
    axes: dict[str, Any] = {"dataset": "ring", "architecture": "mlp", "loss": loss}
    axes |= {"draw": draw} if phase == "tuning" else {}
    place = {"phase": phase, "draw": draw, "setting": {"optimizer.lr": 10.0 ** -(draw + 1)}}
    record(folder, loss, seed, values, axes=axes, cell=f"{loss}-{draw}", search=place, **more)


def made_search(folder: Path) -> None:
    """Draw 1 of minimax is the best; hinge fails with both draws, and draw 0 the less."""
    for draw, values in enumerate((GOOD, BETTER, BAD)):
        searched(folder, "minimax", draw, 1000 + draw, values)
    searched(folder, "hinge", 0, 1000, (1.0, 1.0, 1.0, 0.9))
    searched(folder, "hinge", 1, 1001, BAD)
    for seed in range(2):
        searched(folder, "minimax", 1, seed, GOOD, "confirmation")
        searched(folder, "hinge", 0, seed, BAD, "confirmation")


def by_loss(folder: Path) -> dict[str, TechniqueResult]:
    return {str(result.axes["loss"]): result for result in read_evidence(folder / "made").search}


def test_tuning_runs_are_in_no_cell(tmp_path: Path) -> None:
    made_search(tmp_path)
    evidence = read_evidence(tmp_path / "made")
    assert sorted(evidence.runs["seed"].unique()) == [0, 1]
    assert "draw" not in evidence.axes
    assert len(evidence.traces["run"].unique()) == 4
    assert by_loss(tmp_path)["minimax"].confirmed == "minimax-1"


def test_load_tells_tuning_from_confirmation(tmp_path: Path) -> None:
    made_search(tmp_path)
    frame = load(tmp_path / "made")
    assert frame["phase"].value_counts().to_dict() == {"tuning": 5, "confirmation": 4}
    assert frame.loc[frame["phase"] == "confirmation"].groupby("loss")["draw"].unique().map(list).to_dict() == {
        "hinge": [0],
        "minimax": [1],
    }


def test_failed_draws_win_only_if_all_fail(tmp_path: Path) -> None:
    made_search(tmp_path)
    results = by_loss(tmp_path)
    assert [each.draw for each in results["minimax"].ranked()] == [1, 0, 2]
    assert [each.is_stable for each in results["minimax"].settings] == [True, True, False]
    assert results["hinge"].best.draw == 0
    assert not results["hinge"].best.is_stable


def test_a_better_median_does_not_outweigh_a_failure(tmp_path: Path) -> None:
    for seed, values in ((1000, BETTER), (1001, BETTER), (1002, BAD)):
        searched(tmp_path, "minimax", 0, seed, values)
    for seed in (1003, 1004, 1005):
        searched(tmp_path, "minimax", 1, seed, GOOD)
    assert by_loss(tmp_path)["minimax"].best.draw == 1


def test_ties_go_to_the_earlier_draw(tmp_path: Path) -> None:
    for draw in (1, 0):
        searched(tmp_path, "minimax", draw, 1000 + draw, GOOD)
    assert by_loss(tmp_path)["minimax"].best.draw == 0


def test_a_better_draw_found_later_leaves_the_confirmed_one_in_the_tables(tmp_path: Path) -> None:
    made_search(tmp_path)
    searched(tmp_path, "minimax", 3, 1003, (1.0, 0.3, 0.1, 0.01))
    result = by_loss(tmp_path)["minimax"]
    assert (result.best.draw, result.confirmed) == (3, "minimax-1")
    searched(tmp_path, "minimax", 3, 5, GOOD, "confirmation")
    assert by_loss(tmp_path)["minimax"].confirmed == "minimax-3"
    assert set(read_evidence(tmp_path / "made").runs.query("loss == 'minimax'")["seed"]) == {5}


def test_draws_are_cells_of_their_own_until_one_is_confirmed(tmp_path: Path) -> None:
    for draw, values in enumerate((GOOD, BAD)):
        searched(tmp_path, "minimax", draw, 1000 + draw, values)
    evidence = read_evidence(tmp_path / "made")
    assert sorted(evidence.runs["draw"]) == [0, 1]
    assert evidence.search[0].confirmed is None


def test_a_diverged_draw_ranks_last(tmp_path: Path) -> None:
    searched(tmp_path, "minimax", 0, 1000, (1.0, 0.3), diverged=True)
    searched(tmp_path, "minimax", 1, 1001, BAD)
    assert by_loss(tmp_path)["minimax"].best.draw == 1


def test_best_of_k_is_a_quantile_with_an_exact_interval() -> None:
    """The best of one draw has the median of all, and order statistics 2 and 9 of 10 bound it with 97.9%."""
    curve = best_of(np.arange(1.0, 11.0), higher_is_better=True)
    assert curve[0] == (5.0, 2.0, 9.0)
    assert curve[1].median == 8.0  # 0.5^(1/2) = 0.707, the eighth of ten
    assert curve[-1].high == math.inf  # ten draws do not bound the best of ten
    mirrored = best_of(-np.arange(1.0, 11.0), higher_is_better=False)
    assert (mirrored[0].median, mirrored[0].low, mirrored[0].high) == (-5.0, -9.0, -2.0)


def test_the_interval_of_best_of_k_covers() -> None:
    """Of 400 searches with 16 uniform draws, 95% cover the true median of the best of 4, 0.5^(1/4)."""
    random = np.random.default_rng(0)
    curves = [best_of(random.random(16), higher_is_better=True)[3] for _ in range(400)]
    covered = np.mean([curve.low <= 0.5**0.25 <= curve.high for curve in curves])
    assert covered > 0.93


def test_failed_draws_are_worse_than_any_value() -> None:
    curve = best_of(np.array([math.inf, math.inf, math.inf, 2.0]), higher_is_better=False)
    assert curve[0].median == math.inf
    assert curve[3].median == 2.0


def technique(values: list[float], settings: list[dict[str, Any]]) -> TechniqueResult:
    draws = [
        SettingResult(str(draw), draw, setting, 1, 0, value, 10)
        for draw, (value, setting) in enumerate(zip(values, settings, strict=True))
    ]
    return TechniqueResult({"loss": "hinge"}, "fd", False, tuple(draws))


def test_the_parameter_that_decides_is_found() -> None:
    random = np.random.default_rng(0)
    settings = [
        {"lr": float(lr), "steps": int(steps)}
        for lr, steps in zip(random.random(32), random.integers(1, 3, 32), strict=True)
    ]
    lr, steps = parameter_effects(technique([each["lr"] for each in settings], settings))
    assert lr.share > 0.8
    assert lr.p < 1e-4
    assert lr.best.startswith(f"{min(each['lr'] for each in settings):g} to ")
    assert steps.p > 0.01


def test_few_draws_say_nothing_of_parameters() -> None:
    assert parameter_effects(technique([1.0, 2.0], [{"lr": 0.1}, {"lr": 0.2}])) == []


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        (["b", "a", "b"], {"b": [0, 2], "a": [1]}),
        ([2, 1, 2], {"1": [1], "2": [0, 2]}),
        ([[0.0, 0.9], [0.5, 0.9]], {"[0.0, 0.9]": [0], "[0.5, 0.9]": [1]}),
        (
            [8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            {"1 to 2": [1, 2], "3 to 4": [3, 4], "5 to 6": [5, 6], "7 to 8": [7, 0]},
        ),
    ],
)
def test_groups_of_values(values: list[Any], groups: dict[str, list[int]]) -> None:
    assert grouped(values) == groups
