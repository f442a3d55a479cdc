"""``--skip-broken`` and the lines about images in ``plan`` and ``run``, and what records keep of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from bench.catalogue import entries
from bench.command import main
from bench.compute.training.real_data import cached_dataset
from bench.errors import DataError
from bench.plan.rebuilding import rebuild
from bench.plan.runs import plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.record import read_metadata
from bench.running import run_suite

SUITE = """
name = "own"
version = 1
title = "Own images"
seeds = 1
[matrix]
dataset = [{ name = "image-folder", path = "faces", size = 8, channels = 1, label = "faces" }, "digits"]
architecture = ["mlp"]
loss = ["hinge"]
[training]
steps = 2
batch_size = 4
[evaluation]
every = 2
samples = 20
metrics = ["frechet"]
"""


@pytest.fixture(autouse=True)
def own_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "cache"))
    known = entries("dataset")
    monkeypatch.setitem(known, "image-folder", known["image-folder"]._replace(extractor="digits"))  # type: ignore[arg-type]
    cached_dataset.cache_clear()
    (tmp_path / "own.toml").write_text(SUITE)
    (tmp_path / "faces").mkdir()
    random = np.random.default_rng(0)
    for index in range(30):
        Image.fromarray(random.integers(0, 255, (8, 8)).astype(np.uint8)).save(tmp_path / "faces" / f"{index}.png")
    (tmp_path / "faces" / "notes.txt").touch()
    (tmp_path / "faces" / "list.txt").touch()


def test_plan_says_what_was_found() -> None:
    result = CliRunner().invoke(main, ["plan", "own.toml"])
    assert "faces: 30 images, 2 ignored (.txt); 27 training, 3 test" in result.output.splitlines()
    assert not any(line.startswith("digits:") for line in result.output.splitlines())


def test_broken_images_stop_plan_and_run_unless_skipped(tmp_path: Path, no_figures: None) -> None:
    intact = [run.id for run in plan_runs(load_suite("own.toml"))]
    (tmp_path / "faces" / "broken.png").touch()
    for verb in ("plan", "run", "time"):
        result = CliRunner().invoke(main, [verb, "own.toml"])
        assert result.exit_code == 2
        assert result.stderr.splitlines() == [
            "ganbench: image-folder: faces: cannot read 1 image: broken.png (empty file); "
            "skip_broken = true in the dataset's options, or --skip-broken, leaves them out"
        ]
    line = "faces: 30 images, 2 ignored (.txt), 1 broken and left out; 27 training, 3 test"
    assert line in CliRunner().invoke(main, ["plan", "own.toml", "--skip-broken"]).output.splitlines()
    summary = run_suite("own.toml", skip_broken=True, workers=0, device="cpu", pack="off")
    assert line in summary.notices
    assert [run.id for run in summary.runs] == intact  # the same pixels
    records = [read_metadata(path) for path in record_paths(tmp_path / "results" / "own")]
    (record,) = [record for record in records if record.axes["dataset"] == "faces"]
    assert record.data.files is not None
    assert (record.data.files.samples, record.data.files.broken) == (30, 1)
    assert record.data.files.ignored == {".txt": 2}
    assert record.training.dataset.options["skip_broken"] is True
    again = rebuild(record.model_dump(mode="json", exclude_unset=True), 5)
    assert (again.seed, again.found) == (5, line)


def test_a_size_that_an_architecture_cannot_make_is_refused_before_images_are_read(tmp_path: Path) -> None:
    text = SUITE.replace("size = 8", "size = 2000").replace('"mlp"', '"dcgan"').replace('path = "faces"', 'path = "no"')
    (tmp_path / "own.toml").write_text(text)
    result = CliRunner().invoke(main, ["plan", "own.toml"])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "architecture 'dcgan' makes square images of 8×8 to" in line
    assert "samples of shape (1, 2000, 2000)" in line


def test_images_that_change_after_planning_are_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_figures: None
) -> None:
    """The identity of a run names its data: a record of other data must not have it."""

    def change(_: object) -> None:
        Image.new("L", (8, 8)).save(tmp_path / "faces" / "0.png")

    with pytest.raises(DataError, match="the files of dataset 'faces' have changed since the run was planned"):
        run_suite("own.toml", workers=0, device="cpu", pack="off", begin=change)
    assert not list(tmp_path.glob("results/own/records/faces*"))
