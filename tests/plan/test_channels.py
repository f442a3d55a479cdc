"""Images of channels that no extractor takes, or with their channels last, are refused before training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from plugin_packages import Package, clear_caches, package_in
from small_suite import small_suite

from bench.catalogue.extractors.networks import extract
from bench.catalogue.extractors.own_networks import RandomNetwork
from bench.errors import ContractError, DataError, SuiteError
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite

DATASETS = """
import numpy as np
from bench import Dataset, Metric, Options, make_data

def entry(*shape, extractor="random"):
    def load(options):
        images = np.zeros((30, *shape), np.uint8)
        return make_data(images[:20], images[20:])
    return Dataset("made", Options, shape=lambda options: shape, load=load, extractor=extractor)

two, grey, last, wide = entry(2, 8, 8), entry(1, 8, 8), entry(8, 8, 1), entry(12, 12, 3)
inception, digits = entry(4, 8, 8, extractor="inception"), entry(1, 16, 16, extractor="digits")
size = Metric("", Options, "plugged_channels:prepare", lambda extractor, modes: None)
"""
NAMES = ("two", "grey", "last", "wide", "inception", "digits")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    package = package_in(tmp_path / "site", monkeypatch)
    package.write(
        DATASETS, {"datasets": {name: name for name in NAMES}, "metrics": {"size": "size"}}, "plugged_channels"
    )
    yield package
    package.forget()
    clear_caches()


def planned(folder: Path, dataset: str, evaluation: str = 'metrics = ["frechet"]') -> list[Run]:
    (folder / "suite.toml").write_text(small_suite(f'"{dataset}"', evaluation))
    return plan_runs(load_suite(str(folder / "suite.toml")))


@pytest.mark.parametrize(
    ("dataset", "evaluation", "told"),
    [
        ("two", 'metrics = ["frechet"]', "extractor 'random' takes images with 1 or 3 channels, but dataset 'two'"),
        ("two", 'metrics = ["kid"]\nextractor = "random"', "extractor 'random' takes images with 1 or 3 channels"),
        ("two", 'metrics = ["size"]\nextractor = "inception"', "extractor 'inception' takes images with 1 or 3"),
        ("inception", "", "extractor 'inception' takes images with 1 or 3 channels, but dataset 'inception' has"),
        ("digits", "", "extractor 'digits' takes images of shape (1, 8, 8), but dataset 'digits' has samples of"),
    ],
)
def test_images_that_the_extractor_does_not_take_are_refused(
    package: Package, tmp_path: Path, dataset: str, evaluation: str, told: str
) -> None:
    if dataset == "digits":  # its name is that of ganbench's own dataset
        package.write(DATASETS, {"datasets": {"more": "digits"}}, "plugged_channels")
        dataset, told = "more", told.replace("dataset 'digits'", "dataset 'more'")
    with pytest.raises(SuiteError) as caught:
        planned(tmp_path, dataset, evaluation)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("dataset", "first"), [("last", "(1, 8, 8)"), ("wide", "(3, 12, 12)")])
def test_images_with_their_channels_last_are_refused(
    package: Package, tmp_path: Path, dataset: str, first: str
) -> None:
    with pytest.raises(
        ContractError, match=rf"^dataset '{dataset}' \(package plugged\): shape returned .* looks like"
    ) as caught:
        planned(tmp_path, dataset, 'metrics = ["size"]')
    assert f"images have their channels first: {first}" in str(caught.value)


def test_metrics_of_other_packages_may_take_any_channels(package: Package, tmp_path: Path) -> None:
    assert len(planned(tmp_path, "two", 'metrics = ["size"]')) == 1
    assert len(planned(tmp_path, "grey")) == 1


def test_a_metric_that_asks_for_features_of_two_channels_gets_one_clear_line() -> None:
    images = torch.from_numpy(np.zeros((3, 2, 8, 8), np.uint8))
    with pytest.raises(DataError, match=r"^extractor 'random' takes images with 1 or 3 channels, not 2$"):
        extract(RandomNetwork(), images)
