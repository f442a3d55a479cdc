"""Outcomes of planted runs with their reasons, and properties of the rules for arbitrary traces."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from changed_records import content_of, publish_content, rows_of
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

import bench
from bench.command import main
from bench.errors import ResultsError
from bench.evidence.outcomes import Outcome, Stage, classify_run, load, states_over_time
from bench.evidence.primary_measure import choose_primary, primary_curve
from bench.evidence.states import State
from bench.evidence.suite_rules import suite_rules, versions_of
from bench.plan.published import PublishedResult
from bench.plan.rules import GateOptions, Rules
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.record import read_metadata
from bench.records.schema import Metadata

NAN = float("nan")
RULES = Rules()


def a_trace(fd: list[Any], modes: list[Any] | None = None, **columns: list[Any]) -> pd.DataFrame:
    """Return a trace with an evaluation every 100 steps from step 0 on."""
    steps = [100 * number for number in range(len(fd))]
    seconds = [0.5 * number for number in range(len(fd))]
    losses = {"critic_loss": [NAN, *([0.7] * (len(fd) - 1))], "generator_loss": [0.7] * len(fd)}
    return pd.DataFrame(
        {"step": steps, "seconds": seconds} | losses | {"fd": fd} | ({"modes": modes} if modes else {}) | columns
    )


def a_record(trace: pd.DataFrame, real: float | None = 1.0, status: str = "finished", **changed: Any) -> Metadata:
    """Return the metadata of a run on eight modes, with an FD of 1 on real data."""
    names = {"dataset": "ring", "architecture": "mlp", "loss": "hinge"}
    content = {
        **{"run": "r", "cell": "c", "suite": "made", "seed": 0, "axes": names},
        "real": {"modes": 8.0} | ({} if real is None else {"fd": real}),
        "higher_is_better": {"fd": False} | ({"modes": True} if "modes" in trace else {}),
        "data": {"modes": {"centres": [[0.0, 0.0]] * 8, "sigma": 0.1}},
        "ending": {"status": status, "step": int(trace["step"].iloc[-1])},
        "training": {**{k: {"name": v, "label": v} for k, v in names.items()}, "steps": 100 * (len(trace) - 1)},
    }
    return Metadata.model_validate(content | changed)


def outcome_of(fd: list[Any], modes: list[Any] | None = None, rules: Rules = RULES, **more: Any) -> Outcome:
    trace = a_trace(fd, modes)
    return classify_run(trace, a_record(trace, **more), rules)


GOOD = [100.0, 40.0, 20.0, 10.0, 8.0, 7.0, 7.0]
PLANTED = {
    "stable": (GOOD, [1, 4, 8, 8, 8, 8, 8], Outcome(State.STABLE)),
    "never": ([100.0, 90.0, 80.0, 70.0, 60.0, 65.0, 62.0], [0, 1, 1, 1, 1, 1, 1],
        Outcome(State.NEVER_LEARNED, "best FD 60 (100 at initialisation) closes only 11% of the logarithmic gap to real data")),
    "worse": ([100.0, 120.0, 110.0], [0, 1, 1],
        Outcome(State.NEVER_LEARNED, "best FD 110 is no better than 100 at initialisation")),
    "fell": (GOOD, [1, 6, 8, 8, 3, 2, 2], Outcome(State.COLLAPSED, "modes fell from 8 to 3 at step 400", 400)),
    "stuck": (GOOD, [0, 1, 2, 2, 1, 2, 1], Outcome(State.COLLAPSED, "modes never exceeded 2 of 8", 100)),
    "relapsed": ([100.0, 40.0, 5.0, 4.0, 9.0, 22.0, 31.0], [1, 4, 8, 8, 8, 8, 7],
        Outcome(State.RELAPSED, "final FD 31 is 7.8× worse than the best (4 at step 300)", 400)),
    "oscillating": ([100.0, 40.0, 9.0, 36.0, 11.0, 35.0, 10.0], [1, 4, 8, 8, 8, 8, 8],
        Outcome(State.OSCILLATING, "FD varies by 76% from step 400 to the end", 400)),
    "exploded": ([100.0, 40.0, 2e4, 3e4], [1, 4, 0, 0],
        Outcome(State.DIVERGED, "FD 2·10⁴ at step 200, more than 100× its value at initialisation (100)", 200)),
    "lost": ([100.0, 40.0, 30.0, math.inf], [1, 4, 8, 8], Outcome(State.DIVERGED, "FD not finite at step 300", 300)),
    "not measured": ([100.0, 40.0, 30.0, None], [1, 4, 8, 8],
        Outcome(State.UNRESOLVED, "cannot be judged: FD is NaN from step 300 on, although the samples are finite", 300)),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_planted_runs_get_their_outcome_and_its_reason(name: str) -> None:
    """The variation of 76% is that of 11, 35, 10: mean 56/3, standard deviation 14.15 (with n − 1)."""
    fd, modes, expected = PLANTED[name]
    assert outcome_of(fd, modes) == expected


def test_a_run_that_ended_before_its_last_step_diverged() -> None:
    trace = a_trace(GOOD)
    ending = {"status": "diverged", "step": 93, "place": "critic loss", "reason": "critic loss not finite at step 93"}
    expected = Outcome(State.DIVERGED, "critic loss not finite at step 93", 93)
    assert classify_run(trace, a_record(trace, ending=ending), RULES) == expected
    trace["critic_loss"] = [NAN, 0.7, -4e9, 0.7, math.inf, 0.7, 0.7]
    expected = Outcome(State.DIVERGED, "critic loss -4·10⁹ at step 200 exceeds the limit of 1·10⁸", 200)
    assert classify_run(trace, a_record(trace), RULES) == expected
    assert classify_run(trace, a_record(trace), Rules(exploding_loss=1e300)).step == 400  # the infinite one


def test_the_rules_apply_in_their_order() -> None:
    """All rules apply to this run; as earlier thresholds are relaxed, later rules determine its state."""
    fd, modes = [100.0, 61.0, 92.0, 60.0, 95.0, 59.0, 99.0], [8, 8, 2, 8, 2, 8, 2]
    trace = a_trace(fd, modes, critic_loss=[NAN, *([11.0] * 6)])
    found, relaxed = [], {}
    for change in (
        {"exploding_loss": 10.0},
        {"exploding_loss": 1e8},
        {"never_learned": 1.0},
        {"collapsed": 0.2},
        {"relapsed": 2.0, "oscillating": 0.1},
        {"oscillating": 1.0},
    ):
        relaxed |= change
        found.append(classify_run(trace, a_record(trace), Rules(**relaxed)).state)
    assert found == [state for state in State if state != State.UNRESOLVED]
    relaxed = {"exploding_loss": 10.0}
    assert classify_run(trace, a_record(trace, real=100.0), Rules(**relaxed)).state == State.DIVERGED
    assert classify_run(trace, a_record(trace, real=100.0), RULES).state == State.UNRESOLVED


def test_the_noise_of_good_values_is_neither_a_relapse_nor_an_oscillation() -> None:
    """Values up to 1.995, which leave 15% of the logarithms from 100 to 1, count as equal to real data; without this up to 1."""
    wobbling = [100.0, 9.0, 1.0, 1.9, 1.0, 1.9, 1.0, 1.9]
    assert outcome_of(wobbling, rules=Rules(near=0.15)).state == State.STABLE
    assert outcome_of(wobbling, rules=Rules(near=0)).state == State.RELAPSED
    assert outcome_of(wobbling, rules=Rules(near=0), real=1.8).state == State.STABLE
    assert outcome_of([100.0, 40.0, 2.0, 2.1, 2.0, 3.1], rules=Rules(near=0)).state == State.RELAPSED  # 3.1 > 1.5 · 2
    assert outcome_of([100.0, 40.0, 2.0, 2.1, 2.0, 2.9], rules=Rules(near=0)).state == State.STABLE


def test_a_tail_that_still_learns_does_not_oscillate() -> None:
    assert outcome_of([100.0, 90.0, 80.0, 60.0, 45.0, 9.0, 10.0]).state == State.STABLE
    assert outcome_of([100.0, 45.0, 9.0, 40.0, 9.0]).state == State.STABLE  # too few evaluations to say so


def test_an_absolute_threshold_replaces_the_share_of_the_gap() -> None:
    reason = "best FD 7 does not reach the threshold of 6"
    assert outcome_of(GOOD, rules=Rules(tau=6.0)) == Outcome(State.NEVER_LEARNED, reason)
    learning = outcome_of([100.0, 40.0, 20.0, 10.0], rules=Rules(tau=6.0))
    assert learning == Outcome(
        State.NEVER_LEARNED, "best FD 10 does not reach the threshold of 6; still improving", improving=True
    )
    assert outcome_of(GOOD, rules=Rules(tau={"ring": 7.0})).state == State.STABLE
    assert outcome_of(PLANTED["never"][0], rules=Rules(tau=61.0)).state == State.STABLE
    assert (
        outcome_of(PLANTED["never"][0], rules=Rules(tau={"grid": 1.0})).state == State.NEVER_LEARNED
    )  # of another dataset


def test_unknown_values_decide_nothing() -> None:
    assert outcome_of([NAN, 0.9, 0.8]).state == State.STABLE
    assert outcome_of([1.0, 0.9, 0.4], real=None).state == State.STABLE  # the gap is to 0
    assert outcome_of([1.0, 0.9, 0.6], real=None).state == State.NEVER_LEARNED
    trace = pd.DataFrame({"step": [0, 10]})
    undirected = classify_run(trace, a_record(trace, higher_is_better={}), RULES)
    assert undirected.state == State.UNRESOLVED
    assert "no measure says whether higher or lower values are better" in undirected.reason
    assert outcome_of([2.0]).state == State.NEVER_LEARNED
    fd, modes, expected = PLANTED["stuck"]
    stuck = a_trace(fd, modes)
    assert (
        classify_run(stuck, a_record(stuck).model_copy(update={"real": {"fd": 1.0}}), RULES) == expected
    )  # real data has as many modes as centres


def test_recall_detects_collapse_if_modes_are_unknown() -> None:
    trace = a_trace(GOOD, recall=[0.0, 0.4, 0.6, 0.5, 0.2, 0.1, 0.1])
    record = a_record(trace, data={}, higher_is_better={"fd": False, "recall": True}).model_copy(
        update={"real": {"recall": 0.7}}
    )
    expected = Outcome(State.COLLAPSED, "recall fell from 0.6 to 0.2 at step 400", 400)
    assert classify_run(trace, record, RULES) == expected


def test_measures_where_higher_is_better() -> None:
    """Recall is 0 at step 0 and 0.8 on real data: 45% of the gap are 0.36, and 0.6 / 0.3 = 2 is a relapse."""
    rules = Rules(primary="recall", collapsed=0.01)

    def state(*recall: float) -> Outcome:
        trace = a_trace([1.0] * len(recall), recall=list(recall))
        record = a_record(trace, higher_is_better={"fd": False, "recall": True}).model_copy(
            update={"real": {"recall": 0.8}}
        )
        return classify_run(trace, record, rules)

    assert state(0.0, 0.3, 0.35).state == State.NEVER_LEARNED
    assert state(0.0, 0.3, 0.37).state == State.STABLE
    assert state(0.0, 0.6, 0.5).state == State.STABLE
    assert state(0.0, 0.6, 0.3) == Outcome(
        State.RELAPSED, "final recall 0.3 is 2.0× worse than the best (0.6 at step 100)", 200
    )  # fmt: skip


def test_the_primary_measure() -> None:
    assert choose_primary(["modes", "kl", "fd"], None) == "fd"
    assert choose_primary(["modes", "kl", "fd"], "kl") == "kl"
    assert choose_primary(["fd", "fd_ema"], "fd_ema") == "fd_ema"
    assert choose_primary(["fd"], "kl_ema") == "fd"  # the wanted measure belongs to another dataset of the suite
    assert choose_primary(["modes"], None) == "modes"
    assert choose_primary([], None) is None


VALUES = st.one_of(st.floats(min_value=1e-6, max_value=1e6), st.sampled_from([NAN, math.inf, None, 0.0, -1e-9]))
TRACES = st.lists(st.tuples(VALUES, st.one_of(st.integers(0, 8), st.none())), min_size=1, max_size=14)


@example([(1.0, None), (math.inf, None), (NAN, None)], 220.0, "finished")
@given(TRACES, st.one_of(VALUES), st.sampled_from(["finished", "diverged"]))
def test_any_trace_has_an_outcome_and_its_stages_agree_with_it(rows: Any, real: Any, status: str) -> None:
    trace = a_trace([fd for fd, _ in rows], [modes for _, modes in rows])
    record = a_record(trace, status=status).model_copy(update={"real": {"fd": real, "modes": 8.0}})
    outcome, stages = classify_run(trace, record, RULES), states_over_time(trace, record, RULES)
    assert (outcome.state == State.STABLE) == (outcome.reason == "")
    assert "nan" not in outcome.reason
    assert [step for step, _ in stages[: len(rows) - 1]] == [100 * number for number in range(1, len(rows))]
    if not stages:
        return
    last = {
        State.DIVERGED: {Stage.DIVERGED},
        State.UNRESOLVED: {Stage.UNRESOLVED},
        State.NEVER_LEARNED: {Stage.NOT_THERE_YET},
        State.COLLAPSED: {Stage.COLLAPSED, Stage.MODES_MISSING},
        State.RELAPSED: {Stage.RELAPSED},
        State.OSCILLATING: {Stage.ON_TRACK},
        State.STABLE: {Stage.ON_TRACK},
    }
    assert stages[-1][1] in last[outcome.state]


POSITIVE = st.lists(st.floats(min_value=1e-3, max_value=1e3), min_size=2, max_size=14)


@given(POSITIVE, st.floats(min_value=1.01, max_value=50), st.floats(min_value=1.01, max_value=50))
def test_a_higher_relapse_threshold_never_adds_a_relapse(fd: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    if outcome_of(fd, rules=Rules(relapsed=high)).state == State.RELAPSED:
        assert outcome_of(fd, rules=Rules(relapsed=low)).state == State.RELAPSED


@given(POSITIVE, st.floats(min_value=0.01, max_value=1), st.floats(min_value=0.01, max_value=1))
def test_a_higher_never_learned_threshold_never_adds_a_run_that_never_learned(
    fd: list[float], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    if outcome_of(fd, rules=Rules(never_learned=high)).state == State.NEVER_LEARNED:
        assert outcome_of(fd, rules=Rules(never_learned=low)).state == State.NEVER_LEARNED


@given(POSITIVE, st.integers(-20, 20))
def test_the_unit_of_a_measure_does_not_matter(fd: list[float], power: int) -> None:
    """Powers of two scale floating-point numbers exactly."""
    one, other = outcome_of(fd), outcome_of([2.0**power * value for value in fd], real=2.0**power)
    assert (one.state, one.step) == (other.state, other.step)


@given(TRACES)
def test_a_row_without_values_does_not_matter_unless_it_is_the_last(rows: Any) -> None:
    fd, modes = [value for value, _ in rows], [value for _, value in rows]
    one = outcome_of(fd, modes).state
    trace = a_trace([*fd[:1], NAN, *fd[1:]], [*modes[:1], None, *modes[1:]])
    other = classify_run(trace, a_record(trace), RULES).state
    assert one == other or len(rows) == 1


def test_stages_over_time() -> None:
    trace = a_trace([100.0, 90.0, 20.0, 5.0, 9.0, 4.0, 4.5], [0, 8, 8, 8, 8, 3, 8])
    assert states_over_time(trace, a_record(trace), RULES) == [
        (100, Stage.NOT_THERE_YET),
        (200, Stage.NOT_THERE_YET),
        (300, Stage.ON_TRACK),
        (400, Stage.RELAPSED),
        (500, Stage.COLLAPSED),
        (600, Stage.ON_TRACK),
    ]
    gone = a_record(trace, ending={"status": "diverged", "step": 640})
    assert states_over_time(trace, gone, RULES)[-1] == (640, Stage.DIVERGED)


@pytest.fixture
def planted(tiny_results: Path) -> Path:
    """The records of the tiny suite with changed traces: diverged, collapsed, relapsed, stable; judged by FD."""
    kinds = ["collapsed", "relapsed", "stable"]
    for number, path in enumerate(record_paths(tiny_results)):
        record = content_of(path)
        others = ("overlap", "high_quality", "kl")
        rows = [{**row, "samples": bytes(200 * 2 * 4)} for row in rows_of(path)]
        rows = [{name: value for name, value in row.items() if name not in others} for row in rows]
        record["higher_is_better"] = {"modes": True, "fd": False}
        record["real"] = {"modes": 8.0, "fd": 0.1}
        fd, modes = [9.0, 2.0, 0.5, 0.4], [0.0, 8.0, 8.0, 8.0]
        if number == 0:
            rows, ending = rows[:2], {"status": "diverged", "step": 93, "place": "critic loss"}
            record["ending"] = ending | {"reason": "critic loss not finite at step 93"}
        elif kinds[number - 1] == "collapsed":
            modes = [0.0, 8.0, 2.0, 1.0]
        elif kinds[number - 1] == "relapsed":
            fd = [9.0, 2.0, 0.5, 3.0]
        for row, value, count in zip(rows, fd, modes, strict=False):
            row |= {"fd": value, "modes": count}
        publish_content(path, record, rows)
    return tiny_results


def test_records_get_their_outcome_and_are_not_changed(planted: Path) -> None:
    before = [path.read_bytes() for path in record_paths(planted)]
    frame = bench.load(planted)
    assert frame["outcome"].tolist() == ["diverged", "collapsed", "relapsed", "stable"]
    assert frame["outcome_reason"].tolist() == [
        "critic loss not finite at step 93",
        "modes fell from 8 to 2 at step 80",
        "final FD 3 is 6.0× worse than the best (0.5 at step 80)",
        "",
    ]
    assert frame["outcome_step"].tolist()[:3] == [93, 80, 120]
    assert frame["primary"].eq("fd").all()
    assert [path.read_bytes() for path in record_paths(planted)] == before


def test_numbers_derived_by_hand(planted: Path, tiny: str) -> None:
    """log₁₀ of 2, 0.5, 0.4 at 40, 80, 120: two trapezoids, ((0.3010 − 0.3010) / 2 + (−0.3010 − 0.3979) / 2) / 2."""
    Path(tiny).write_text(Path(tiny).read_text() + "[outcome]\nreach = 0.5\n")
    frame = load(planted, tiny)
    assert frame["fd_final_over_best"].tolist()[1:] == pytest.approx([1, 6, 1])
    assert math.isnan(frame["fd_final_over_best"][0])
    assert frame["fd_mean_log10"].tolist()[3] == pytest.approx(-0.174743, abs=1e-6)
    assert frame["reached"].tolist() == [False, True, True, True]
    assert frame["steps_to_threshold"].tolist()[1:] == [80, 80, 80]
    assert frame["steps_to_threshold"].isna().tolist() == [True, False, False, False]
    assert (frame["seconds_to_threshold"][1:] > 0).all()
    assert frame["reach"].eq(0.5).all()
    assert load(planted)["reached"].eq(False).all()


def test_all_versions_are_named() -> None:
    assert versions_of(pd.DataFrame({"version": [2, 2]})) == "version 2"
    assert versions_of(pd.DataFrame({"version": [2, 3, 2]})) == "versions 3 and 2"


def test_rules_that_records_of_one_day_disagree_on_must_be_chosen() -> None:
    """Someone changes a threshold and adds seeds; which record is found first must not decide."""
    day = {"environment": {"date": "2026-02-01"}}
    one, other = (a_record(a_trace([1.0]), rules={"relapsed": share}, **day) for share in (2.0, 3.0))
    for records in ([one, other], [other, one]):
        with pytest.raises(ResultsError, match=r"different thresholds \(relapsed: .*\); choose with --suite FILE"):
            suite_rules("no such suite", records)
    defaults = a_record(a_trace([1.0]), rules=Rules(relapsed=2.0).model_dump(mode="json"), **day)
    assert suite_rules("no such suite", [one, defaults]).rules == Rules(relapsed=2.0)  # both say the same
    newest = a_record(a_trace([1.0]), rules={"relapsed": 4.0}, version=2, environment={"date": "2026-01-01"})
    assert suite_rules("no such suite", [one, newest, other]).rules == Rules(relapsed=4.0)


def test_rules_come_from_the_suite_the_package_the_record_or_the_defaults(planted: Path, tiny: str) -> None:
    assert suite_rules("ring", []).rules == load_suite("ring").outcome
    assert suite_rules("no such suite", []) == (Rules(), (), GateOptions())
    trace, published = a_trace([1.0]), {"source": "a paper", "values": {"fd": 1.0}}
    older = a_record(trace, environment={"date": "2026-01-01"}, rules={"relapsed": 2.0})
    rules = {"relapsed": 7.0, "of a later version": 1}
    newer = a_record(trace, environment={"date": "2026-02-01"}, rules=rules, references=[published])
    assert suite_rules("no such suite", [newer, older]) == (
        Rules(relapsed=7.0), (PublishedResult(source="a paper", values={"fd": 1.0}),), GateOptions()
    )  # fmt: skip
    assert suite_rules("ring", [newer], load_suite(tiny)).rules == Rules()
    Path(tiny).write_text(Path(tiny).read_text() + "[outcome]\nrelapsed = 7.0\n")
    relaxed = ["diverged", "collapsed", "stable", "stable"]
    assert load(planted, tiny)["outcome"].tolist() == relaxed
    done = CliRunner().invoke(main, ["report", str(planted), "--suite", tiny, "--format", "none"])
    assert done.exit_code == 0, done.output
    csv = pd.read_csv(planted / "table.csv")
    assert (csv["n_relapsed"].sum(), csv["n_stable"].sum(), csv["n_collapsed"].sum()) == (0, 2, 1)


@pytest.mark.usefixtures("no_figures")
def test_records_carry_the_rules_of_their_suite(tiny: str, tmp_path: Path) -> None:
    text = '[outcome]\nrelapsed = 7.0\ntau = { "ring (points=1000)" = 3.0 }\n'
    text += '[[reference]]\nsource = "a paper"\nwhen = { loss = "wgan-gp" }\nvalues = { fd = 0.5 }\n'
    Path(tiny).write_text(Path(tiny).read_text() + text)
    summary = bench.run(tiny, results=tmp_path / "carried", workers=0, seeds=1, settings={"steps": 20})
    metadata = [read_metadata(path) for path in record_paths(summary.folder)]
    assert suite_rules("tiny", metadata).rules == load_suite(tiny).outcome
    assert suite_rules("tiny", metadata).references == load_suite(tiny).reference


def test_step_0_is_not_part_of_the_curve() -> None:
    trace = a_trace([0.1, 5.0, 3.0])
    curve = primary_curve(trace, a_record(trace), RULES)
    assert curve is not None
    assert curve.values.tolist() == [5, 3]
    assert curve.untrained == 0.1
