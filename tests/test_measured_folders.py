"""Folders of samples are read by the rules of datasets, and metrics of other packages are measured like any others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from plugin_packages import package_in

import bench
from bench.command import main
from bench.errors import DataError
from bench.records.listing import record_paths
from bench.records.record import read_metadata

RING = '{ name = "ring", points = 1000 }'


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["measure", *map(str, arguments)], catch_exceptions=False)


def write_images(folder: Path, count: int = 30, *, mode: str = "L", size: int = 8, seed: int = 0) -> Path:
    random = np.random.default_rng(seed)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels = random.integers(0, 256, (size, size, *channels), dtype=np.uint8)
        Image.fromarray(pixels, mode).save(folder / f"{number}.png")
    return folder


def measured(samples: Any, **options: Any) -> Any:
    return bench.measure(samples, **{"against": "digits", "metrics": "frechet", **options})


def test_hidden_names_are_no_samples_and_other_files_are_told(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "generated")
    values = measured(folder).values
    write_images(folder / ".ipynb_checkpoints", 5, seed=1)
    (folder / "notes.txt").write_text("text")
    (folder / "0.png").rename(folder / "._0.png")
    write_images(folder)
    again = measured(folder)
    assert again.values == values
    assert any("generated: 30 images, 1 ignored (.txt)" in notice for notice in again.notices)


def test_names_and_links_follow_the_rules_of_datasets(tmp_path: Path) -> None:
    values = measured(write_images(tmp_path / "plain", 30, size=8)).values
    hidden = write_images(tmp_path / "elsewhere", 30)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "more").symlink_to(hidden)
    for number, path in enumerate(sorted(hidden.iterdir())):
        if number % 2:
            path.rename(path.with_suffix(""))  # recognised by its content
    linked = measured(tmp_path / "linked")
    assert linked.protocol["samples"] == 30
    assert linked.values == pytest.approx(values, rel=1e-6)


def test_transparent_samples_need_a_background(tmp_path: Path, invoke: Callable[..., Result]) -> None:
    folder = write_images(tmp_path / "clear", 30, mode="RGBA")
    with pytest.raises(DataError, match=r"transparent pixels.*set background to .*\(measure: --background\)"):
        measured(folder)
    white, black = (measured(folder, background=colour) for colour in ("white", (0, 0, 0)))
    assert white.kept.mean() > black.kept.mean() + 50
    arguments = ("clear", "--against", "digits", "--metrics", "frechet", "--background")
    assert invoke(*arguments, "white").exit_code == 0
    assert invoke(*arguments, "[0, 0, 0]").exit_code == 0
    refused = invoke(*arguments, "pinkish")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)


def test_options_of_the_dataset_apply_to_samples(tmp_path: Path) -> None:
    real, clear = write_images(tmp_path / "real", mode="RGB"), write_images(tmp_path / "clear", mode="RGBA")
    table = {"name": "image-folder", "path": str(real), "size": 8}
    options = {"extractor": "random"}
    like_real = measured(clear, against={**table, "background": "black"}, **options)
    assert np.array_equal(like_real.kept, measured(clear, against=table, background="black", **options).kept)
    both_clear = measured(clear, against=write_images(tmp_path / "other", mode="RGBA"), background="white", **options)
    assert both_clear.protocol["samples"] == 30


def test_all_broken_samples_are_listed_or_skipped(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "some")
    (folder / "cut.png").write_bytes((folder / "3.png").read_bytes()[:50])
    (folder / "empty.png").touch()
    with pytest.raises(DataError, match=r"cannot read 2 images: cut\.png .*, empty\.png .*; .*--skip-broken"):
        measured(folder)
    skipped = measured(folder, skip_broken=True)
    assert skipped.protocol["samples"] == 30
    assert any("2 broken and left out" in notice for notice in skipped.notices)
    (folder / "dead.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match="cannot read 3 images"):
        measured(folder)


def test_float_images_need_a_range(tmp_path: Path) -> None:
    images = np.random.default_rng(0).uniform(0, 1, (30, 8, 8)).astype(np.float32)
    (tmp_path / "floats").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / "floats" / f"{number}.tif")
    with pytest.raises(DataError, match=r"floats from .*: set range = .*\(measure: --range\)"):
        measured(tmp_path / "floats")
    kept = measured(tmp_path / "floats", value_range=np.array([0, 1])).kept
    in_array = measured(images, value_range=(0, 1)).kept
    assert abs(kept.mean() - in_array.mean()) < 10  # in another order


def test_a_folder_with_splits_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "data" / "train")
    write_images(tmp_path / "data" / "test", 5)
    with pytest.raises(DataError, match="a training and a test split; which of them are the samples"):
        measured(tmp_path / "data")
    assert measured(tmp_path / "data" / "train").protocol["samples"] == 30
    with pytest.raises(DataError, match="--key a: it names an array in a file"):
        measured(tmp_path / "data" / "train", key="a")


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no images$"):
        measured(tmp_path / "empty")
    np.save(tmp_path / "empty" / "a.npy", np.zeros((5, 1, 8, 8)))
    with pytest.raises(DataError, match=r"no images \(0 images, 1 ignored \(\.npy\)\); give the file"):
        measured(tmp_path / "empty")
    with pytest.raises(DataError, match="the path is empty"):
        measured("")
    with pytest.raises(DataError, match=r"File name too long; expected"):
        measured(Path("n" * 5000))


def test_the_folder_of_decoded_images_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    measured(write_images(tmp_path / "generated"))
    assert not list(tmp_path.glob("data/**/*.images"))


def test_measures_of_other_packages_have_their_label_and_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Callable[..., Result]
) -> None:
    package = package_in(tmp_path / "package", monkeypatch)
    package.write(
        """
        from bench import Measure, Metric, Options

        def farthest(context, options):
            return lambda sampled: {"farthest": float(sampled.samples.norm(dim=1).max())}

        metric = Metric(
            "the farthest sample", Options, "plugged:farthest", lambda extractor, modes: None,
            measures={"farthest": Measure("farthest [cm]", False, ".1f", scale=100)},
        )
        """,
        {"metrics": {"farthest": "metric"}},
    )
    try:
        np.save(tmp_path / "a-at-5.npy", np.array([[0.0, 2.0]] * 9 + [[3.0, 4.0]]))
        record = ("--record", "mine", "--set", "loss=a", "--set", "architecture=b", "--set", "seed=0")
        done = invoke("a-at-5.npy", "--against", RING, "--metrics", "farthest,modes", *record)
        assert done.exit_code == 0, done.stderr
        line = next(line for line in done.stdout.splitlines() if "farthest" in line)
        assert line.split()[:3] == ["farthest", "[cm]", "500.0"]
        assert line.split()[-1] == "lower"
        (path,) = record_paths(tmp_path / "results" / "mine")
        metadata = read_metadata(path)
        assert metadata.measures["farthest"].label == "farthest [cm]"
        assert metadata.higher_is_better["farthest"] is False
        package.uninstall()
        shown = CliRunner().invoke(main, ["report", "results/mine", "--format", "none"]).output
        assert "farthest [cm]" in shown
    finally:
        package.uninstall()
