"""Tolerances of the gate in suites: one for all datasets, or a table by dataset."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.errors import SuiteError
from bench.plan.matrix import cells
from bench.plan.rules import GateOptions
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite

SUITE = """
name = "made"
seeds = 1
[matrix]
dataset = ["ring", { name = "grid", label = "square" }]
loss = ["hinge"]
architecture = ["mlp"]
[evaluation]
metrics = ["frechet"]
[compare]
tolerance = TOLERANCE
"""


def test_one_tolerance_holds_for_all_datasets() -> None:
    assert GateOptions().tolerance_of("ring") == 0.25
    assert GateOptions.model_validate({"tolerance": 1}).tolerance_of("ring") == 1.0


def test_a_table_has_a_default_for_the_datasets_that_it_does_not_name() -> None:
    gate = GateOptions.model_validate({"tolerance": {"default": 0.1, "ring": 0.3}})
    assert (gate.tolerance_of("ring"), gate.tolerance_of("grid")) == (0.3, 0.1)
    assert GateOptions.model_validate({"tolerance": {"ring": 0.3}}).tolerance_of("grid") == 0.25
    assert GateOptions.model_validate(gate.model_dump(mode="json")) == gate


def test_a_suite_takes_a_table_and_it_is_no_part_of_a_runs_identity(write_suite: Callable[[str], str]) -> None:
    table = load_suite(write_suite(SUITE.replace("TOLERANCE", "{ default = 0.1, ring = 0.3, square = 1 }")))
    assert table.compare.tolerances == {"default": 0.1, "ring": 0.3, "square": 1.0}
    number = load_suite(write_suite(SUITE.replace("TOLERANCE", "0.1")))
    assert [run.id for run in plan_runs(table)] == [run.id for run in plan_runs(number)]


@pytest.mark.parametrize(
    ("tolerance", "text"),
    [
        ("{ rnig = 0.3 }", r"\[compare\]: tolerance: no cell has dataset 'rnig'; did you mean 'ring'\?"),
        ("{ ring = -0.3 }", r"\[compare\]: tolerance: expected a number from 0 to 10; for 'ring' it is -0.3"),
        ("{ ring = true }", "for 'ring' it is True"),
        ("{}", "expected a number from 0 to 10, or a table dataset → number"),
        ("[0.1]", "expected a number from 0 to 10, or a table dataset → number"),
        ('"much"', "expected a number from 0 to 10, or a table dataset → number, not 'much'"),
        ("nan", "expected a number from 0 to 10, or a table dataset → number, not nan"),
    ],
)
def test_wrong_tolerances_are_refused(write_suite: Callable[[str], str], tolerance: str, text: str) -> None:
    with pytest.raises(SuiteError, match=text):
        cells(load_suite(write_suite(SUITE.replace("TOLERANCE", tolerance))))
