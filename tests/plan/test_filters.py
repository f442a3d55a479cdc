"""Filters: settings need to fit only the cells that ``--only`` keeps, and a wrong value is named."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from bench.errors import SuiteError
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import parse_suite

SUITE = """
name = "x"
seeds = 1
[matrix]
family = ["gan", { name = "vae", label = "VAE" }, "flow-matching"]
dataset = ["ring"]
architecture = ["mlp"]
[training]
steps = 10
[[override]]
when = { family = "gan" }
set = { loss = "hinge" }
"""


def planned(settings: dict[str, Any], **filters: set[str]) -> list[Run]:
    return plan_runs(parse_suite(tomllib.loads(SUITE), "x.toml"), settings=settings, filters=filters)


@pytest.mark.parametrize("value", ["VAE", "vae"])
def test_an_option_of_one_family_is_set_where_only_this_family_is_kept(value: str) -> None:
    runs = planned({"family.beta": 2.0}, family={value})
    assert {(run.axes["family"], run.training.family.options.beta) for run in runs} == {("VAE", 2.0)}


def test_a_setting_must_fit_all_cells_that_are_kept() -> None:
    with pytest.raises(SuiteError, match="family 'gan': unknown key 'beta'"):
        planned({"family.beta": 2.0}, family={"vae", "gan"})
    with pytest.raises(SuiteError, match="unknown key 'betta'; did you mean 'beta'"):
        planned({"family.betta": 2.0}, family={"vae"})


def test_a_value_that_is_not_on_its_axis_is_named() -> None:
    with pytest.raises(SuiteError, match="axis 'family' has no value 'flow-match'; did you mean 'flow-matching'"):
        planned({"steps": 5}, family={"flow-match", "vae"})


def test_a_setting_replaces_the_axis_that_a_filter_names() -> None:
    runs = planned({"family": "vae"}, family={"vae"})
    assert [run.axes["family"] for run in runs] == ["vae"]
