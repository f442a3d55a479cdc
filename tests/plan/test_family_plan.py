"""Families of models in a suite: their own loss, and what means nothing without a critic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.catalogue.datasets import Data
from bench.catalogue.families import FAMILIES
from bench.errors import SuiteError
from bench.plan.families import OF_GANS, check_extent
from bench.plan.grouping import pack_key
from bench.plan.runs import Run, plan_runs
from bench.plan.specification import Evaluation, complete_training
from bench.plan.suite import load_suite

WITH_LOSS = {name for name, entry in FAMILIES.items() if entry.loss}  # the others are games
SUITE = """
name = "families"
version = 1
title = "Families"
seeds = 2

[matrix]
family = ["gan", { name = "vae", beta = 2.0, label = "VAE" }]
dataset = ["ring"]

[training]
architecture = "mlp"
optimizer = "adam"
steps = 10

[[override]]
when = { family = "gan" }
set = { loss = "hinge" }

[evaluation]
every = 5
samples = 20
metrics = ["modes"]
"""


def plan(tmp_path: Path, text: str = SUITE) -> list[Run]:
    path = tmp_path / "families.toml"
    path.write_text(text)
    return plan_runs(load_suite(str(path)))


def complete(family: object, **keys: Any) -> Any:
    table = {"dataset": "ring", "architecture": "mlp", "optimizer": "adam", "family": family, **keys}
    return complete_training(table, "here")


def test_a_matrix_of_families_gives_each_its_loss(tmp_path: Path) -> None:
    runs = plan(tmp_path)
    assert [(run.axes["family"], run.axes["loss"]) for run in runs[::2]] == [("gan", "hinge"), ("VAE", "elbo")]
    assert str(runs[2]) == "VAE · ring · mlp · elbo · seed 0"
    assert len({run.id for run in runs}) == 4
    assert pack_key(runs[2]) == pack_key(runs[3]) != pack_key(runs[0])


def test_a_gan_that_says_so_is_the_same_run() -> None:
    explicit, implicit = complete({"name": "gan", "label": "GAN"}, loss="hinge"), complete("gan", loss="hinge")
    assert implicit.model_dump(exclude_defaults=True).keys().isdisjoint({"family"})
    fields: dict[str, Any] = {"suite": "", "version": 1, "title": "", "axes": {}, "seed": 0}
    run = Run(**fields, training=implicit, evaluation=_evaluation(), data_fingerprint="", extractor_hash="")
    assert replace(run, training=explicit).id == run.id
    assert replace(run, training=complete("vae")).id != run.id


def _evaluation() -> Any:
    return Evaluation.model_validate({"metrics": ["modes"]})


GIVEN: Mapping[str, object] = {
    **{"loss": "hinge", "penalty": "r1", "critic": {"width": 8}, "critic_optimizer": {"lr": 1.0}},
    **{"critic_steps": 2, "updates": "simultaneous", "pac": 2, "top_k": {"final": 0.5}, "unroll": 1},
}


def test_all_keys_of_gans_have_a_case() -> None:
    assert set(GIVEN) == set(OF_GANS)


@pytest.mark.parametrize("family", sorted(WITH_LOSS))
@pytest.mark.parametrize("key", OF_GANS)
def test_keys_that_mean_nothing_without_a_critic_are_refused(family: str, key: str) -> None:
    with pytest.raises(SuiteError, match=rf"here: family '{family}' .* so {key} means nothing"):
        complete(family, **{key: GIVEN[key]})
    defaults = {"penalty": "none", "critic_steps": 1, "updates": "alternating", "pac": 1, "top_k": "none", "unroll": 0}
    assert complete(family, **{key: defaults[key]} if key in defaults else {}).loss.name == FAMILIES[family].loss


@pytest.mark.parametrize("family", sorted(WITH_LOSS))
def test_labels_are_refused_by_models_that_take_none(family: str) -> None:
    with pytest.raises(SuiteError) as error:
        complete(family, dataset="digits", conditional=True)
    assert str(error.value) == (
        f"here: the model of family '{family}' takes no labels, which conditional = true needs; "
        f'set it only in an [[override]] with when = {{ family = "gan" }}, or [[exclude]] such cells'
    )
    assert not complete(family, dataset="digits", conditional=False).conditional
    assert complete("gan", loss="hinge", dataset="digits", conditional=True).conditional


def test_an_unknown_family_is_told_alone_although_the_loss_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as error:
        complete("vea")
    assert str(error.value) == "here: unknown family 'vea'; did you mean 'vae'?"
    text = SUITE.replace(next(line for line in SUITE.splitlines() if line.startswith("family")), "")
    text = text.replace('family = "gan" }', 'dataset = "ring" }')
    assert plan(tmp_path, text)
    for wrong in ('"vea"', '["vae"]', "{ draws = true }"):
        with pytest.raises(SuiteError, match=r"cell \(.*\): (?!\d+ mistakes).*family"):
            plan(tmp_path, text.replace('set = { loss = "hinge" }', f"set = {{ family = {wrong} }}"))


def test_other_mistakes_are_told_with_those_of_a_family() -> None:
    with pytest.raises(SuiteError) as error:
        complete("vae", unroll=1, dataset="rign")
    assert "(1) unknown dataset 'rign'" in str(error.value)
    assert "(2) family 'vae' has a loss of its own and no critic, so unroll means nothing" in str(error.value)


def test_a_latent_is_refused_where_it_means_nothing() -> None:
    with pytest.raises(SuiteError, match="family 'autoregressive' has latents as long as a sample"):
        complete("autoregressive", latent=8)
    assert complete("vae", latent=8).latent == 8


PROBLEMS = {
    'architecture = "mlp"\n': (
        'architecture = { name = "mlp", minibatch_deviation = 2 }\n',
        "no use of architecture.minibatch_deviation",
    ),
    'dataset = ["ring"]\n\n[training]\narchitecture = "mlp"\n': (
        'dataset = ["digits"]\n\n[training]\narchitecture = "stylegan"\n',
        "family 'vae' cannot be built with architecture 'stylegan'",
    ),
    '"modes"]': ('"modes", "spectrum"]', "metric 'spectrum' looks at a game of two players, but family 'vae'"),
}


@pytest.mark.parametrize(("old", "new", "message"), [(old, *rest) for old, rest in PROBLEMS.items()])
def test_models_that_cannot_be_built_or_measured_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SUITE
    with pytest.raises(SuiteError, match=message):
        plan(tmp_path, SUITE.replace(old, new))


def test_coordinates_beyond_the_bins_are_refused() -> None:
    data = Data(np.full((3, 2), -4.5, np.float32), np.zeros((3, 2), np.float32), "made")
    with pytest.raises(SuiteError, match=r"here: dataset 'ring' has coordinates up to ±4.5, .* at least 4.5"):
        check_extent(complete("autoregressive"), data, "here")
    check_extent(complete({"name": "autoregressive", "extent": 5.0}), data, "here")
    check_extent(complete("vae"), data, "here")
