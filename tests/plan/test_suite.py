"""Suites: a valid file becomes cells, an invalid one gives one clear error."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import SuiteError
from bench.plan.filters import only
from bench.plan.matrix import cells
from bench.plan.rules import Rules
from bench.plan.seeds import as_seeds
from bench.plan.suite import load_suite, parse_suite, suite_files
from bench.plan.tables import merge

BASE = """
name = "x"
seeds = 2
[matrix]
loss = ["hinge", "wgan-gp"]
dataset = ["ring"]
architecture = ["mlp"]
[training]
steps = 10
[evaluation]
metrics = ["modes"]
"""


def suite(text: str = "", base: str = BASE):  # type: ignore[no-untyped-def]
    return parse_suite(tomllib.loads(base + text), "x.toml")


def test_there_are_suites_and_all_are_valid() -> None:
    assert {"quick", "ring", "grid", "digits", "fashion", "cifar10"} <= suite_files().keys()
    for name in suite_files():
        assert load_suite(name).name == name
        assert cells(load_suite(name))


def test_cells_are_the_product_of_the_axes_in_order() -> None:
    found = cells(suite(base=BASE.replace('architecture = ["mlp"]', 'architecture = ["mlp"]\ncritic_steps = [1, 5]')))
    assert [(cell.axes["loss"], cell.axes["critic_steps"]) for cell in found] == [
        ("hinge", 1), ("hinge", 5), ("wgan-gp", 1), ("wgan-gp", 5)
    ]  # fmt: skip
    assert [cell.training.critic_steps for cell in found] == [1, 5, 1, 5]


@pytest.mark.parametrize("key", ["optimizer.lr", '"optimizer.lr"'])
def test_any_training_key_and_any_option_may_be_an_axis(key: str) -> None:
    text = BASE.replace(
        'architecture = ["mlp"]',
        """architecture = ["mlp", { name = "mlp", width = 64, label = "narrow" }]
optimizer.lr = [1e-3, 1e-4]
penalty = ["none", { name = "wgan-gp", weight = 0.1 }, ["wgan-gp"]]
precision = ["float32", "float64"]
critic = [{ label = "plain" }, { maxout = 5 }]""",
    )
    text = text.replace("optimizer.lr =", f"{key} =")
    found = cells(suite(base=text))
    assert len(found) == 2 * 2 * 2 * 3 * 2 * 2
    assert {cell.axes["architecture"] for cell in found} == {"mlp", "narrow"}
    assert {cell.axes["optimizer.lr"] for cell in found} == {1e-3, 1e-4}
    assert {cell.training.optimizer.options.lr for cell in found} == {1e-3, 1e-4}  # type: ignore[attr-defined]
    assert {cell.axes["penalty"] for cell in found} == {"none", "wgan-gp (weight=0.1)", "wgan-gp"}
    assert {cell.axes["critic"] for cell in found} == {"plain", "(maxout=5)"}
    assert {cell.training.critic.options.maxout for cell in found} == {0, 5}  # type: ignore[attr-defined]


def test_later_overrides_win_and_exclusions_exclude() -> None:
    found = cells(
        suite("""
[[override]]
when = { dataset = "ring" }
set = { steps = 20, optimizer = { lr = 0.5 } }
[[override]]
when = { loss = ["wgan-gp"] }
set = { steps = 30 }
""")
    )
    assert [cell.training.steps for cell in found] == [20, 30]
    assert [cell.training.optimizer.options.betas for cell in found] == [(0.5, 0.999)] * 2  # type: ignore[attr-defined]
    (left,) = cells(suite('[[exclude]]\nloss = "hinge"\n'))
    assert left.axes["loss"] == "wgan-gp"


def test_missing_keys_have_defaults() -> None:
    hinge, wgan = cells(suite())
    assert hinge.training.penalty == ()
    assert [(p.name, p.options.weight) for p in wgan.training.penalty] == [("wgan-gp", 10)]  # type: ignore[attr-defined]
    assert hinge.training.critic_optimizer == hinge.training.optimizer
    assert hinge.training.critic.options.activation == "leaky-relu"  # type: ignore[attr-defined]
    assert hinge.training.architecture.options.activation == "relu"  # type: ignore[attr-defined]


def test_the_critic_inherits_from_the_generator() -> None:
    cell, _ = cells(
        suite("""
[[override]]
when = { dataset = "ring" }
set = { architecture = { width = 77, activation = "tanh" }, critic = { depth = 5 }, critic_optimizer = { lr = 0.25 } }
""")
    )
    options = cell.training.critic.options
    assert (options.width, options.activation, options.depth) == (77, "tanh", 5)  # type: ignore[attr-defined]
    assert cell.training.architecture.options.depth == 3  # type: ignore[attr-defined]
    assert cell.training.critic_optimizer.options.lr == 0.25  # type: ignore[attr-defined]
    assert cell.training.optimizer.options.lr == 2e-4  # type: ignore[attr-defined]


def test_settings_replace_keys_of_the_suite_and_become_axes() -> None:
    found = cells(
        suite('[[override]]\nwhen = { loss = "hinge" }\nset = { steps = 20 }\n'), {"steps": 5, "optimizer.lr": 0.5}
    )
    assert [cell.training.steps for cell in found] == [5, 5]
    assert [cell.axes["steps"] for cell in found] == [5, 5]
    assert {cell.training.optimizer.options.lr for cell in found} == {0.5}  # type: ignore[attr-defined]
    (cell,) = cells(suite(), {"loss": "minimax"})
    assert cell.axes["loss"] == "minimax"


def test_the_weight_of_the_penalty_of_a_loss_can_be_set() -> None:
    _, wgan = cells(suite('[[override]]\nwhen = { loss = "wgan-gp" }\nset = { penalty = { weight = 0.5 } }\n'))
    assert [(p.name, p.options.weight) for p in wgan.training.penalty] == [("wgan-gp", 0.5)]  # type: ignore[attr-defined]


def test_dataset_architecture_and_loss_are_always_axes() -> None:
    text = BASE.replace('dataset = ["ring"]', "").replace("steps = 10", 'steps = 10\ndataset = "ring"')
    assert [cell.axes["dataset"] for cell in cells(suite(base=text))] == ["ring", "ring"]


def test_an_axis_that_is_not_in_the_matrix_shows_what_overrides_set() -> None:
    text = BASE.replace('loss = ["hinge", "wgan-gp"]', "steps = [10, 20]").replace(
        "[training]\nsteps = 10", "[training]\nloss = 'hinge'"
    )
    plain, other = cells(suite("[[override]]\nwhen = { steps = 20 }\nset = { loss = 'minimax' }", base=text))
    assert (plain.training.loss.name, plain.axes["loss"]) == ("hinge", "hinge")
    assert (other.training.loss.name, other.axes["loss"]) == ("minimax", "minimax")


def test_the_label_of_a_choice_outside_the_matrix_has_the_options_that_overrides_set() -> None:
    text = BASE.replace("[training]", "[training]\noptimizer = { name = 'adam', lr = 0.1 }")
    slower = "[[override]]\nwhen = { loss = 'hinge' }\nset = { optimizer = { lr = 0.01 } }\n"
    assert [str(cell.training.optimizer) for cell in cells(suite(slower, base=text))] == [
        "adam (lr=0.01)",
        "adam (lr=0.1)",
    ]
    named = text.replace("lr = 0.1", "lr = 0.1, label = 'usual'")
    assert {str(cell.training.optimizer) for cell in cells(suite(slower, base=named))} == {"usual"}
    as_axis = BASE.replace("[matrix]", "[matrix]\noptimizer = [{ name = 'adam', lr = 0.1 }]")
    assert {str(cell.axes["optimizer"]) for cell in cells(suite(slower, base=as_axis))} == {"adam (lr=0.1)"}


def test_only_keeps_cells_by_name_or_label() -> None:
    found = cells(suite())
    assert [cell.axes["loss"] for cell in only(found, {"loss": {"hinge"}})] == ["hinge"]
    with pytest.raises(SuiteError, match="--only: axis 'loss' has no value 'hing'; did you mean 'hinge'"):
        only(found, {"loss": {"hing"}})
    with pytest.raises(SuiteError, match="unknown key 'los'; did you mean 'loss'"):
        only(found, {"los": {"hinge"}})
    wide = BASE.replace('"hinge"', '"hinge", { name = "hinge", label = "wide" }')
    chosen = [
        {cell.axes["loss"] for cell in only(cells(suite(base=wide)), {"loss": {name}})} for name in ("hinge", "wide")
    ]
    assert chosen == [{"hinge"}, {"wide"}]  # a label does not select others of its name
    named = BASE.replace('"hinge"', '{ name = "hinge", label = "wide" }')
    assert {cell.axes["loss"] for cell in only(cells(suite(base=named)), {"loss": {"hinge"}})} == {"wide"}


WRONG = {
    "unknown loss": (BASE.replace('"hinge"', '"hingee"'), r"x\.toml: unknown loss 'hingee'; did you mean 'hinge'\?"),
    "misspelt training key": (BASE.replace("steps", "stepz"), r"\[training\]: unknown key 'stepz'; did you mean 'steps'"),
    "misspelt axis": (BASE.replace("loss =", "los ="), r"\[matrix\]: unknown key 'los'; did you mean 'loss'"),
    "misspelt section": (BASE + "[evalution]\nevery = 3\n", "unknown key 'evalution'; did you mean 'evaluation'"),
    "wrong type": (BASE.replace("steps = 10", 'steps = "ten"'), r"steps: input should be a valid integer, not 'ten'"),
    "not positive": (BASE.replace("steps = 10", "steps = 0"), "steps: input should be greater than 0"),
    "a boolean for a number": (BASE.replace("steps = 10", "steps = true"), "steps: input should be a valid integer"),
    "empty axis": (BASE.replace('["ring"]', "[]"), "dataset: the axis is empty"),
    "axis without list": (BASE.replace('["ring"]', '"ring"'), "dataset: expected a list of values, not 'ring'"),
    "matrix of no table": (BASE.replace("[matrix]", "[[matrix]]"), "matrix: expected a table"),
    "no matrix": ('name = "x"\nseeds = 1\n[evaluation]\nmetrics = ["modes"]\n', "no axis"),
    "seeds twice": (BASE.replace("seeds = 2", "seeds = [0, 1, 0]"), "seed 0 is listed twice"),
    "no seeds": (BASE.replace("seeds = 2", "seeds = 0"), "at least one seed"),
    "seeds of truth": (BASE.replace("seeds = 2", "seeds = true"), "expected a number of seeds"),
    "negative seed": (BASE.replace("seeds = 2", "seeds = [-1]"), "a list of integers ≥ 0"),
    "unknown option": (BASE.replace('["mlp"]', '[{ name = "mlp", widht = 3 }]'), "unknown key 'widht'; did you mean 'width'"),
    "option of a wrong type": (BASE.replace('["mlp"]', '[{ name = "mlp", width = 3.5 }]'), "width: input should be a valid integer"),
    "table without a name": (BASE.replace('["mlp"]', "[{ width = 3 }]"), "expected the name of one architecture"),
    "option of a loss": (BASE.replace('"hinge"', '{ name = "hinge", margin = 2 }'), "unknown key 'margin'; it has no options"),
    "unknown metric": (BASE.replace('["modes"]', '["mode"]'), "unknown metric 'mode'; did you mean 'modes'"),
    "metrics of no list": (BASE.replace('["modes"]', '"modes"'), "metrics: input should be a valid list"),
    "metric twice": (BASE.replace('["modes"]', '["modes", { name = "modes", minimum = 2 }]'), "metrics: modes is listed twice"),
    "a name in a list": (BASE + '[[override]]\nwhen = { loss = ["hinge", "hing"] }\nset = { steps = 3 }\n', "no cell has loss 'hing'; did you mean 'hinge'"),
    "critic of a list": (BASE.replace("steps = 10", "critic = [1]"), "expected the name of one architecture"),
    "no metric": (BASE.replace('["modes"]', "[]"), "metrics: list should have at least 1 item"),
    "unknown optimizer": (BASE + '[[override]]\nwhen = { loss = "hinge" }\nset = { optimizer = "adm" }\n', "did you mean 'adam'"),
    "learning rate of words": (BASE.replace("steps = 10", 'optimizer = { name = "adam", lr = "big" }'), "lr: input should be a valid number"),
    "infinite learning rate": (BASE.replace("steps = 10", 'optimizer = { name = "adam", lr = inf }'), "lr: input should be a finite number"),
    "optimizer of no name": (BASE.replace("steps = 10", "optimizer = 3"), "expected the name of one optimizer"),
    "penalty of no name": (BASE.replace("steps = 10", "penalty = 3"), "expected the name of one penalty"),
    "penalty unknown": (BASE.replace("steps = 10", 'penalty = ["r7"]'), "unknown penalty 'r7'"),
    "critic of no table": (BASE.replace("steps = 10", "critic = 3"), "expected the name of one architecture"),
    "critic's option unknown": (BASE.replace("steps = 10", "critic = { wdth = 3 }"), "unknown key 'wdth'; did you mean 'width'"),
    "updates unknown": (BASE.replace("steps = 10", 'updates = "alternate"'), "updates: input should be 'alternating', 'simultaneous' or 'extragradient'"),
    "override of nothing": (BASE + '[[override]]\nwhen = { loss = "minimax" }\nset = { steps = 3 }\n', r"\[\[override\]\] 1: no cell has loss 'minimax'"),
    "override of no number": (BASE + '[[override]]\nwhen = { steps = 11 }\nset = { latent = 3 }\n', r"\[\[override\]\] 1 matches no cell"),
    "override without set": (BASE + '[[override]]\nwhen = { loss = "hinge" }\n', "override.0.set is missing"),
    "override of an axis": (BASE + '[[override]]\nwhen = { loss = "hinge" }\nset = { dataset = "grid" }\n', "'dataset', which is an axis"),
    "override's key": (BASE + '[[override]]\nwhen = { los = "hinge" }\nset = { steps = 3 }\n', "did you mean 'loss'"),
    "exclude's key": (BASE + '[[exclude]]\nlos = "hinge"\n', r"\[\[exclude\]\] 1: unknown key 'los'"),
    "exclude of nothing": (BASE + '[[exclude]]\nloss = "minimax"\n', r"\[\[exclude\]\] 1: no cell has loss 'minimax'"),
    "all excluded": (BASE + '[[exclude]]\ndataset = "ring"\n', "every cell is excluded"),
    "two cells of one name": (BASE.replace('["mlp"]', '["mlp", "mlp"]'), "two cells have the same name"),
    "no architecture": (BASE.replace('architecture = ["mlp"]', ""), r"architecture is missing: set it in \[matrix\] or \[training\]"),
    "no name": (BASE.replace('name = "x"', ""), "name is missing"),
    "a name that is no folder": (BASE.replace('name = "x"', 'name = "a/b"'), "name: string should match"),
    "no seeds at all": (BASE.replace("seeds = 2", ""), "seeds is missing"),
    "training of no table": (BASE.replace("[training]\nsteps = 10", "").replace('name = "x"', 'name = "x"\ntraining = 3'), "training: input should be a valid table"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_an_invalid_suite_gives_one_clear_error(case: str) -> None:
    text, message = WRONG[case]
    with pytest.raises(SuiteError, match=message) as caught:
        cells(suite(base=text))
    assert str(caught.value).startswith("x.toml: ")
    assert "\n" not in str(caught.value)


def test_a_missing_suite_and_an_invalid_toml_file(write_suite: Callable[[str], str]) -> None:
    with pytest.raises(SuiteError, match="there is no suite or file 'quik'; did you mean 'quick'"):
        load_suite("quik")
    with pytest.raises(SuiteError, match="not a valid TOML file"):
        load_suite(write_suite("name = "))


@given(st.lists(st.integers(0, 50)))
def test_seeds(given: list[int]) -> None:
    if given and len(set(given)) == len(given):
        assert as_seeds(given) == tuple(given)
    else:
        with pytest.raises(ValueError, match=r"at least one|twice"):
            as_seeds(given)


options = st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=3)


@given(options, options)
def test_a_table_without_a_name_changes_only_what_it_gives(base: dict[str, int], changes: dict[str, int]) -> None:
    merged = merge({"optimizer": {"name": "adam", **base}}, {"optimizer": changes})["optimizer"]
    assert merged == {"name": "adam", **base, **changes}
    replaced = merge({"optimizer": {"name": "adam", **base}}, {"optimizer": {"name": "sgd", **changes}})["optimizer"]
    assert replaced == {"name": "sgd", **changes}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[outcome]\nprimary = "fdd"', r"x\.toml: \[outcome\]: primary: unknown measure 'fdd'; did you mean 'fd'\?"),
        ('[outcome]\nprimary = "theta"', r"\[outcome\]: primary: for 'theta' neither higher nor lower is better"),
        ("[outcome]\nrelapse = 2.0", r"x\.toml: \[outcome\]: unknown key 'relapse'; did you mean 'relapsed'\?"),
        ("[outcome]\nrelapsed = 1", r"\[outcome\]: relapsed: input should be greater than 1, not 1"),
        ("[outcome]\ntau = true", r"\[outcome\]: tau: expected a finite number, or a table dataset → number, not True"),
        ("[outcome]\ntau = { ring = inf }", r"\[outcome\]: tau: expected a finite number"),
        ("[outcome]\nreach = { rng = 1 }", r"\[outcome\]: reach: no cell has dataset 'rng'; did you mean 'ring'\?"),
        (
            '[[reference]]\nsource = "a"',
            r"x\.toml: \[\[reference\]\] 1: a published value, or a share of runs, is required",
        ),
        ('[[reference]]\nsource = "a"\nvalues = { df = 1 }', r"values: unknown measure 'df'; did you mean '.?.d'\?"),
        ('[[reference]]\nsource = "a"\nvalues = { fd = 1 }\nplus_minus = { kl = 1 }', "plus_minus: 'kl' has no value"),
        (
            '[[reference]]\nsource = "a"\nvalues = { fd = 1 }\nwhen = { los = "hinge" }',
            "unknown key 'los'; did you mean",
        ),
        ('[[reference]]\nsource = "a"\nvalues = { fd = 1 }\nwhen = { loss = "hing" }', "no cell has loss 'hing'; did"),
    ],
)
def test_invalid_rules_and_references(text: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        cells(suite(text))


def test_thresholds_and_references_are_read_and_have_defaults() -> None:
    assert (suite().outcome, suite().reference) == (Rules(), ())
    found = suite(
        """
[outcome]
tau = { ring = 2 }
reach = 3
[[reference]]
source = "a"
when = { loss = ["hinge", "wgan-gp"], "optimizer.lr" = 1e-3 }
values = { fd = 1, modes_ema = 8 }
"""
    )
    assert (found.outcome.tau_of("ring"), found.outcome.tau_of("grid")) == (2, None)
    assert (found.outcome.reach_of("ring"), found.outcome.reach_of("grid")) == (3, 3)
    (reference,) = found.reference
    assert reference.words("loss") == ("hinge", "wgan-gp")
    assert reference.words("dataset") == ()
    assert cells(found)
