"""Stages of a run on its way, and the colours that they have everywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from test_outcomes import RULES, a_record, a_trace

from bench.evidence.outcomes import Stage, _without_losses_on_the_way, states_over_time
from bench.evidence.states import State
from bench.report.outcome_styles import OUTCOMES, STAGES

COLLAPSED, RELAPSED, NOT_YET, GOOD = Stage.COLLAPSED, Stage.RELAPSED, Stage.NOT_THERE_YET, Stage.ON_TRACK
MISSING = Stage.MODES_MISSING


def shown(*stages: Stage) -> list[Stage]:
    return [stage for _, stage in _without_losses_on_the_way(list(enumerate(stages)))]


def test_a_run_that_was_never_on_track_has_lost_no_modes() -> None:
    assert shown(NOT_YET, COLLAPSED, RELAPSED, GOOD) == [NOT_YET, MISSING, RELAPSED, GOOD]
    assert shown(COLLAPSED, GOOD, COLLAPSED, GOOD) == [MISSING, GOOD, COLLAPSED, GOOD]
    assert shown(NOT_YET, COLLAPSED, COLLAPSED) == [NOT_YET, MISSING, MISSING]


VALUES = st.floats(min_value=1e-2, max_value=200)


@given(st.lists(st.tuples(VALUES, st.integers(0, 8)), min_size=3, max_size=12))
def test_a_stage_does_not_depend_on_later_evaluations(rows: list[tuple[float, int]]) -> None:
    def stages(count: int) -> list[tuple[int, Stage]]:
        trace = a_trace([100.0, *(fd for fd, _ in rows[:count])], [0, *(modes for _, modes in rows[:count])])
        return states_over_time(trace, a_record(trace), RULES)

    whole = stages(len(rows))
    for count in range(1, len(rows)):
        assert stages(count) == whole[:count]


def test_an_outcome_has_the_colour_of_its_stage() -> None:
    pairs = {State.DIVERGED: Stage.DIVERGED, State.COLLAPSED: COLLAPSED, State.RELAPSED: RELAPSED, State.STABLE: GOOD}
    assert {OUTCOMES[state].colour == STAGES[stage].colour for state, stage in pairs.items()} == {True}
