"""Searches: draws that any machine repeats, the runs they become, and what a bad section is told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import SuiteError
from bench.plan.confirmation import by_technique, plan_confirmation
from bench.plan.draws import scramble, unit_points, value_at
from bench.plan.runs import plan_runs
from bench.plan.search import Parameter, Search
from bench.plan.suite import load_suite

SUITE = """
name = "x"
[matrix]
loss = ["hinge", "non-saturating"]
dataset = [{ name = "ring", points = 100 }]
penalty = ["none", "r1"]
[training]
architecture = "mlp"
steps = 10
[search]
draws = 8
[search.space]
optimizer.lr = { log_uniform = [1e-4, 1e-2] }
"penalty.weight" = { log_uniform = [0.1, 10], when = { penalty = "r1" } }
"architecture.width" = { log_integer = [8, 64] }
"critic.normalisation" = { choice = ["none", "spectral"] }
[evaluation]
metrics = ["modes"]
"""

Write = Callable[[str], str]


def search(draws: int, *keys: str) -> Search:
    space = tuple(Parameter(key=key, kind="uniform", values=(0, 1)) for key in keys)
    return Search(space=space, draws=draws, seeds=(1000,))


@pytest.mark.parametrize("draws", [8, 32, 64])
def test_a_power_of_two_of_draws_fills_every_interval_once(draws: int) -> None:
    points = unit_points(search(draws, "a", "b", "c"))
    for column in points.T:
        assert sorted((column * draws).astype(int)) == list(range(draws))
    boxes = (points[:, :2] * [4, draws / 4]).astype(int)  # the first two coordinates are a (0, m, 2)-net
    assert len({tuple(box) for box in boxes}) == draws


def test_more_draws_and_more_parameters_leave_the_first_ones() -> None:
    few, many = unit_points(search(24, "a", "b")), unit_points(search(64, "a", "b", "c"))
    assert (many[:24, :2] == few).all()


def test_draws_are_the_same_on_every_machine() -> None:
    """Sobol's points (0, 0), (1/2, 1/2), (3/4, 1/4), with the bits of each key's hash flipped."""
    assert unit_points(search(3, "optimizer.lr", "critic_steps")).round(6).tolist() == GOLDEN


GOLDEN = [[0.894338, 0.42495], [0.394338, 0.92495], [0.144338, 0.17495]]


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(1, 31))
def test_scrambling_keeps_dyadic_intervals(value: int, seed: int, bits: int) -> None:
    """Two coordinates with the same first k bits still share their first k bits, and no others do."""
    one = np.array([value, value ^ (1 << (31 - bits))], dtype=np.uint32)
    first, second = (int(each) for each in scramble(one, seed))
    assert first >> (32 - bits) == second >> (32 - bits)
    assert (first ^ second) >> (31 - bits) == 1


@pytest.mark.parametrize(
    ("kind", "values", "u", "expected"),
    [
        ("uniform", (1, 3), 0.25, 1.5),
        ("log_uniform", (0.01, 1), 0.5, 0.1),
        ("log_uniform", (1e-5, 1e-2), 0.123456, 2.35e-5),  # 10^(-5 + 0.370368) = 2.3462e-5
        ("integer", (1, 4), 0.999, 4),
        ("integer", (1, 4), 0.0, 1),
        ("log_integer", (8, 63), 0.0, 8),
        ("log_integer", (8, 63), 0.9999, 63),
        ("log_integer", (8, 63), 1 / 3, 16),
        ("choice", ("a", "b", "c"), 0.34, "b"),
    ],
)
def test_values_of_each_kind(kind: str, values: tuple[object, ...], u: float, expected: object) -> None:
    value = value_at(Parameter(key="k", kind=kind, values=values), u)  # type: ignore[arg-type]
    assert value == pytest.approx(expected) if isinstance(expected, float) else value == expected


def test_every_technique_gets_the_same_draws(write_suite: Write) -> None:
    groups = by_technique(plan_runs(load_suite(write_suite(SUITE))))
    assert [len(runs) for runs in groups.values()] == [8] * 4
    assert len({run.id for runs in groups.values() for run in runs}) == 32
    settings = [[run.search.setting for run in runs if run.search] for runs in groups.values()]
    shared = [[{k: v for k, v in one.items() if k != "penalty.weight"} for one in group] for group in settings]
    assert all(group == shared[0] for group in shared)
    assert [("penalty.weight" in group[0]) for group in settings] == [False, True, False, True]
    first = next(iter(groups.values()))[3]
    assert first.search is not None
    assert first.training.optimizer.options.lr == first.search.setting["optimizer.lr"]  # type: ignore[attr-defined]
    assert first.training.architecture.options.width == first.search.setting["architecture.width"]  # type: ignore[attr-defined]
    assert (first.seed, first.axes["draw"]) == (1000, 3)


def test_more_draws_keep_the_first_runs(write_suite: Write) -> None:
    few = {run.id for run in plan_runs(load_suite(write_suite(SUITE)))}
    many = {run.id for run in plan_runs(load_suite(write_suite(SUITE.replace("draws = 8", "draws = 16"))))}
    assert few < many


def test_the_search_is_no_part_of_the_identity(write_suite: Write) -> None:
    """A confirmation is the run that a plain suite with the same setting would have."""
    run = plan_runs(load_suite(write_suite(SUITE)))[0]
    assert run.search is not None
    (confirming,) = plan_confirmation([run], {tuple(map(str, (*list(run.axes.values())[:-1],))): 0}, [4])
    setting = run.search.setting
    plain = SUITE.partition("[search]")[0] + (
        f'optimizer = {{ name = "adam", lr = {setting["optimizer.lr"]} }}\n'
        f'critic = {{ normalisation = "{setting["critic.normalisation"]}" }}\n'
        + "[evaluation]"
        + SUITE.partition("[evaluation]")[2]
    )
    plain = plain.replace('name = "x"', 'name = "x"\nseeds = [4]')
    plain = plain.replace('"mlp"', f'{{ name = "mlp", width = {setting["architecture.width"]} }}')
    assert confirming.id == plan_runs(load_suite(write_suite(plain)))[0].id
    assert "draw" not in confirming.axes


def test_repeated_settings_are_planned_once(write_suite: Write) -> None:
    text = SUITE.replace("optimizer.lr = { log_uniform = [1e-4, 1e-2] }\n", "")
    text = text.replace('"architecture.width" = { log_integer = [8, 64] }\n', "")
    counts = [len(runs) for runs in by_technique(plan_runs(load_suite(write_suite(text)))).values()]
    assert counts == [2, 8, 2, 8]  # without a penalty, only the normalisation is drawn


def test_settings_of_the_command_are_not_drawn(write_suite: Write) -> None:
    runs = plan_runs(load_suite(write_suite(SUITE)), settings={"optimizer.lr": 0.5}, filters={"loss": {"hinge"}})
    assert len(runs) == 16
    assert {run.training.optimizer.options.lr for run in runs} == {0.5}  # type: ignore[attr-defined]
    assert all(run.search and "optimizer.lr" not in run.search.setting for run in runs)


def test_an_option_can_be_drawn_from_ranges_of_its_own(write_suite: Write) -> None:
    ranges = "[{ uniform = [1, 2], when = { loss = 'hinge' } }, { uniform = [5, 6] }]"
    text = SUITE.replace('{ log_uniform = [0.1, 10], when = { penalty = "r1" } }', ranges)
    text = text.replace('penalty = ["none", "r1"]', 'penalty = ["r1"]')
    groups = by_technique(plan_runs(load_suite(write_suite(text))))
    drawn = {
        name[0]: [run.search.setting["penalty.weight"] for run in runs if run.search] for name, runs in groups.items()
    }
    assert all(1 <= value <= 2 for value in drawn["hinge"])
    assert [value + 4 for value in drawn["hinge"]] == pytest.approx(drawn["non-saturating"], abs=0.01)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("optimizer.lr =", "optimiser.lr =", "unknown key 'optimiser'; did you mean 'optimizer'"),
        ("optimizer.lr =", "optimizer.lrr =", "unknown key 'lrr'; did you mean 'lr'"),
        ("[1e-4, 1e-2]", "[1e-2, 1e-2]", "optimizer.lr: log_uniform: the range [0.01, 0.01] is empty"),
        ("[1e-4, 1e-2]", "[0, 1e-2]", "the logarithm of 0 does not exist"),
        ("[1e-4, 1e-2]", "[1e-4]", "expected two finite numbers, [lowest, highest]"),
        ("[1e-4, 1e-2]", "[nan, 1.0]", "expected two finite numbers"),
        ("[8, 64]", "[8.5, 64]", "expected two whole numbers"),
        ("log_uniform = [1e-4", "loguniform = [1e-4", "unknown key 'loguniform'; did you mean 'log_uniform'"),
        ("draws = 8", "draws = 65537", "draws: input should be less than or equal to 65536"),
        ("draws = 8", "draws = 0", "draws: input should be greater than 0"),
        ("draws = 8", "draw = 8", "unknown key 'draw'; did you mean 'draws'"),
        ('"architecture.width"', "loss", "loss: 'loss' is an axis of the matrix"),
        ('"architecture.width"', '"dataset.points"', "the dataset cannot be drawn"),
        ('{ penalty = "r1" }', '{ penalti = "r1" }', "unknown key 'penalti'; did you mean 'penalty'"),
        ('{ penalty = "r1" }', '{ penalty = "r2" }', "penalty.weight: applies to no cell"),
        (', when = { penalty = "r1" }', "", "has no penalty, so it has no weight; say which cells have it with when"),
        ("draws = 8", "draws = 8\nseeds = [3]", "seed 3 both tunes and confirms"),
        ("draws = 8", "draws = 8\nconfirm = 0", "confirm: at least one seed is needed"),
        ("draws = 8", "draws = 8\nseeds = true", "seeds: expected a number of seeds"),
        ('name = "x"', 'name = "x"\nseeds = 3\n', "None"),
        ('["none", "spectral"]', "[]", "expected a list that is not empty"),
        ('["none", "spectral"]', '["none", "none"]', "a value is listed twice"),
        ("draws = 8", "draws = 30000", "cells (4 × 30,000 draws) are more than"),
    ],
)
def test_bad_searches(write_suite: Write, old: str, new: str, message: str) -> None:
    assert old in SUITE
    path = write_suite(SUITE.replace(old, new))
    if message == "None":  # the suite's own seeds confirm
        assert load_suite(path).seeds == (0, 1, 2)
        return
    with pytest.raises(SuiteError) as caught:
        plan_runs(load_suite(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_seeds_are_said_once(write_suite: Write) -> None:
    text = SUITE.replace("draws = 8", "confirm = 4").replace('name = "x"', 'name = "x"\nseeds = 3')
    with pytest.raises(SuiteError, match="the suite sets its seeds already"):
        load_suite(write_suite(text))


def test_seeds_of_the_command_cannot_be_tuning_seeds(write_suite: Write) -> None:
    with pytest.raises(SuiteError, match="seed 1000 both tunes and confirms"):
        plan_runs(load_suite(write_suite(SUITE)), seeds=[1000])
