"""Conditional runs: what is refused before training, their evaluation, and what their identity depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.catalogue.datasets.data import Labels, make_data
from bench.compute.evaluated_samples import evaluation_latents, with_labels
from bench.errors import SuiteError
from bench.plan.combinations import check_combination
from bench.plan.conditional import check_labels
from bench.plan.grouping import pack_key
from bench.plan.runs import Run, plan_runs
from bench.plan.specification import Evaluation, Training, complete_training
from bench.plan.suite import load_suite

SUITE = """
name = "classes"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = [{dataset}]
architecture = ["mlp"]
conditional = {values}
[evaluation]
samples = 100
{metrics}
"""
FEW_RING = '{ name = "ring", points = 200 }'


def training(**keys: Any) -> Training:
    table = {"dataset": "digits", "architecture": "mlp", "loss": "hinge", "conditional": True, **keys}
    return complete_training(table, "here")


@pytest.fixture
def planned(write_suite: Callable[[str], str]) -> Callable[..., list[Run]]:
    def plan(dataset: str = '"digits"', values: str = "[true]", metrics: str = "") -> list[Run]:
        return plan_runs(load_suite(write_suite(SUITE.format(dataset=dataset, values=values, metrics=metrics))))

    return plan


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"architecture": "stylegan"},
            "here: conditional = true needs networks that take labels; architecture 'stylegan' does not, these do: "
            "mlp, dcgan, dcgan-upsample, resnet",
        ),
        ({"architecture": "r3gan"}, "architecture 'r3gan' does not"),
        ({"architecture": "dirac", "dataset": "point"}, "architecture 'dirac' does not"),
        ({"critic": {"name": "r3gan"}}, "architecture 'r3gan' does not"),
        (
            {"architecture": {"name": "resnet", "normalisation": "none"}},
            "here: labels enter the generator of 'resnet' by batch normalisation: conditional = true needs "
            "normalisation 'batch' in architecture, not 'none'",
        ),
        (
            {"architecture": "resnet", "pac": 2},
            "here: critic 'resnet' projects the features of one sample on its label, so with conditional = true it "
            "cannot judge 2 samples together (pac)",
        ),
        ({"conditional": "yes"}, "here: conditional: "),
    ],
    ids=str,
)
def test_networks_without_a_conditional_form_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(SuiteError) as error:
        check_combination(training(**keys), Evaluation.model_validate({"metrics": ["frechet"]}), "here")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    if "conditional" not in keys:
        given = training(**{**keys, "conditional": False})
        check_combination(given, Evaluation.model_validate({"metrics": ["frechet"]}), "here")


def test_datasets_without_labels_or_with_a_single_class_are_refused(planned: Callable[..., list[Run]]) -> None:
    with pytest.raises(SuiteError, match=r"conditional = true needs labels, which dataset 'stacked-digits' does not"):
        planned('{ name = "stacked-digits", images = 20 }')
    assert planned('{ name = "stacked-digits", images = 20 }', "[false]")
    one = make_data(*[np.zeros((3, 2), np.float32)] * 2, labels=Labels(*[np.zeros(3, np.int64)] * 2, ("all",)))
    with pytest.raises(SuiteError, match=r"has only the class 'all', but conditional = true needs at least 2"):
        check_labels(training(), one, "here")


def test_the_metric_within_classes_is_for_conditional_runs_which_have_it_by_default(
    planned: Callable[..., list[Run]],
) -> None:
    with pytest.raises(SuiteError, match=r"metric 'intra-class' needs labels of generated samples, which only runs"):
        planned(metrics='metrics = ["intra-class"]', values="[false]")
    assert planned(metrics='metrics = ["intra-class"]')
    names = [[metric.name for metric in run.evaluation.metrics] for run in planned(values="[false, true]")]
    assert names == [["modes", "frechet"], ["modes", "frechet", "intra-class"]]


def test_labels_are_part_of_the_identity_of_conditional_runs_alone(planned: Callable[..., list[Run]]) -> None:
    plain, conditional = planned(FEW_RING, "[false, true]", 'metrics = ["frechet"]')
    assert "conditional" not in plain.training.model_dump(exclude_defaults=True)
    assert plain.id != conditional.id
    assert pack_key(plain) != pack_key(conditional)
    numbers = [np.arange(8, dtype=np.float32).reshape(4, 2)] * 2
    one, other = (
        make_data(*numbers, labels=Labels(*[np.array(each)] * 2, ("a", "b"))) for each in ([0, 1] * 2, [1, 0] * 2)
    )
    assert one.fingerprint_for(False) == other.fingerprint_for(False) == one.fingerprint
    assert len({one.fingerprint, one.fingerprint_for(True), other.fingerprint_for(True)}) == 3
    assert replace(one, labels=None).fingerprint_for(True) == one.fingerprint


def test_labels_of_evaluations_are_those_of_the_run_and_as_frequent_as_in_the_data() -> None:
    classes = np.array([0] * 70 + [1] * 30)
    data = make_data(*[np.zeros((100, 2), np.float32)] * 2, labels=Labels(classes, classes, ("a", "b")))
    specified = training(latent=3)
    latents = evaluation_latents(specified, (2,), 5000, 4)
    inputs, labels = with_labels(latents, specified, data, 4)
    again, _ = with_labels(latents, specified, data, 4)
    assert labels is not None
    assert (inputs[:, :3] == latents).all()
    assert (inputs == again).all()
    assert (inputs[:, 3:].argmax(dim=1) == labels).all()
    assert (inputs[:, 3:].sum(dim=1) == 1).all()
    assert labels.double().mean().item() == pytest.approx(0.3, abs=0.02)  # ± 3 standard deviations
    other, _ = with_labels(latents, specified, data, 5)
    assert (inputs != other).any()
    assert with_labels(latents, training(latent=3, conditional=False), data, 4) == (latents, None)
