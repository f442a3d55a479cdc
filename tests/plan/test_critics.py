"""Plans refuse options of critics that have no effect, and batches that cannot be divided into groups."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.errors import SuiteError
from bench.plan.grouping import pack_key
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite

SUITE = """
name = "x"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = [{ name = "ring", points = 100 }]
architecture = ["mlp"]
critic = [{ label = "plain" }, CRITIC]
[training]
batch_size = 12
[evaluation]
metrics = ["modes"]
"""


def plan(write_suite: Callable[[str], str], critic: str, old: str = "", new: str = "") -> list[str]:
    runs = plan_runs(load_suite(write_suite(SUITE.replace("CRITIC", critic).replace(old, new))))
    return [pack_key(run) for run in runs]


@pytest.mark.parametrize(
    ("critic", "message"),
    [
        ("{ minibatch_deviation = 5 }", r"batch_size = 12 cannot be .* minibatch_deviation = 5; nearest: 10$"),
        ("{ minibatch_deviation = 24 }", r"batch_size = 12 cannot be .* minibatch_deviation = 24; nearest: 24$"),
        ("{ minibatch_deviation = 7 }", r"batch_size = 12 cannot be .* minibatch_deviation = 7; nearest: 14$"),
        ("{ minibatch_deviation = -1 }", r"minibatch_deviation: input should be greater than or equal to 0, not -1$"),
        ("{ lipschitz = 20 }", r"critic: lipschitz = 20 needs normalisation 'spectral', not 'none'"),
        ("{ lipschtz = 20.0 }", r"unknown key 'lipschtz'; did you mean 'lipschitz'\?$"),
        ('{ pooling = "sum" }', r"architecture 'mlp': unknown key 'pooling'"),
    ],
)
def test_a_critic_that_cannot_be_trained_is_one_clear_error(
    write_suite: Callable[[str], str], critic: str, message: str
) -> None:
    with pytest.raises(SuiteError, match=message) as caught:
        plan(write_suite, critic)
    assert "suite.toml: cell (" in str(caught.value)


def test_groups_are_of_joined_samples(write_suite: Callable[[str], str]) -> None:
    size = "batch_size = 12"
    plan(write_suite, "{ minibatch_deviation = 3 }", size, f"{size}\npac = 4")
    message = r"12 cannot be divided into groups of minibatch_deviation = 4 of 2 joined samples each; nearest: 16$"
    with pytest.raises(SuiteError, match=message):
        plan(write_suite, "{ minibatch_deviation = 4 }", size, f"{size}\npac = 2")
    joined = SUITE.replace("batch_size = 12", "batch_size = 12\npac = 4").replace(
        "CRITIC", "{ minibatch_deviation = 3 }"
    )
    metric = '{ name = "spectrum", samples = SAMPLES }'
    plan_runs(load_suite(write_suite(joined.replace('"modes"', metric.replace("SAMPLES", "24")))))
    with pytest.raises(SuiteError, match=r"samples = 20 cannot be .* nearest: 24"):
        plan_runs(load_suite(write_suite(joined.replace('"modes"', metric.replace("SAMPLES", "20")))))


@pytest.mark.parametrize("metric", ["spectrum", "path-angle"])
def test_metrics_of_the_game_need_whole_groups_too(write_suite: Callable[[str], str], metric: str) -> None:
    for samples in (12, 8):
        metrics = f'[{{ name = "{metric}", samples = {samples} }}]'
        plan(write_suite, "{ minibatch_deviation = 4 }", '["modes"]', metrics)
    with pytest.raises(SuiteError, match=f"metric '{metric}': samples = 10 cannot be divided .*; nearest: 8"):
        plan(write_suite, "{ minibatch_deviation = 4 }", '["modes"]', metrics.replace("8", "10"))
    plan(write_suite, '{ normalisation = "layer" }', '["modes"]', metrics.replace("8", "10"))


@pytest.mark.parametrize(
    "critic",
    ['{ normalisation = "spectral", lipschitz = 20 }', "{ minibatch_deviation = 4 }", "{ minibatch_deviation = 6 }"],
)
def test_critics_with_different_options_share_no_pack(write_suite: Callable[[str], str], critic: str) -> None:
    assert len({*plan(write_suite, critic)}) == 2
