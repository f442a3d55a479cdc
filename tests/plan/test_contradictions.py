"""Settings of the updates that contradict each other or have no effect are refused with one line."""

from __future__ import annotations

import pytest

from bench.errors import SuiteError
from bench.plan.grouping import pack_key
from bench.plan.matrix import cells
from bench.plan.rebuilding import rebuild
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import Suite, parse_suite
from bench.plan.updates import Lookahead
from bench.records.schema import Training as RecordedTraining


def suite(**training: object) -> Suite:
    return parse_suite(
        {
            "name": "x",
            "seeds": 1,
            "matrix": {"loss": ["hinge"], "dataset": ["ring"], "architecture": ["mlp"]},
            "training": {"steps": 10, **training},
            "evaluation": {"metrics": ["modes"]},
        },
        "x.toml",
    )


def planned(**training: object) -> Run:
    (run,) = plan_runs(suite(**training))
    return run


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"updates": "extragradient", "critic_steps": 5},
            "updates 'extragradient' moves both players at once: critic_steps must be 1, not 5",
        ),
        (
            {"updates": "extragradient", "critic_optimizer": {"name": "optimistic-adam"}},
            "updates 'extragradient' and critic_optimizer 'optimistic-adam' both look ahead: choose one",
        ),
        (
            {"optimizer": {"name": "adam", "final_lr": 1e-5}, "schedule": "linear"},
            "optimizer.final_lr and schedule 'linear' both set the learning rate: remove one of them",
        ),
        (
            {"optimizer": {"name": "adam", "burn_in": 0.5}},
            "optimizer.burn_in has no effect without final_lr or final_beta2",
        ),
        ({"optimizer": {"name": "sgd", "burn_in": 0.5}}, "optimizer.burn_in has no effect without final_lr"),
        ({"penalty": {"name": "r1", "burn_in": 0.5}}, "penalty 'r1': burn_in has no effect without final_weight"),
        ({"ema_warmup": 0.05}, "ema_warmup has no effect without ema"),
        ({"lookahead": {"every": 11}}, "lookahead.every (11) is more than the 10 steps of the run"),
    ],
)
def test_contradictions_are_refused(keys: dict[str, object], message: str) -> None:
    with pytest.raises(SuiteError) as caught:
        planned(**keys)
    assert str(caught.value) == f"x.toml: cell (hinge · ring · mlp): {message}"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"lookahead": 5}, "lookahead: "),
        ({"lookahead": {"evry": 5}}, "lookahead.evry"),
        ({"lookahead": {"alpha": 1.5}}, "lookahead.alpha: input should be less than"),
        ({"optimizer": {"name": "adam", "max_norm": -1.0}}, "max_norm: input should be greater than or equal to 0"),
        ({"optimizer": {"name": "sgd", "final_beta2": 0.9}}, "unknown key 'final_beta2'"),
    ],
)
def test_wrong_values_are_named(keys: dict[str, object], message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        planned(**keys)


def test_what_is_off_does_not_change_an_identity() -> None:
    plain = planned()
    off = {"lookahead": "none", "ema_warmup": 0.0, "optimizer": {"name": "adam", "max_norm": 0.0, "burn_in": 1.0}}
    assert planned(**off).id == plain.id
    for keys in ({"updates": "extragradient"}, {"lookahead": {}}, {"optimizer": {"name": "adam", "max_norm": 1.0}}):
        assert planned(**keys).id != plain.id


def test_lookahead_can_be_an_axis_and_be_switched_off() -> None:
    planned_cells = cells(
        parse_suite(
            {
                **suite().model_dump(exclude={"evaluation", "outcome", "compare", "matrix", "search"}),
                "matrix": {
                    "loss": ["hinge", "minimax"],
                    "dataset": ["ring"],
                    "architecture": ["mlp"],
                    "lookahead": ["none", {"every": 4}],
                },
                "override": [{"when": {"loss": "minimax"}, "set": {"lookahead": {"alpha": 0.25}}}],
                "evaluation": {"metrics": ["modes"]},
            },
            "x.toml",
        )
    )
    found = [(cell.axes["loss"], cell.axes["lookahead"], cell.training.lookahead) for cell in planned_cells]
    assert found == [
        ("hinge", "none", None),
        ("hinge", "(every=4)", Lookahead(every=4)),
        ("minimax", "none", Lookahead(alpha=0.25)),
        ("minimax", "(every=4)", Lookahead(every=4, alpha=0.25)),
    ]


def test_a_run_is_rebuilt_from_its_record() -> None:
    run = planned(
        updates="extragradient",
        lookahead={"every": 4},
        ema=0.9,
        ema_warmup=0.05,
        optimizer={"name": "adam", "max_norm": 1.0, "final_beta2": 0.99},
        penalty={"name": "r1", "final_weight": 1.0},
    )
    training = RecordedTraining.model_validate(run.training.model_dump(mode="json"))
    evaluation = run.evaluation.model_dump(mode="json")
    metadata = {
        "suite": run.suite,
        "version": run.version,
        "title": run.title,
        "axes": run.axes,
        "seed": run.seed,
        "run": run.id,
        "training": training.settings,
        "evaluation": evaluation,
    }
    assert rebuild(metadata, 3).cell == run.cell


def test_first_and_final_weights_of_penalties_may_differ_within_a_pack() -> None:
    key = pack_key(planned(penalty={"name": "r1", "weight": 10.0, "final_weight": 1.0}))
    assert pack_key(planned(penalty={"name": "r1", "weight": 5.0, "final_weight": 0.5})) == key
    assert pack_key(planned(penalty={"name": "r1", "weight": 10.0})) != key
    assert pack_key(planned(penalty={"name": "r1", "final_weight": 1.0, "burn_in": 0.5})) != key
    for keys in ({"lookahead": {}}, {"optimizer": {"name": "sgd"}}, {"updates": "extragradient"}):
        assert pack_key(planned(**keys)) != pack_key(planned())
