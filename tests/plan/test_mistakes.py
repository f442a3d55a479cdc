"""All mistakes of a suite are told at once, in one line: unknown names first, what is missing last."""

from __future__ import annotations

import tomllib

import pytest

from bench.errors import SuiteError
from bench.plan.matrix import cells
from bench.plan.mistakes import Mistakes, ordered
from bench.plan.runs import plan_runs
from bench.plan.suite import parse_suite

MANY = """
name = "x"
[matrx]
loss = ["hinge"]
[training]
stepz = 10
loss = "hingee"
[evaluation]
every = 0
samples = 1
metrics = ["modes"]
[outcome]
relapse = 2.0
"""
CELLS = """
name = "x"
seeds = 1
[matrix]
loss = ["hinge", "hingee", "minimx"]
dataset = ["ring"]
architecture = ["mlp", { name = "mlp", widht = 3 }]
[training]
steps = 0
"""


def told(text: str) -> str:
    with pytest.raises(SuiteError) as caught:
        plan_runs(parse_suite(tomllib.loads(text), "x.toml"))
    return str(caught.value)


def test_every_mistake_is_told_with_the_telling_ones_first() -> None:
    message = told(MANY)
    assert message.startswith("x.toml: 8 mistakes: (1) ")
    assert "\n" not in message
    wanted = [
        "[outcome]: unknown key 'relapse'; did you mean 'relapsed'?",
        "unknown key 'matrx'; did you mean 'matrix'?",
        "[training]: unknown key 'stepz'; did you mean 'steps'?",
        "unknown loss 'hingee'; did you mean 'hinge'?",
        "[evaluation]: every: input should be greater than 0",
        "[evaluation]: samples: input should be greater than or equal to 2",
        "seeds is missing",
    ]
    positions = [message.find(text) for text in wanted]
    assert -1 not in positions
    named = [message.index(text) for text in wanted[:4]]
    valued = [message.index(text) for text in wanted[4:6]]
    assert max(named) < min(valued)
    assert max(valued) < message.index("seeds is missing")
    assert max(valued) < message.index("[matrix]: no axis")


def test_mistakes_of_different_cells_are_told_together_and_each_once() -> None:
    message = told(CELLS)
    assert message.startswith("x.toml: 4 mistakes: ")
    for text in ("unknown loss 'hingee'", "unknown loss 'minimx'", "unknown key 'widht'", "steps: input should be"):
        assert message.count(text) == 1


def test_one_mistake_is_told_without_a_number() -> None:
    assert told(CELLS.replace('"hingee", "minimx"', '"minimax"').replace("widht", "width")).startswith(
        "x.toml: cell (loss hinge, dataset ring, architecture mlp): steps: input should be greater than 0"
    )


def test_networks_that_do_not_fit_are_told_of_all_cells_at_once() -> None:
    text = CELLS.replace('"hingee", "minimx"', '"minimax"').replace("steps = 0", "steps = 10")
    message = told(text.replace('["mlp", { name = "mlp", widht = 3 }]', '["dcgan", "resnet"]'))
    assert message.startswith("x.toml: 2 mistakes: ")
    assert "architecture 'dcgan' makes square images" in message
    assert "architecture 'resnet' makes square images" in message


def test_what_is_missing_comes_last_and_at_most_ten_mistakes_are_told() -> None:
    assert ordered(["a: b is missing", "a: c: too large", "a: unknown key 'd'"]) == [
        "a: unknown key 'd'",
        "a: c: too large",
        "a: b is missing",
    ]
    mistakes = Mistakes()
    for number in range(13):
        mistakes.note(f"a: {number}")
    with pytest.raises(SuiteError, match=r"^a: 13 mistakes: \(1\) 0 .*\(10\) 9 and 3 more$"):
        mistakes.check()


def test_a_valid_suite_has_no_mistakes() -> None:
    text = CELLS.replace('"hingee", "minimx"', '"minimax"').replace("widht", "width").replace("steps = 0", "steps = 5")
    assert len(cells(parse_suite(tomllib.loads(text), "x.toml"))) == 4


OPTIONS = """
name = "x"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = ["ring"]
architecture = [{ name = "mlp", widht = 3 }]
penalty = [["r1", { name = "r2", wieght = 1.0 }], { name = "wgan-gp", weight = -1.0, evry = 2 }]
[training]
steps = 0
[[override]]
when = { penalty = "r1" }
set = { optimizer = { name = "sdg" } }
"""
CRITIC = """
name = "x"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = ["ring"]
architecture = ["mlp"]
[training]
critic = { name = "mpl" }
critic_optimizer = { name = "adam", lrr = 0.1 }
penalty = [{ name = "r1", weight = "much" }, "r3"]
batch_size = 0
"""
UNFIT = """
name = "x"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = ["ring"]
architecture = ["mlp"]
[evaluation]
metrics = ["inception-score", "equilibrium", "modes", "kid"]
"""


@pytest.mark.parametrize(
    ("suite", "mistakes"),
    [
        (
            OPTIONS,
            (
                "unknown key 'widht'",
                "penalty 'r2': unknown key 'wieght'",
                "penalty 'wgan-gp': weight: input should be greater than 0",
                "penalty 'wgan-gp': unknown key 'evry'",
                "unknown optimizer 'sdg'",
            ),
        ),
        (
            CRITIC,
            (
                "unknown architecture 'mpl'",
                "optimizer 'adam': unknown key 'lrr'",
                "penalty 'r1': weight: input should be",
                "unknown penalty 'r3'",
                "batch_size: input should be greater than 0",
            ),
        ),
    ],
    ids=["options of penalties", "one cell"],
)
def test_every_mistake_is_told_once(suite: str, mistakes: tuple[str, ...]) -> None:
    message = told(suite)
    for text in mistakes:
        assert message.count(text) == 1, (text, message)


def test_every_metric_that_does_not_fit_is_told() -> None:
    message = told(UNFIT)
    for metric in ("inception-score", "equilibrium"):
        assert message.count(f"metric '{metric}'") == 1, message
