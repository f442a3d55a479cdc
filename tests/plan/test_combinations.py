"""Settings of the players: what is refused before training, what a run's identity and record keep, and who shares a pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import train_suite

from bench.errors import SuiteError
from bench.plan.combinations import check_combination
from bench.plan.grouping import divide, pack_key
from bench.plan.rebuilding import rebuild
from bench.plan.runs import Run
from bench.plan.specification import Evaluation, complete_training
from bench.plan.suite import parse_suite
from bench.records.frames import axis_value
from bench.records.listing import record_paths
from bench.records.record import read_metadata

CONVOLUTIONS = {"dataset": "digits", "architecture": {"name": "dcgan", "normalisation": "none"}}


def refusal(metrics: list[Any] | None = None, **keys: Any) -> str:
    """Return the message that refuses a run, or ""."""
    table = {"dataset": "ring", "architecture": "mlp", "loss": "non-saturating", "batch_size": 6, **keys}
    try:
        training = complete_training(table, "here")
        check_combination(training, Evaluation.model_validate({"metrics": metrics or ["modes"]}), "here")
    except SuiteError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"pac": 4}, "here: batch_size 6 is not a multiple of pac 4, the number of samples judged together"),
        ({"pac": 0}, "here: pac: input should be greater than 0, not 0"),
        (
            {"pac": 6, "critic": {"normalisation": "batch"}},
            "here: batch normalisation of a critic with pac 6 needs a batch_size of at least 12",
        ),
        (
            {"pac": 2, "dataset": "point", "architecture": "dirac"},
            "here: critic 'dirac' judges single numbers, so it cannot judge 2 samples together (pac)",
        ),
        (
            {"pac": 3, "metrics": [{"name": "spectrum", "samples": 256}]},
            "here: metric 'spectrum' uses 256 samples, which is not a multiple of pac 3",
        ),
        (
            {"unroll": 1, "penalty": "consensus"},
            "here: unroll cannot be combined with penalty 'consensus', which needs the gradients of both players",
        ),
        (
            {"unroll": 1, "critic_optimizer": {"name": "optimistic-adam"}},
            "here: unroll needs a critic_optimizer that it can differentiate, not 'optimistic-adam': adam, sgd, rmsprop",
        ),
        (
            {"unroll": 1, "metrics": ["path-angle"]},
            "here: metric 'path-angle' looks at the game without unrolled steps; leave it out, or set unroll = 0",
        ),
        (
            {"unroll": 1, "penalty": "r1", "critic": {"normalisation": "batch"}},
            "here: unroll cannot be combined with penalty 'r1' and batch normalisation in the critic, "
            "which has no third derivative",
        ),
        (
            {**CONVOLUTIONS, "penalty": ["consensus", "r1"], "critic": {"normalisation": "batch"}},
            "here: penalty 'r1' cannot be combined with penalty 'consensus' and batch normalisation in the critic, "
            "which has no third derivative",
        ),
        (
            {**CONVOLUTIONS, "penalty": "r1", "critic": {"normalisation": "batch"}, "metrics": ["spectrum"]},
            "here: penalty 'r1' cannot be combined with metric 'spectrum' and batch normalisation in the critic, "
            "which has no third derivative",
        ),
        (
            {"dataset": "digits", "architecture": "dcgan", "penalty": "consensus", "metrics": ["spectrum"]},
            "here: penalty 'consensus' cannot be combined with metric 'spectrum' and batch normalisation in the critic "
            "and the generator, which has no third derivative",
        ),
        ({**CONVOLUTIONS, "penalty": ["consensus", "r1"], "metrics": ["spectrum"]}, ""),
        ({"dataset": "digits", "architecture": "dcgan", "penalty": "consensus"}, ""),
        ({"dataset": "digits", "architecture": "dcgan", "penalty": "r1"}, ""),
        ({"dataset": "digits", "architecture": "dcgan", "metrics": ["spectrum"]}, ""),
        ({"penalty": ["consensus", "r1"], "critic": {"normalisation": "batch"}, "metrics": ["spectrum"]}, ""),
        (
            {"architecture": {"name": "mlp", "maxout": 2, "activation": "tanh"}},
            "here: architecture.activation 'tanh' has no effect with maxout, which replaces it",
        ),
        (
            {"critic": {"maxout": 2, "activation": "tanh"}},
            "here: critic.activation 'tanh' has no effect with maxout, which replaces it",
        ),
        ({"architecture": {"name": "mlp", "activation": "tanh"}, "critic": {"maxout": 2}}, ""),
        ({"unroll": -1}, "here: unroll: input should be greater than or equal to 0, not -1"),
        ({"top_k": {"finl": 0.5}}, "here: top_k: unknown key 'finl'; did you mean 'final'?"),
        ({"top_k": {"final": 0.0}}, "here: top_k.final: input should be greater than 0, not 0.0"),
        (
            {"loss": {"name": "hinge", "smoothing": 0.1}},
            "here: loss 'hinge': unknown key 'smoothing'; it has no options",
        ),
        (
            {"loss": {"name": "minimax", "smoothing": 0.5}},
            "here: loss 'minimax': smoothing: input should be less than 0.5, not 0.5",
        ),
        ({"pac": 3, "metrics": [{"name": "spectrum", "samples": 258}]}, ""),
        ({"pac": 2, "dataset": "digits", "architecture": "dcgan"}, ""),
        ({"unroll": 5, "penalty": ["r1", "weight-clip"], "top_k": {"every": 10}, "pac": 2}, ""),
        ({"top_k": "none"}, ""),
        ({"top_k": 3}, 'here: top_k: expected "none" or a table with final, decay and every, not 3'),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_in_one_line(keys: dict[str, Any], message: str) -> None:
    assert refusal(**keys) == message


SUITE = """
name = "players"
seeds = 2
[matrix]
loss = ["non-saturating", { name = "non-saturating", smoothing = 0.1 }, "hinge"]
dataset = [{ name = "ring", points = 500 }]
architecture = [{ name = "mlp", width = 8, depth = 1 }]
[training]
steps = 4
batch_size = 8
latent = 2
pac = 2
unroll = 1
top_k = { final = 0.5, decay = 0.9, every = 2 }
[evaluation]
every = 2
samples = 50
metrics = ["modes"]
"""


@pytest.mark.usefixtures("no_figures")
def test_records_keep_the_settings_and_runs_can_be_rebuilt(tmp_path: Path) -> None:
    folder = train_suite(SUITE, tmp_path)
    recorded = [read_metadata(path) for path in record_paths(folder)]
    assert {metadata.training.loss.label for metadata in recorded} == {
        "non-saturating", "non-saturating (smoothing=0.1)", "hinge",
    }  # fmt: skip
    again = [rebuild(metadata.model_dump(mode="json"), seed=7) for metadata in recorded]
    assert {run.seed for run in again} == {7}
    assert {
        (run.training.pac, run.training.unroll, run.training.top_k.count(8, 4)) for run in again if run.training.top_k
    } == {(2, 1, 7)}
    assert axis_value(recorded[0], "top_k.every") == 2
    assert "0.9" in axis_value(recorded[0], "top_k")


def test_runs_with_different_smoothing_share_a_pack_and_stand_side_by_side(runs: list[Run]) -> None:
    def smoothed(run: Run, smoothing: float) -> Run:
        options = run.training.loss.options.model_copy(update={"smoothing": smoothing})
        loss = run.training.loss.model_copy(update={"options": options})
        return replace(run, training=run.training.model_copy(update={"loss": loss}))

    saturating = [run for run in runs if hasattr(run.training.loss.options, "smoothing")]
    mixed = [smoothed(run, value) for value in (0.2, 0.1, 0.2, 0.1) for run in saturating[:1]]
    assert len({pack_key(run) for run in (*mixed, *runs)}) == 1
    assert smoothed(runs[0], 0.0).id == runs[0].id if saturating else True
    (pack,) = divide(mixed, lambda *_: 8, 1)
    assert [run.training.loss.options.smoothing for run in pack] == [0.1, 0.1, 0.2, 0.2]  # type: ignore[attr-defined]


def test_top_k_can_be_an_axis_with_none() -> None:
    content = {
        "name": "axis", "seeds": 1, "evaluation": {"metrics": ["modes"]},
        "matrix": {"loss": ["hinge"], "dataset": ["ring"], "architecture": ["mlp"], "top_k": ["none", {"final": 0.75}]},
    }  # fmt: skip
    from bench.plan.matrix import cells

    found = cells(parse_suite(content, "axis.toml"))
    assert [cell.axes["top_k"] for cell in found] == ["none", "(final=0.75)"]
    assert [cell.training.top_k and cell.training.top_k.final for cell in found] == [None, 0.75]
