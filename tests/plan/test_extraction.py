"""Which extractor a run uses, and that nothing is loaded, required or downloaded where no metric uses features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from small_suite import small_suite

import bench
from bench.catalogue import entries
from bench.catalogue.datasets import Dataset
from bench.catalogue.datasets.pixels import PixelOptions
from bench.catalogue.extractors import EXTRACTORS, INCEPTION_FILE, extractor_hash, own_training
from bench.catalogue.extractors.random_weights import random_weights_hash
from bench.command import main
from bench.compute.evaluation import build_evaluator
from bench.errors import DataError, SuiteError
from bench.evidence.gate.compare import compare
from bench.plan.rebuilding import rebuild
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.record import read_metadata


@pytest.fixture
def photos(tmp_path: Path) -> str:
    """A dataset of 40 images in two classes, as a suite writes it."""
    random = np.random.default_rng(0)
    for label, level in (("dark", 0), ("light", 120)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(20):
            pixels = (level + random.integers(0, 100, (8, 8, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    return f'{{ name = "image-folder", path = "{tmp_path / "photos"}", size = 8 }}'


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Inception's weights be out of reach."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no internet")

    monkeypatch.setattr("bench.catalogue.extractors.networks.FeatureExtractorInceptionV3", refuse)
    build_evaluator.cache_clear()


@pytest.fixture
def plan(write_suite: Callable[[str], str]) -> Callable[..., list[Run]]:
    def planned(dataset: str, evaluation: str) -> list[Run]:
        return plan_runs(load_suite(write_suite(small_suite(dataset, samples=8, evaluation=evaluation))))

    return planned


@pytest.mark.usefixtures("offline", "no_figures")
@pytest.mark.parametrize("metrics", ['["spectrum"]', '["path-angle"]', '["spectrum", "path-angle"]'])
def test_metrics_of_the_game_need_no_extractor(
    photos: str, metrics: str, write_suite: Callable[[str], str], tmp_path: Path
) -> None:
    suite = write_suite(small_suite(photos, samples=8, evaluation=f"metrics = {metrics}"))
    assert bench.run(suite, results=tmp_path / "results", workers=0, pack="off", device="cpu").missing == 0


@pytest.mark.usefixtures("offline")
def test_features_that_are_needed_and_missing_are_an_error_that_names_alternatives(
    photos: str, write_suite: Callable[[str], str], tmp_path: Path
) -> None:
    suite = write_suite(small_suite(photos, samples=8, evaluation='metrics = ["spectrum", "frechet"]'))
    with pytest.raises(DataError) as caught:
        bench.run(suite, results=tmp_path / "results", workers=0, pack="off", device="cpu")
    text = str(caught.value)
    assert "cannot load Inception's weights (no internet)" in text
    assert "--inception-weights PATH" in text
    assert 'extractor = "random" in [evaluation]' in text
    assert "python -m bench.catalogue.extractors FOLDER" in text


@pytest.mark.usefixtures("offline", "no_figures")
def test_random_features_train_and_report_offline(
    photos: str, write_suite: Callable[[str], str], tmp_path: Path
) -> None:
    chosen = 'metrics = ["frechet", "neighbours"]\nextractor = "random"'
    suite = write_suite(small_suite(photos, samples=8, evaluation=chosen))
    bench.run(suite, results=tmp_path / "results", workers=0, pack="off", device="cpu")
    (path,) = record_paths(tmp_path / "results")
    metadata = read_metadata(path)
    assert metadata.protocol["extractor"] == "random"
    assert metadata.protocol["extractor_sha256"] == random_weights_hash()
    assert metadata.evaluation.extractor is not None
    assert metadata.final["fd"] is not None
    text = (tmp_path / "results" / "small" / "table.md").read_text()
    assert f"features: random ({random_weights_hash()[:12]})" in text
    again = rebuild(metadata.model_dump(mode="json"), seed=0)
    assert again.id == metadata.run


def test_a_trained_extractor_gives_modes_and_its_path_is_no_part_of_the_identity(
    photos: str, plan: Callable[..., list[Run]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_training, "EPOCHS", (1, 1))
    with pytest.raises(SuiteError, match=r"'modes' needs true modes or a classifier.*train one on classes of your own"):
        plan(photos, 'metrics = ["modes"]')
    own_training.train_on_folder(tmp_path / "photos", tmp_path / "a.npz", PixelOptions(size=8))
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes())
    runs = {}
    for name in "ab":
        weights = f'extractor = {{ name = "trained", weights = "{tmp_path / name}.npz" }}'
        runs[name] = plan(photos, f'metrics = ["modes", "frechet"]\n{weights}')[0]
    assert runs["a"].id == runs["b"].id
    run = runs["a"]
    evaluator = build_evaluator(run.training.dataset, run.evaluation, run.extractor_hash, None, torch.device("cpu"))
    assert evaluator.real["modes"] in (1, 2)
    assert evaluator.protocol["extractor"] == "trained"
    with pytest.raises(SuiteError, match=r"'trained' takes images of shape \(3, 8, 8\), but dataset 'digits'"):
        plan('"digits"', f'metrics = ["modes"]\n{weights}')
    with pytest.raises(DataError, match=r"gone\.npz cannot be read"):
        plan(photos, 'metrics = ["modes"]\nextractor = { name = "trained", weights = "gone.npz" }')


@pytest.mark.usefixtures("no_figures")
def test_records_compare_wherever_the_weights_lay(
    photos: str, write_suite: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_training, "EPOCHS", (1, 1))
    for side in ("a", "b"):
        own_training.train_on_folder(tmp_path / "photos", tmp_path / f"{side}.npz", PixelOptions(size=8))
        (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes())
        weights = f'extractor = {{ name = "trained", weights = "{tmp_path / side}.npz" }}'
        suite = write_suite(small_suite(photos, samples=8, evaluation=f'metrics = ["frechet"]\n{weights}'))
        bench.run(suite, results=tmp_path / side, workers=0, pack="off", device="cpu", seeds=3)
    comparison = compare(str(tmp_path / "a" / "small"), str(tmp_path / "b" / "small"))
    assert len(comparison.cells) >= 1


def test_identities_do_not_depend_on_whether_features_are_used(plan: Callable[..., list[Run]], photos: str) -> None:
    """The hash of an extractor that needs no file of the user is part of every identity, as it has always been."""
    for dataset, expected in (
        ('"digits"', extractor_hash("digits")),
        ('{ name = "ring", points = 100 }', "coordinates"),
        (photos, INCEPTION_FILE),
    ):
        assert plan(dataset, 'metrics = ["path-angle"]')[0].extractor_hash == expected
    (default,) = plan(photos, 'metrics = ["path-angle"]')
    (named,) = plan(photos, 'metrics = ["path-angle"]\nextractor = "inception"')
    (other,) = plan(photos, 'metrics = ["path-angle"]\nextractor = "random"')
    assert default.id == named.id
    assert other.id != default.id


def test_weights_that_the_user_would_have_to_train_are_required_only_for_features(
    plan: Callable[..., list[Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without MNIST on this machine, stacked digits stand in for it, with the extractor of MNIST."""
    known = cast("dict[str, Dataset]", entries("dataset"))
    monkeypatch.setitem(known, "stacked-digits", known["stacked-digits"]._replace(extractor="stacked-mnist"))
    monkeypatch.setattr("bench.plan.extraction.limitation", lambda *_: None)  # MNIST's images are larger
    dataset = '{ name = "stacked-digits", images = 100 }'
    assert plan(dataset, 'metrics = ["spectrum"]')[0].extractor_hash == "stacked-mnist, not used"
    with pytest.raises(DataError, match=r"python -m bench\.catalogue\.extractors mnist"):
        plan(dataset, 'metrics = ["spectrum", "frechet"]')


def test_points_keep_their_coordinates(plan: Callable[..., list[Run]]) -> None:
    chosen = 'metrics = ["frechet"]\nextractor = "random"'
    hashes = [run.extractor_hash for run in plan('{ name = "ring", points = 100 }, "digits"', chosen)]
    assert hashes == ["coordinates", random_weights_hash()]
    with pytest.raises(SuiteError, match="extractor 'random' is for images, but there are only points"):
        plan('{ name = "ring", points = 100 }', chosen)


def test_the_extractors_are_listed() -> None:
    output = CliRunner().invoke(main, ["list"]).output.partition("extractors\n")[2]
    assert [line.split()[0] for line in output.splitlines()] == list(EXTRACTORS)
