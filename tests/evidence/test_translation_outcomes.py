"""Outcomes of translations: by their error, unless all sources get nearly the same translation."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from bench.evidence.outcomes import Stage, classify_run, states_over_time
from bench.evidence.states import State
from bench.plan.rules import Rules
from bench.records.schema import Metadata

RULES = Rules()


def judged(errors: list[float], varieties: list[float], **more: list[float]) -> tuple[Any, list[Stage]]:
    steps = [100 * number for number in range(len(errors))]
    losses = {name: [0.7] * len(errors) for name in ("critic_loss", "generator_loss")}
    trace = pd.DataFrame(
        {"step": steps, "seconds": steps, **losses, "answer_error": errors, "variety": varieties, **more}
    )
    names = {"dataset": "inverted-digits", "architecture": "mlp", "loss": "hinge"}
    real = {"answer_error": 0.0, "variety": 1.0, "fd": 1.0, "modes": 10.0}
    content = {
        **{"run": "r", "cell": "c", "suite": "made", "seed": 0, "axes": names, "real": real},
        "higher_is_better": {"answer_error": False, "variety": None, "fd": False, "modes": True},
        "ending": {"status": "finished", "step": steps[-1]},
        "training": {**{k: {"name": v, "label": v} for k, v in names.items()}, "steps": steps[-1]},
    }
    metadata = Metadata.model_validate(content)
    return classify_run(trace, metadata, RULES), [stage for _, stage in states_over_time(trace, metadata, RULES)]


def test_a_translation_that_finds_the_answers_is_stable_whatever_its_distance() -> None:
    outcome, stages = judged([0.4, 0.2, 0.05, 0.04], [0.0, 0.8, 0.95, 0.95], fd=[500.0, 400.0, 400.0, 400.0])
    assert outcome.state == State.STABLE
    assert stages[1:] == [Stage.ON_TRACK] * 2


def test_the_right_distribution_with_wrong_answers_is_not_learned() -> None:
    outcome, _ = judged([0.4, 0.31, 0.29, 0.29], [0.0, 0.9, 0.95, 0.95], fd=[500.0, 50.0, 2.0, 1.0])
    assert outcome.state == State.NEVER_LEARNED
    assert "answer error" in outcome.reason


def test_one_translation_of_all_sources_is_a_collapse() -> None:
    outcome, stages = judged([0.4, 0.31, 0.29, 0.29], [0.0, 0.9, 0.01, 0.01])
    assert outcome.state == State.COLLAPSED
    assert outcome.step == 200
    assert outcome.reason == (
        "nearly the same translation of all sources from step 200 on: variety 0.01, with 1 for the answers"
    )
    assert stages == [Stage.NOT_THERE_YET, Stage.MODES_MISSING, Stage.MODES_MISSING]


def test_so_is_one_from_the_start_or_one_with_a_larger_error() -> None:
    for error in (0.3, 0.6):
        outcome, _ = judged([0.4, error, error], [0.0, 0.0, 0.0])
        assert (outcome.state, outcome.step) == (State.COLLAPSED, 100)


def test_a_translator_that_is_as_at_initialisation_never_learned() -> None:
    outcome, _ = judged([0.4, 0.4, 0.401], [0.001, 0.001, 0.001])
    assert outcome.state == State.NEVER_LEARNED


def test_a_collapse_on_the_way_is_none_at_the_end() -> None:
    outcome, stages = judged([0.4, 0.3, 0.1, 0.1], [0.0, 0.01, 0.9, 0.9])
    assert outcome.state == State.STABLE
    assert stages == [Stage.MODES_MISSING, Stage.ON_TRACK, Stage.ON_TRACK]


@pytest.mark.parametrize("modes", [5.0, 9.0])
def test_missing_modes_are_a_collapse_as_for_any_run(modes: float) -> None:
    outcome, _ = judged([0.4, 0.1, 0.1], [0.0, 0.6, 0.6], modes=[1.0, modes, modes])
    assert outcome.state == (State.COLLAPSED if modes < 7.5 else State.STABLE)
