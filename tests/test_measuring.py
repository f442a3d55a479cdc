"""Samples that exist already get the numbers that a training run records for them, the same stamp and the same row of
real data."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import bench
from bench.command import main
from bench.compute import sample_files
from bench.compute.engines.in_process import in_process
from bench.compute.evaluated_samples import evaluation_latents, quantised
from bench.compute.settings import Settings
from bench.compute.training.loop import train
from bench.compute.training.players import generate
from bench.compute.training.real_data import RealData
from bench.errors import DataError, SuiteError
from bench.evidence.gate.compare import compare
from bench.plan.runs import Run, plan_runs
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.records.record import read_metadata, read_record, read_samples

SUITE = """
name = "twin"
version = 3
title = "Twin"
seeds = 3
[matrix]
loss = ["hinge"]
dataset = {datasets}
architecture = [{{ name = "mlp", width = 16, depth = 1, label = "mlp" }}]
[training]
steps = 2
batch_size = 16
latent = 4
[evaluation]
every = 1
samples = 150
metrics = {metrics}
[outcome]
tau = 1e9
"""
RING = '{ name = "ring", points = 1000 }'


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["measure", *map(str, arguments)], catch_exceptions=False)


def write(folder: Path, datasets: str = '["digits"]', metrics: str = '["modes", "frechet", "neighbours"]') -> str:
    path = folder / "twin.toml"
    path.write_text(SUITE.format(datasets=datasets, metrics=metrics))
    return str(path)


def trained(suite: str, folder: Path) -> list[Run]:
    """Train all runs of a suite as ganbench does; their records are in the folder."""
    runs = plan_runs(load_suite(suite))
    assert list(in_process([runs], [Settings(folder=folder)]))
    return runs


def samples_of(run: Run) -> torch.Tensor:
    """The samples of a run after its last step, by the same loop."""
    real = RealData.load(run.training.dataset, torch.device("cpu"))
    pack = real.start_pack([run.training], [run.seed])
    for _ in train(pack, 0, run.training.steps):
        pass
    latents = evaluation_latents(run.training, pack.shape, run.evaluation.samples, run.seed)
    return generate(pack.players[0].generator, latents)


def test_values_equal_those_of_a_training_run_for_the_same_samples(tmp_path: Path) -> None:
    suite = write(tmp_path)
    run = trained(suite, tmp_path / "twin")[0]
    record = read_record(next(path for path in record_paths(tmp_path / "twin") if run.id in path.name))
    samples = samples_of(run)
    measured = bench.measure(samples, against="digits", suite=suite, value_range=(-1, 1))
    assert len(measured.values) == 10
    for name, value in measured.values.items():
        assert value == pytest.approx(record.trace[name][-1], rel=1e-9), name
    assert measured.real == record.metadata.real
    assert measured.protocol == record.metadata.protocol
    alone = bench.measure(samples, against="digits", metrics=["frechet"], value_range=(-1, 1))
    assert alone.values["fd"] == pytest.approx(measured.values["fd"], rel=1e-9)
    kept = read_samples(record.path)
    assert np.array_equal(kept, measured.kept)


def test_points_are_measured_as_in_training(tmp_path: Path) -> None:
    suite = write(tmp_path, f"[{RING}]", '["modes", "frechet", "sliced-wasserstein"]')
    run = trained(suite, tmp_path / "twin")[0]
    record = read_record(next(path for path in record_paths(tmp_path / "twin") if run.id in path.name))
    measured = bench.measure(samples_of(run).double().numpy(), suite=suite)
    assert {name: record.trace[name][-1] for name in measured.values} == pytest.approx(measured.values, rel=1e-9)


def forms(folder: Path, images: torch.Tensor) -> dict[str, Any]:
    """The same uint8 images in every form that is read."""
    array = images.numpy()
    last = array.transpose(0, 2, 3, 1)
    np.save(folder / "first.npy", array)
    np.save(folder / "last.npy", last)
    np.save(folder / "grey.npy", array[:, 0])
    np.savez(folder / "with_labels.npz", arr_0=last, arr_1=np.zeros(len(array), int))
    torch.save(images, folder / "tensor.pt")
    torch.save({"samples": images, "step": 4}, folder / "table.pt")
    for index, image in enumerate(array[:, 0]):
        (folder / "images" / str(index % 3)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).convert("RGB").save(folder / "images" / str(index % 3) / f"{index}.png")
    paths = [
        folder / name for name in ("first.npy", "last.npy", "grey.npy", "with_labels.npz", "tensor.pt", "table.pt")
    ]
    return {path.name: path for path in paths} | {"images": str(folder / "images"), "list": array.tolist()}


def test_every_form_gives_the_same_values(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (60, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = bench.measure(images, against="digits", metrics="frechet")
    for name, form in forms(tmp_path, images).items():
        value_range = (0.0, 255.0) if name == "list" else None  # Python's integers are not uint8
        values = bench.measure(form, against="digits", metrics="frechet", value_range=value_range).values
        assert values == pytest.approx(expected.values, rel=1e-9), name


@pytest.mark.parametrize("value_range", [(-1, 1), (0, 1), (0, 255)])
def test_numbers_in_a_range_become_the_bytes_they_stand_for(value_range: tuple[float, float]) -> None:
    images = torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    low, high = value_range
    floats = images.double() / 255 * (high - low) + low
    kept = bench.measure(floats, against="digits", metrics="frechet", value_range=value_range).kept
    assert np.array_equal(kept, images[:25].numpy())


def test_floats_are_quantised_as_in_training() -> None:
    from bench.compute.given_samples import prepare_images

    floats = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    prepared = prepare_images(floats.numpy(), (1, 8, 8), (-1.0, 1.0), False, "")
    assert torch.equal(prepared.samples, quantised(floats, np.zeros(1, np.uint8)))


def test_resizing_is_done_on_request_and_stamped(tmp_path: Path, invoke: Callable[..., Result]) -> None:
    large = np.random.default_rng(0).integers(0, 256, (40, 1, 12, 16), dtype=np.uint8)
    with pytest.raises(DataError, match=r"expected images of 8×8 pixels, as in the dataset, not 12×16; --resize"):
        bench.measure(large, against="digits", metrics="frechet")
    measured = bench.measure(large, against="digits", metrics="frechet", resize=True)
    assert measured.protocol["samples_resized"] == "from 12×16, bicubic"
    (tmp_path / "large").mkdir()
    for index, image in enumerate(large[:, 0]):
        Image.fromarray(image).save(tmp_path / "large" / f"{index}.png")
    words = r"expected images of 8×8 pixels, as in the dataset, not 12×16; --resize"
    with pytest.raises(DataError, match=words):
        bench.measure(tmp_path / "large", against="digits", metrics="frechet")
    again = bench.measure(tmp_path / "large", against="digits", metrics="frechet", resize=True)
    assert again.values == pytest.approx(measured.values, rel=1e-6)  # in another order
    assert again.protocol == measured.protocol
    assert "JPEG" not in str(again.notices)
    Image.fromarray(large[0, 0, :8, :8]).save(tmp_path / "large" / "small.jpg")
    mixed = bench.measure(tmp_path / "large", against="digits", metrics="frechet", resize=True)
    assert mixed.protocol["samples_resized"] == "from several sizes, bicubic"
    assert any("1 of the images are JPEG" in notice for notice in mixed.notices)


def test_a_folder_of_real_images_can_be_the_dataset(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, count in (("real", 40), ("fake", 30)):
        (tmp_path / name).mkdir()
        for number in range(count):
            pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    measured = bench.measure(tmp_path / "fake", against=tmp_path / "real", extractor="random", metrics="frechet")
    assert (measured.protocol["extractor"], measured.protocol["samples"]) == ("random", 30)
    assert measured.protocol["reference_samples"] == 36
    table = {"name": "image-folder", "path": str(tmp_path / "real"), "size": 16}
    assert (
        bench.measure(tmp_path / "fake", against=table, extractor="random", metrics="frechet").values == measured.values
    )


def test_some_of_the_samples_are_a_fixed_random_choice() -> None:
    points = np.arange(2000.0).reshape(1000, 2)
    one, again = (bench.measure(points, against=RING_TABLE, metrics="modes", count=100) for _ in range(2))
    assert one.values == again.values
    assert one.protocol["samples"] == 100
    assert np.median(one.kept) == pytest.approx(1000, rel=0.3)  # not the first hundred
    whole = bench.measure(points, against=RING_TABLE, metrics="modes", count=np.int64(1000))
    assert np.array_equal(whole.kept, points[:250].astype(np.float32))


RING_TABLE = {"name": "ring", "points": 1000}
NAN = np.zeros((5, 2))
NAN[3] = np.nan


@pytest.mark.parametrize(
    ("samples", "options", "words"),
    [
        (np.zeros((5, 3)), {"against": "ring"}, r"expected points n×2, as in the dataset, not 5×3"),
        (np.zeros((1, 2)), {"against": "ring"}, "at least 2 samples are needed; there is 1"),
        (np.float64(1), {"against": "ring"}, "at least 2 samples"),
        (np.zeros((0, 2)), {"against": "ring"}, "at least 2 samples are needed; there are 0"),
        (np.zeros((5, 2)), {"against": "ring", "count": 6}, "6 samples are needed; there are 5"),
        (NAN, {"against": "ring"}, "1 of 5 samples are not finite, first number 3"),
        (np.zeros((5, 2), complex), {"against": "ring"}, "expected numbers, not complex128"),
        (np.zeros((5, 2)), {"against": "ring", "value_range": (0, 1)}, "for images, but the dataset has points"),
        (np.zeros((5, 2)), {"against": "ring", "resize": True}, "for images, but the dataset has points"),
        ([[1.0], [1.0, 2.0]], {"against": "ring"}, "cannot be read as one array"),
        (np.array([["a", "b"]] * 3), {"against": "ring"}, "expected numbers"),
        (np.zeros((5, 1, 8, 8)), {"against": "digits"}, r"float64 images with values from 0 to 0: give the range.*-1 1"),
        (np.ones((5, 1, 8, 8), int), {"against": "digits"}, r"int64 images with values from 1 to 1: give the range"),
        (np.ones((5, 1, 8, 8)) * 9, {"against": "digits", "value_range": (-1, 1)}, r"from 9 to 9 are outside the range \[-1, 1\]; clip"),
        (np.full((5, 1, 8, 8), 9, np.uint8), {"against": "digits", "value_range": (0, 1)}, r"outside the range \[0, 1\]"),
        (np.ones((5, 1, 8, 8), np.uint8), {"against": "digits"}, "no value above 1 of 255; .*--range 0 1"),
        ((number for number in range(5)), {"against": "ring"}, "expected numbers, not object"),
        (None, {"against": "ring"}, "expected numbers, not object"),
        (torch.zeros(5, 2).to_sparse(), {"against": "ring"}, "cannot be read as one array"),
        ({"samples": 1}, {"against": "ring"}, "expected numbers, not object"),
        (np.zeros((5, 3, 8, 8), np.uint8), {"against": "digits"}, r"n×1×8×8 or n×8×8×1 or n×8×8, as in .*not 5×3×8×8"),
        (np.zeros((5, 8, 8, 4), np.uint8), {"against": "stacked-digits"}, r"n×3×8×8 or n×8×8×3, as in .*not 5×8×8×4"),
        (np.zeros((5, 64), np.uint8), {"against": "digits"}, r"not 5×64"),
        (np.full((5, 1, 8, 8), np.inf), {"against": "digits", "value_range": (0, 1)}, "5 of 5 samples are not finite"),
    ],
)  # fmt: skip
def test_wrong_samples_are_one_line(samples: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        bench.measure(samples, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "give the dataset to measure against"),
        ({"against": "rign"}, "unknown dataset 'rign'; did you mean 'ring'"),
        ({"against": "ring", "metrics": ["frechte"]}, "unknown metric 'frechte'; did you mean 'frechet'"),
        ({"against": "ring", "metrics": ["spectrum"]}, "'spectrum' looks at the networks, not at samples"),
        ({"against": "ring", "suite": "quick", "metrics": ["frechet"]}, "suite 'quick' decides metrics"),
        ({"against": "ring", "suite": "quick", "count": 5}, "suite 'quick' decides samples"),
        ({"suite": "quick"}, r"several datasets \(ring, digits\): choose one"),
        ({"against": "grid", "suite": "quick"}, "no dataset 'grid'; .*ring"),
        ({"against": "ring", "metrics": []}, "metrics: list should have at least 1 item"),
        ({"against": "ring", "extractor": "randm"}, "unknown extractor 'randm'; did you mean 'random'"),
        ({"against": "ring", "extractor": "random"}, "'random' is for images, but there are only points"),
        ({"against": "ring", "count": True}, "expected a number of at least 2"),
        ({"against": "ring", "count": 1}, "expected a number of at least 2"),
        ({"against": "ring", "value_range": (5, 2)}, r"measure: range: expected \[lowest, highest\]"),
        ({"against": "ring", "value_range": "ab"}, r"measure: range: expected \[lowest, highest\]"),
        ({"against": "ring", "background": "pink"}, 'measure: background: expected "white", "black" or'),
        ({"against": "ring", "background": "white"}, "--background is for folders of images"),
        ({"against": "ring", "skip_broken": True}, "--skip-broken is for folders of images"),
        ({"against": "ring", "key": "a"}, "key names an array in a file"),
        ({"suite": "dirac"}, "'equilibrium' looks at the networks"),
    ],
)
def test_wrong_questions_are_one_line(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SuiteError, match=words) as caught:
        bench.measure(np.zeros((5, 2)) if "dirac" not in str(options) else np.zeros((2500, 1)), **options)
    assert "\n" not in str(caught.value)


class Anything:
    pass


def broken_files(folder: Path) -> dict[str, str]:
    """Names of files that cannot be read as samples, with words of the message."""
    np.save(folder / "objects.npy", np.array([{}], dtype=object))
    np.savez(folder / "two.npz", a=np.zeros((5, 2)), b=np.zeros((6, 2)))
    np.savez(folder / "none.npz", label=np.zeros(()))
    torch.save(Anything(), folder / "object.pt")
    torch.save(torch.zeros(100, 2), folder / "cut.pt")
    (folder / "cut.pt").write_bytes((folder / "cut.pt").read_bytes()[:-300])
    np.savez(folder / "cut.npz", a=np.zeros((5000, 2)))
    (folder / "cut.npz").write_bytes((folder / "cut.npz").read_bytes()[:3000])
    np.save(folder / "cut.npy", np.zeros((500, 2)))
    (folder / "cut.npy").write_bytes((folder / "cut.npy").read_bytes()[:300])
    torch.save(3, folder / "number.pt")
    torch.save(torch.zeros(5, 2).to_sparse(), folder / "sparse.pt")
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': ("  # numpy raises TokenError for it
    (folder / "header.npy").write_bytes(b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header)
    os.mkfifo(folder / "pipe.npy")
    for name in ("text.npy", "text.npz", "text.pt", "samples.txt"):
        (folder / name).write_text("hello")
    for name in ("empty.npy", "empty.npz", "empty.pt"):
        (folder / name).touch()
    (folder / "nothing").mkdir()
    return {
        "objects.npy": "holds pickled Python objects, which are not loaded",
        "two.npz": r"a 5×2, b 6×2; choose the samples with --key NAME",
        "none.npz": "it holds one number",
        "object.pt": "holds more than tensors",
        "cut.pt": "cannot be read",
        "cut.npz": "cannot read .*it ends early|cannot read",
        "cut.npy": "cannot read .*needs 8,000 bytes, but the file holds 172",
        "sparse.pt": "cannot be read",
        "header.npy": "cannot read",
        "pipe.npy": "expected a folder of images, or a .npz",
        "number.pt": "holds int, not an array or a tensor",
        "text.npy": "it is not in numpy's format",
        "text.npz": "it is not in numpy's format",
        "text.pt": "torch.save did not write it",
        "empty.npy": "it is not in numpy's format",
        "empty.npz": "it is not in numpy's format",
        "empty.pt": "torch.save did not write it",
        "samples.txt": "expected a folder of images, or a .npz, .npy or .pt file",
        "missing.npy": "no such file or folder",
        "nothing": "a folder holds images, but the dataset has points",
    }


def test_files_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    for name, words in broken_files(tmp_path).items():
        with pytest.raises(DataError, match=words) as caught:
            bench.measure(tmp_path / name, against="ring")
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
    with pytest.raises(DataError, match="no images"):
        bench.measure(tmp_path / "nothing", against="digits")
    (tmp_path / "nothing" / "a.png").write_text("hello")
    with pytest.raises(DataError, match=r"cannot read 1 image: a\.png \(no image that can be decoded\)"):
        bench.measure(tmp_path / "nothing", against="digits")
    assert bench.measure(tmp_path / "two.npz", against="ring", key="b").protocol["samples"] == 6
    with pytest.raises(DataError, match="--key c: no such array; available: a 5×2, b 6×2"):
        bench.measure(tmp_path / "two.npz", against="ring", key="c")


def test_batches_and_arrays_beside_python_objects_are_read(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.save(list(images.split(20)), tmp_path / "batches.pt")  # the last batch is smaller
    torch.save(list(images), tmp_path / "single.pt")
    np.savez(tmp_path / "objects.npz", samples=images.numpy(), names=np.array([{}], dtype=object))
    torch.save({"samples": images.to(torch.bfloat16) / 256, "names": ["a"]}, tmp_path / "half.pt")
    for name in ("batches.pt", "single.pt", "objects.npz"):
        assert np.array_equal(bench.measure(tmp_path / name, against="digits", metrics="frechet").kept, images[:25])
    assert bench.measure(tmp_path / "half.pt", against="digits", metrics="frechet", value_range=[0, 1]).values["fd"] > 0


def test_a_name_of_the_catalogue_is_the_dataset_even_beside_a_folder_of_that_name(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    (tmp_path / "ring").mkdir()
    np.save(tmp_path / "a.npy", np.zeros((9, 2)))
    assert invoke("a.npy", "--against", "ring", "--metrics", "modes").exit_code == 0


def test_too_few_samples_for_their_features_give_a_warning(tmp_path: Path, invoke: Callable[..., Result]) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 256, (64, 1, 8, 8), dtype=np.uint8))
    few = invoke("a.npy", "--against", "digits", "--metrics", "frechet")
    assert "Warning: FD is biased: 64 samples and 64 samples of real data for 64 features (digits)" in few.stdout
    assert "Warning" not in invoke("a.npy", "--against", "digits", "--metrics", "modes").stdout
    np.save(tmp_path / "b.npy", np.random.default_rng(0).normal(size=(3, 2)))
    assert "Warning" not in invoke("b.npy", "--against", RING, "--metrics", "frechet").stdout


def test_many_sets_of_samples_are_rows(tmp_path: Path, invoke: Callable[..., Result]) -> None:
    names = [f"at-{step}.npy" for step in range(5)]
    for name in names:
        np.save(tmp_path / name, np.random.default_rng(0).normal(size=(9, 2)))
    lines = invoke(*names, names[0], "--against", RING, "--metrics", "modes,frechet").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:9]] == ["samples", *names, names[0], "real"]
    assert lines[9].split() == ["better", "higher", "higher", "higher", "lower", "lower"]


def test_metrics_of_a_suite_that_need_labels_are_left_out_and_named(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    suite = Path("labels.toml")
    suite.write_text(
        'name = "labels"\nseeds = 1\n[matrix]\nloss = ["hinge"]\ndataset = ["ring"]\narchitecture = ["mlp"]\n'
        '[training]\nsteps = 9\nconditional = true\n[evaluation]\nsamples = 50\nmetrics = ["intra-class", "modes"]\n'
    )
    np.save("a.npy", np.random.default_rng(0).normal(size=(60, 2)))
    result = invoke("a.npy", "--suite", str(suite))
    assert result.exit_code == 0, result.output
    assert "overlap" in result.output
    assert "metric 'intra-class' of the suite is left out: it needs labels of generated samples" in result.output
    suite.write_text(suite.read_text().replace(', "modes"', ""))
    refused = invoke("a.npy", "--suite", str(suite))
    assert refused.exit_code == 2
    assert "metric 'intra-class' needs labels of generated samples" in refused.output


def test_large_values_are_written_as_in_reports(tmp_path: Path, invoke: Callable[..., Result]) -> None:
    np.save(tmp_path / "far.npy", np.random.default_rng(0).normal(50, 1, (500, 2)).astype(np.float32))
    output = invoke("far.npy", "--against", RING, "--metrics", "frechet").output
    assert re.search(r"FD +\d,\d\d0 ", output), output


def test_changed_bytes_of_a_file_are_read_or_refused(tmp_path: Path) -> None:
    points = torch.rand(40, 2)
    np.save(tmp_path / "a.npy", points.numpy())
    np.savez_compressed(tmp_path / "b.npz", a=points.numpy())
    torch.save({"a": points}, tmp_path / "c.pt")
    random = np.random.default_rng(0)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        for _ in range(120):
            changed = bytearray(content)
            for place in random.integers(0, random.choice([64, len(content)]), random.integers(1, 5)):
                changed[place] = random.integers(256)
            path.write_bytes(bytes(changed[: random.integers(1, 2 * len(content))]))
            messages = []
            try:
                sample_files.read_samples(path, (2,))
            except DataError as error:
                messages.append(str(error))
            assert not any("\n" in message for message in messages)


def test_the_command_shows_values_real_data_and_the_stamp(tmp_path: Path, invoke: Callable[..., Result]) -> None:
    points = np.random.default_rng(0).normal(size=(80, 2))
    np.save(tmp_path / "points.npy", points)
    result = invoke(
        "points.npy", "--against", RING, "--metrics", "modes,frechet", "--metrics", '{name="neighbours",k=3}'
    )
    assert result.exit_code == 0, result.stderr
    measured = bench.measure(points, against=RING_TABLE, metrics=["modes", "frechet", {"name": "neighbours", "k": 3}])
    lines = {line[:17].strip(): line.split() for line in result.stdout.splitlines()}
    assert lines["FD"] == ["FD", f"{measured.values['fd']:.3g}", f"{measured.real['fd']:.3g}", "lower"]
    assert lines["recall"][1:] == [f"{measured.values['recall']:.3f}", f"{measured.real['recall']:.3f}", "higher"]
    assert "80 samples; reference: 1,000 samples of the training split; real data: 80 samples" in result.stdout
    assert "features: coordinates" in result.stdout
    content = json.loads(invoke("points.npy", "--against", RING, "--format", "json", "--metrics", "modes").stdout)
    assert content[0]["values"]["modes"] == measured.values["modes"]
    assert content[0]["protocol"] == measured.protocol
    header, row, *_ = invoke("points.npy", "--against", RING, "--format", "csv").stdout.splitlines()
    assert dict(zip(header.split(","), row.split(","), strict=True))["extractor_sha256"] == "coordinates"


@pytest.mark.usefixtures("no_figures")
def test_checkpoints_become_one_record_that_reports_and_compares_with_trained_runs(
    tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    suite = write(tmp_path)
    runs = trained(suite, tmp_path / "results" / "twin")
    for run in runs:
        floats = samples_of(run).numpy()
        np.save(tmp_path / f"s{run.seed}-at-2.npy", floats)
        np.save(tmp_path / "noise.npy", np.random.default_rng(0).uniform(-1, 1, floats.shape))
        arguments = ["--suite", suite, "--range", -1, 1, "--record", "twin", "--results", "measured"]
        settings = ["--set", "loss=hinge", "--set", "architecture=mlp", "--set", f"seed={run.seed}"]
        files = ["noise.npy", f"s{run.seed}-at-2.npy"]
        result = invoke(*files, *arguments, *settings, "--step", 0, "--step", 2)
        assert result.exit_code == 0, result.stderr
        assert "recorded digits · mlp · hinge" in result.stderr
    measured, own = (bench.load(tmp_path / folder / "twin") for folder in ("measured", "results"))
    assert sorted(measured["fd_final"]) == pytest.approx(sorted(own["fd_final"]), rel=1e-9)
    assert sorted(measured["fd_real"]) == sorted(own["fd_real"])
    curve = bench.traces(tmp_path / "measured" / "twin").query("measure == 'fd'")
    assert sorted(curve["step"].unique()) == [0, 2]
    comparison = compare(str(tmp_path / "results" / "twin"), str(tmp_path / "measured" / "twin"))
    assert len(comparison.cells) >= 1
    path = record_paths(tmp_path / "measured")[0]
    metadata = read_metadata(path)
    assert (metadata.version, metadata.title, metadata.origin) == (
        3, "Twin", {"kind": "measure", "samples": ["noise.npy", "s0-at-2.npy"], "steps": None},
    )  # fmt: skip
    assert metadata.evaluation.every == 1
    assert read_samples(path).shape == (25, 1, 8, 8)
    assert CliRunner().invoke(main, ["report", str(tmp_path / "measured" / "twin")]).exit_code == 0
    arguments[-1] = "results"  # beside the trained runs
    assert invoke(files[1], *arguments, *settings, "--set", "loss=theirs", "--step", 2).exit_code == 0
    text = CliRunner().invoke(main, ["report", str(tmp_path / "results" / "twin")]).output
    assert {line.split()[0] for line in text.splitlines() if line.split()[:1] in (["hinge"], ["theirs"])} == {
        "hinge",
        "theirs",
    }
    arguments[-1] = "measured"
    again = invoke(*files, *arguments, *settings, "--step", 0, "--step", 2)
    assert (again.exit_code, "already recorded" in again.stderr) == (2, True)
    assert invoke(*files, *arguments, *settings, "--step", 0, "--step", 2, "--replace").exit_code == 0


def test_samples_that_were_resized_do_not_compare_with_others(tmp_path: Path, invoke: Callable[..., Result]) -> None:
    from bench.errors import ResultsError

    for size, folder in ((8, "one"), (9, "other")):
        np.save(
            tmp_path / f"{size}.npy", np.random.default_rng(0).integers(0, 256, (30, 1, size, size), dtype=np.uint8)
        )
        settings = ["--set", "loss=hinge", "--set", "architecture=mlp", "--set", "seed=0", "--step", 5]
        done = invoke(f"{size}.npy", "--against", "digits", "--resize", "--metrics", "frechet", "--record", "mine",
                      "--results", folder, *settings)  # fmt: skip
        assert done.exit_code == 0, done.stderr
    (path,) = record_paths(tmp_path / "one")
    assert read_metadata(path).evaluation.every is None  # not known
    with pytest.raises(ResultsError, match=r"samples_resized is None in the baseline and from 9×9, bicubic"):
        compare(str(tmp_path / "one" / "mine"), str(tmp_path / "other" / "mine"))


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (["a.npy"], ["--set", "loss=hinge"], "--set describes the record: it needs --record NAME"),
        (["a.npy"], ["--record", "mine"], "at which generator step was a.npy sampled"),
        (["a.npy"], ["--record", "mine", "--step", 1, "--step", 2], "--step is given 2 times, but there are 1 SAMPLES"),
        (["a1.npy", "b1.npy"], ["--record", "mine"], "step 1 has two SAMPLES"),
        (["a1.npy"], ["--record", "mine", "--set", "seed=0"], "architecture is missing: use --set architecture=VALUE"),
        (["a1.npy"], ["--record", "mine", "--set", "seed"], "--set seed: expected KEY=VALUE"),
        (["a1.npy"], ["--record", "../x", "--set", "seed=0", "--set", "loss=a", "--set", "architecture=b"], "suite:"),
        (["a1.npy"], ["--record", "m", "--set", "seed=x", "--set", "loss=a", "--set", "architecture=b"], "seed:"),
        (["a1.npy", "few.npy"], [], "few.npy has 4: say how many to use of each (--samples)"),
        (["a1.npy"], ["--metrics", "fid"], "unknown metric 'fid'"),
        (["a1.npy"], ["--metrics", "{name='modes'"], "--metrics {name='modes': not a valid table"),
        (["a1.npy"], ["--record", "m", "--set", "step=-1"], "--set step=-1: expected one integer ≥ 0"),
        (["a1.npy", "b1.npy"], ["--record", "m", "--set", "step=1"], "--set step=1: expected one integer"),
        (["a1.npy"], ["--suite", "quick"], "quick.toml: no dataset"),
    ],
)
def test_wrong_options_are_one_line_and_record_nothing(
    names: list[str], options: list[Any], words: str, tmp_path: Path, invoke: Callable[..., Result]
) -> None:
    for name, count in (("a.npy", 9), ("a1.npy", 9), ("b1.npy", 9), ("few.npy", 4)):
        np.save(tmp_path / name, np.random.default_rng(0).normal(size=(count, 2)))
    result = invoke(*names, "--against", RING, *options)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert not (tmp_path / "results").exists()


def test_points_too_large_for_single_precision_are_not_finite() -> None:
    with pytest.raises(DataError, match="9 of 9 samples are not finite"):
        bench.measure(np.full((9, 2), 1e200), against=RING_TABLE)
    points = np.random.default_rng(0).normal(size=(9, 2)) * 1e38
    assert bench.measure(points, against=RING_TABLE, metrics="frechet").values["fd"] == np.inf


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[1] / "docs" / "measure.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    exec(example, {})
    assert "'fd': " in capsys.readouterr().out
    options = {option for parameter in main.commands["measure"].params for option in parameter.opts}
    assert options >= set(re.findall(r"`(--[a-z-]+)", page))
    for name in inspect.signature(bench.measure).parameters:
        assert f"`{name}`" in page, name
