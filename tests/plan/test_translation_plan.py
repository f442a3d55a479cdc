"""What a suite can say of translations, and what it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.catalogue.families import FAMILIES
from bench.errors import SuiteError
from bench.measuring import measure
from bench.plan.grouping import pack_key, pack_label, units_per_step
from bench.plan.runs import Run, plan_runs
from bench.plan.specification import complete_training
from bench.plan.suite import load_suite

SUITE = """
name = "translations"
seeds = 2
[matrix]
family = ["cyclegan", { name = "pix2pix", l1 = 10.0, label = "paired" }]
dataset = ["inverted-digits"]
loss = ["hinge"]
[training]
architecture = "mlp"
steps = 10
[evaluation]
every = 5
"""


def plan(tmp_path: Path, *changes: tuple[str, str]) -> list[Run]:
    text = SUITE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "suite.toml").write_text(text)
    return plan_runs(load_suite(str(tmp_path / "suite.toml")))


def test_families_of_translation_keep_losses_and_regularisers(tmp_path: Path) -> None:
    runs = plan(tmp_path)
    assert [(run.axes["family"], run.axes["loss"]) for run in runs[::2]] == [("cyclegan", "hinge"), ("paired", "hinge")]
    assert len({run.id for run in runs}) == 4
    assert pack_key(runs[0]) == pack_key(runs[1]) != pack_key(runs[2])
    assert pack_label(runs[0]) == "cyclegan · mlp"
    assert all(run.training.is_gan and run.training.translates for run in runs)
    assert [run.training.paired for run in runs[::2]] == [False, True]
    changed = plan(tmp_path, ('"cyclegan"', '{ name = "cyclegan", identity = 0.0 }'))
    assert changed[0].id != runs[0].id
    assert changed[2].id == runs[2].id


def test_translations_are_measured_by_default(tmp_path: Path) -> None:
    assert [metric.name for metric in plan(tmp_path)[0].evaluation.metrics] == ["modes", "frechet", "translation"]


def test_a_step_of_cyclegan_costs_more_than_twice_one_of_pix2pix(tmp_path: Path) -> None:
    one, other = (units_per_step(run.training.model_dump()) for run in plan(tmp_path)[::2])
    assert one > 2 * other


FAMILY = 'family = ["cyclegan", { name = "pix2pix", l1 = 10.0, label = "paired" }]'
ARCHITECTURE = 'architecture = "mlp"'
REFUSED: dict[str, tuple[tuple[tuple[str, str], ...], str]] = {
    "a dataset without sources": (
        (('"inverted-digits"', '"digits"'),),
        "family 'cyclegan' translates, but dataset 'digits' has no sources; these have: moved-points, inverted-digits",
    ),
    "no family": (
        ((FAMILY + "\n", ""),),
        "dataset 'inverted-digits' has translations of sources, so it needs family 'cyclegan' or 'pix2pix', not 'gan'",
    ),
    "a model": (
        ((FAMILY, 'family = ["vae"]'), ('loss = ["hinge"]\n', "")),
        "dataset 'inverted-digits' has translations of sources, so it needs family 'cyclegan' or 'pix2pix', not 'vae'",
    ),
    "labels": ((("steps = 10", "steps = 10\nconditional = true"),), "take no labels, which conditional = true needs"),
    "a latent": ((("steps = 10", "steps = 10\nlatent = 8"),), "has no latents, so latent means nothing; leave it out"),
    "unrolling": ((("steps = 10", "steps = 10\nunroll = 2"),), "unroll looks ahead with one critic"),
    "another architecture": (
        ((ARCHITECTURE, 'architecture = "dcgan-upsample"'),),
        "family 'cyclegan' cannot be built with architecture 'dcgan-upsample'; did you mean 'dcgan'?",
    ),
    "path length": (
        (("every = 5", 'every = 5\nmetrics = ["path-length"]'),),
        "metric 'path-length' walks between latents, but family 'cyclegan' translates sources",
    ),
    "an unknown option": ((("l1 = 10.0", "l2 = 10.0"),), "family 'pix2pix': unknown key 'l2'; did you mean 'l1'?"),
    "a negative weight": ((("l1 = 10.0", "l1 = -1.0"),), "l1: input should be greater than or equal to 0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_means_nothing_is_refused(tmp_path: Path, name: str) -> None:
    changes, message = REFUSED[name]
    with pytest.raises(SuiteError) as error:
        plan(tmp_path, *changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_answers_are_only_known_of_translations(tmp_path: Path) -> None:
    changes = (FAMILY + "\n", ""), ('"inverted-digits"', '"digits"')
    with pytest.raises(
        SuiteError, match="metric 'translation' needs known answers, which only families that translate"
    ):
        plan(tmp_path, *changes, ("every = 5", 'every = 5\nmetrics = ["translation"]'))


def test_given_samples_have_no_answers() -> None:
    import numpy as np

    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    with pytest.raises(SuiteError, match="metric 'translation' needs known answers"):
        measure(points, against="moved-points", metrics=["translation"])
    assert "answer_error" not in measure(points, against="moved-points").values


@pytest.mark.parametrize("family", [name for name, entry in FAMILIES.items() if entry.translates])
def test_keys_of_games_are_kept(family: str) -> None:
    table: dict[str, Any] = {
        **{"dataset": "inverted-digits", "architecture": "dcgan", "family": family, "loss": "wgan-gp"},
        **{"critic": {"width": 8}, "critic_steps": 2, "updates": "simultaneous", "pac": 2, "top_k": {"final": 0.5}},
    }
    training = complete_training(table, "here")
    assert [penalty.name for penalty in training.penalty] == ["wgan-gp"]
    assert training.critic_steps == training.pac == 2
