"""Plans: the identity of runs, and errors found before training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.catalogue.datasets import images
from bench.catalogue.families import FAMILIES
from bench.errors import DataError, SuiteError
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite

SUITE = """
name = "x"
seeds = 2
[matrix]
loss = ["hinge", "wgan-gp"]
dataset = [{ name = "ring", points = 100 }]
architecture = ["mlp"]
[training]
steps = 10
[evaluation]
metrics = ["modes"]
"""


def ids(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


def test_runs_are_cells_times_seeds(write_suite: Callable[[str], str]) -> None:
    runs = plan_runs(load_suite(write_suite(SUITE)))
    assert [(run.axes["loss"], run.seed) for run in runs] == [
        ("hinge", 0),
        ("hinge", 1),
        ("wgan-gp", 0),
        ("wgan-gp", 1),
    ]
    assert len(set(ids(runs))) == 4
    assert [run.seed for run in plan_runs(load_suite(write_suite(SUITE)), seeds=[7])] == [7, 7]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('name = "x"', 'name = "renamed"', True),
        ('architecture = ["mlp"]', 'architecture = [{ name = "mlp", label = "other" }]', True),
        ('architecture = ["mlp"]', 'architecture = [{ name = "mlp", width = 128 }]', True),  # its default
        ("steps = 10", 'steps = 10\nupdates = "alternating"', True),
        ("steps = 10", "steps = 11", False),
        ("points = 100", "points = 101", False),
        ('["modes"]', '["modes", "frechet"]', False),
        ('["modes"]', '[{ name = "modes", minimum = 2 }]', False),
        ("steps = 10", "steps = 10\ncritic = { width = 3 }", False),
        ("steps = 10", "steps = 10\nema = 0.5", False),
        ('["modes"]', '["modes"]\n[outcome]\nrelapsed = 9.0', True),
        ('["modes"]', '["modes"]\n[[reference]]\nsource = "a paper"\nvalues = { kl = 0.1 }', True),
    ],
)
def test_the_identity_depends_on_what_decides_the_numbers(
    write_suite: Callable[[str], str], old: str, new: str, same: bool
) -> None:
    one = ids(plan_runs(load_suite(write_suite(SUITE))))
    other = ids(plan_runs(load_suite(write_suite(SUITE.replace(old, new)))))
    assert (one == other) is same
    assert same or not set(one) & set(other)


def test_the_identity_depends_on_data_extractor_and_numerics(
    write_suite: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = plan_runs(load_suite(write_suite(SUITE)))[0]
    names = {run.id}
    names.add(dataclasses.replace(run, data_fingerprint="other").id)
    names.add(dataclasses.replace(run, extractor_hash="other").id)
    for name, raised in {"NUMERICS": 999, "find": lambda *_: FAMILIES["gan"]._replace(numerics=2)}.items():
        with monkeypatch.context() as patch:
            patch.setattr(f"bench.plan.runs.{name}", raised)
            names.add(dataclasses.replace(run, seed=run.seed).id)
    assert len(names) == 5


def test_identities_are_stable(write_suite: Callable[[str], str]) -> None:
    """Recorded results are found by their identity. If this fails, raise NUMERICS or undo the change."""
    run = dataclasses.replace(plan_runs(load_suite(write_suite(SUITE)))[2], data_fingerprint="", extractor_hash="")
    assert run.id == "f5aaf63145b26b0b"


def test_an_architecture_that_does_not_support_the_dataset(write_suite: Callable[[str], str]) -> None:
    text = SUITE.replace('["mlp"]', '["dcgan"]')
    with pytest.raises(SuiteError, match=r"architecture 'dcgan' makes square images.*samples of shape \(2,\)"):
        plan_runs(load_suite(write_suite(text)))
    text = SUITE.replace("steps = 10", 'steps = 10\ncritic = { name = "dcgan" }')
    with pytest.raises(SuiteError, match="architecture 'dcgan' makes"):
        plan_runs(load_suite(write_suite(text)))


def test_a_metric_that_the_dataset_does_not_support(write_suite: Callable[[str], str], tmp_path: Path) -> None:
    from PIL import Image

    for index in range(20):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{index}.png")
    folder = f'[{{ name = "image-folder", path = "{tmp_path}", size = 8 }}]'
    text = SUITE.replace('[{ name = "ring", points = 100 }]', folder)
    with pytest.raises(SuiteError, match="metric 'modes' needs true modes or a classifier"):
        plan_runs(load_suite(write_suite(text)))


def test_a_missing_dataset_is_downloaded_only_when_asked(
    write_suite: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "nothing"))
    suite = load_suite(
        write_suite(SUITE.replace('[{ name = "ring", points = 100 }]', '["cifar10"]').replace("modes", "frechet"))
    )
    asked = []
    monkeypatch.setattr(images, "_download", asked.append)
    for download in (False, True):
        with pytest.raises(DataError, match=r"cifar10.*not found"):
            plan_runs(suite, download=download)
    assert asked == ["CIFAR10"]


def test_a_failed_download_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from torchvision import datasets

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    monkeypatch.setattr(datasets, "MNIST", refuse)
    with pytest.raises(DataError, match="MNIST could not be downloaded: Error downloading"):
        images.download_mnist()
