"""Stages of a run on its way, and the colours that they have everywhere."""

from __future__ import annotations

from bench.evidence.outcomes import Stage, _without_losses_on_the_way
from bench.evidence.states import State
from bench.report.outcome_styles import OUTCOMES, STAGES

COLLAPSED, RELAPSED, NOT_YET, GOOD = Stage.COLLAPSED, Stage.RELAPSED, Stage.NOT_THERE_YET, Stage.ON_TRACK


def shown(*stages: Stage) -> list[Stage]:
    return [stage for _, stage in _without_losses_on_the_way(list(enumerate(stages)))]


def test_a_run_that_gets_on_track_was_not_collapsed_on_its_way() -> None:
    assert shown(NOT_YET, COLLAPSED, RELAPSED, GOOD) == [NOT_YET, NOT_YET, NOT_YET, GOOD]
    assert shown(COLLAPSED, GOOD, COLLAPSED, GOOD) == [NOT_YET, GOOD, COLLAPSED, GOOD]


def test_a_run_that_never_gets_there_is_collapsed() -> None:
    assert shown(NOT_YET, COLLAPSED, COLLAPSED) == [NOT_YET, COLLAPSED, COLLAPSED]


def test_an_outcome_has_the_colour_of_its_stage() -> None:
    pairs = {State.DIVERGED: Stage.DIVERGED, State.COLLAPSED: COLLAPSED, State.RELAPSED: RELAPSED, State.STABLE: GOOD}
    assert {OUTCOMES[state].colour == STAGES[stage].colour for state, stage in pairs.items()} == {True}
