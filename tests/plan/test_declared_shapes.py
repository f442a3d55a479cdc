"""The shape that a dataset declares is checked before anything is built from it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from plugin_packages import clear_caches, package_in

from bench.errors import ContractError
from bench.plan.runs import plan_runs
from bench.plan.suite import parse_suite

DATASETS = """
import numpy as np
from bench import Dataset, Options, make_data


def load(options):
    return make_data(np.zeros((9, 1, 64), np.float32), np.zeros((9, 1, 64), np.float32))


def entry(shape):
    return Dataset("made", Options, shape=lambda options: shape, load=load, extractor="coordinates")


number, volumes, fractions, negative = entry(64), entry((1, 4, 4, 4)), entry((2.0,)), entry((-1,))
"""
NAMES = {"number": "64", "volumes": "(1, 4, 4, 4)", "fractions": "(2.0,)", "negative": "(-1,)"}
SUITE = """
name = "x"
seeds = 1
[matrix]
loss = ["hinge"]
dataset = ["DATASET"]
architecture = ["mlp"]
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_of_neither_points_nor_images_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    package = package_in(tmp_path / "site", monkeypatch)
    package.write(DATASETS, {"datasets": {each: each for each in NAMES}}, "plugged_shapes")
    with pytest.raises(ContractError) as caught:
        plan_runs(parse_suite(tomllib.loads(SUITE.replace("DATASET", name)), "x.toml"))
    clear_caches()
    assert str(caught.value) == (
        f"dataset '{name}' (package plugged): shape returned {NAMES[name]}, expected (d,) for points of d numbers, "
        f"(channels, height, width) for images, or (channels, length) for sounds and strings"
    )


def test_sliced_wasserstein_takes_points_of_any_dimension(tmp_path: Path) -> None:
    import numpy as np

    points = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    np.savez(tmp_path / "points.npz", train=points, test=points[:20])
    text = SUITE.replace('"DATASET"', f'{{ name = "point-arrays", path = "{tmp_path}/points.npz" }}')
    (run,) = plan_runs(parse_suite(tomllib.loads(text + '[evaluation]\nmetrics = ["sliced-wasserstein"]\n'), "x.toml"))
    assert run.evaluation.metrics[0].name == "sliced-wasserstein"
