"""What ``--keep weights`` leaves behind: the generator of every run, its samples, and its export for other programs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import bench
from bench.command import main
from bench.compute.evaluated_samples import quantised
from bench.compute.kept_weights import read_weights
from bench.compute.training.players import generate
from bench.errors import ResultsError
from bench.records.record import read_metadata, read_samples

pytest.importorskip("safetensors")

POINTS = """
name = "points"
seeds = 2
keep = "weights"
[matrix]
loss = ["non-saturating", "hinge"]
dataset = [{ name = "ring", points = 200 }]
architecture = [{ name = "mlp", width = 16, depth = 1, normalisation = "spectral" }]
[training]
steps = 20
batch_size = 16
latent = 4
ema = 0.9
[evaluation]
every = 20
samples = 300
metrics = ["modes"]
"""

IMAGES = """
name = "images"
seeds = 1
[matrix]
loss = ["non-saturating"]
[training]
dataset = { name = "digits" }
architecture = { name = "dcgan", width = 4 }
steps = 2
batch_size = 8
latent = 4
[evaluation]
every = 2
samples = 20
extractor = "random"
metrics = ["frechet"]
"""


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of four runs that trained as one pack, with weights as the suite asks."""
    folder = tmp_path_factory.mktemp("points")
    (folder / "points.toml").write_text(POINTS)
    bench.run(str(folder / "points.toml"), results=folder, workers=0, pack=4, device="cpu", report="none")
    return folder / "points"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / "images.toml").write_text(IMAGES)
    arguments = {"workers": 0, "pack": "off", "device": "cpu", "report": "none"}
    bench.run(str(folder / "images.toml"), results=folder, keep="weights", **arguments)  # type: ignore[arg-type]
    return folder / "images"


def records(folder: Path) -> list[Path]:
    return sorted((folder / "records").iterdir())


def test_a_kept_generator_gives_the_samples_of_the_last_evaluation(points: Path, images: Path) -> None:
    for path in (*records(points), *records(images)):
        run, kept = read_metadata(path), read_samples(path)
        trained = bench.generator(path, device="cpu")
        latents = torch.randn(run.evaluation.samples, trained.latent, generator=evaluation_stream(run.seed))
        again = quantised(generate(trained.module, latents), kept[:0]).numpy()
        np.testing.assert_array_equal(again[: len(kept)], kept)
        assert (trained.run, trained.step) == (run.run, run.ending.step)


def evaluation_stream(seed: int) -> torch.Generator:
    from bench.compute.training.random_streams import stream

    return stream(seed, "evaluation")


def test_the_average_is_kept_too_and_differs(points: Path) -> None:
    path = records(points)[0]
    average, last = (bench.generator(path, average=each, device="cpu").sample(50) for each in (True, False))
    assert np.abs(average - last).max() > 1e-3


def test_a_run_without_an_average_says_so(images: Path) -> None:
    with pytest.raises(ResultsError, match=r"has no moving average, because the run was trained with ema = 0"):
        bench.generator(records(images)[0], average=True)


def test_samples_depend_on_the_seed_alone(points: Path, images: Path) -> None:
    for path, dtype, shape in ((records(points)[0], np.float32, (2,)), (records(images)[0], np.uint8, (1, 8, 8))):
        trained = bench.generator(path, device="cpu")
        samples = trained.sample(600, seed=3)
        assert (samples.dtype, samples.shape) == (dtype, (600, *shape))
        np.testing.assert_array_equal(bench.generator(path, device="cpu").sample(600, seed=3), samples)
        assert (trained.sample(600, seed=4) != samples).any()


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-1, 0), (2.0, 0), (True, 0), (1, -1), (1, "x")])
def test_counts_and_seeds_that_mean_nothing(points: Path, count: int, seed: int) -> None:
    with pytest.raises(ResultsError, match=r"(count|seed) .*: expected a whole number of at least [01]"):
        bench.generator(records(points)[0]).sample(count, seed)


def test_a_run_is_named_by_its_record_its_weights_or_its_identity(points: Path) -> None:
    record = records(points)[0]
    run = read_metadata(record).run
    weights = points / "weights" / f"{record.stem}.safetensors"
    found = [bench.generator(each, results=points.parent).run for each in (record, weights, run, run[:8])]
    assert found == [run] * 4


def test_runs_that_cannot_be_found(points: Path, images: Path, tmp_path: Path) -> None:
    record = records(points)[0]
    bare = tmp_path / "records" / record.name
    bare.parent.mkdir()
    bare.write_bytes(record.read_bytes())
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes((points / "weights" / f"{record.stem}.safetensors").read_bytes()[:-5])
    flipped = tmp_path / "flipped.safetensors"
    content = bytearray((points / "weights" / f"{record.stem}.safetensors").read_bytes())
    content[-3] ^= 1
    flipped.write_bytes(content)
    for given, message in [
        (flipped, "is damaged, or was not written by ganbench"),
        (bare, "has no weights; they are written only by ganbench run --keep weights"),
        (tmp_path / "no.parquet", "there is no record"),
        (tmp_path / "no.safetensors", "there is no file"),
        (damaged, "is damaged, or was not written by ganbench"),
        ("0" * 16, "has no record of a run whose identity begins with '0000000000000000'"),
        ("wgan", "expected a record .*, weights .*, or at least 4 characters of the identity"),
    ]:
        with pytest.raises(ResultsError, match=message):
            bench.generator(given, results=points.parent)


def test_exported_generators_give_the_same_samples_for_any_batch(points: Path, images: Path, tmp_path: Path) -> None:
    for record in (records(points)[0], records(images)[0]):
        trained = bench.generator(record, device="cpu")
        trained.export(tmp_path / "generator.pth")
        with pytest.warns(FutureWarning):
            loaded = torch.jit.load(tmp_path / "generator.pth")
        latents = torch.randn(7, trained.latent)
        samples = generate(trained.module, latents)
        if samples.ndim == 4:
            assert loaded(latents).shape == (7, 3, 8, 8)
            expected = ((samples + 1) * 127.5).round().clamp(0, 255).expand(-1, 3, -1, -1)
            assert (loaded(latents).float() - expected).abs().max() <= 1  # layers are not fused, so rounding differs
            assert loaded(latents).dtype == torch.uint8
        else:
            torch.testing.assert_close(loaded(latents), samples)


def test_torch_fidelity_reads_an_export(images: Path, tmp_path: Path) -> None:
    from torch_fidelity.utils import prepare_input_from_descriptor

    bench.generator(records(images)[0]).export(tmp_path / "generator.pth")
    about = {"input_model_z_size": 4, "input_model_z_type": "normal", "input_model_num_classes": 0}
    with pytest.warns(FutureWarning):
        model = prepare_input_from_descriptor({"input": str(tmp_path / "generator.pth"), **about})
    assert model(torch.randn(3, 4)).shape == (3, 3, 8, 8)


def test_the_command_writes_samples_that_can_be_measured(points: Path, images: Path, tmp_path: Path) -> None:
    def sample(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["sample", *arguments, "--device", "cpu"])
        return result.output if result.exit_code == 0 else f"{result.exit_code}: {result.output}"

    output, record = tmp_path / "samples.npz", str(records(points)[0])
    assert sample(record, "--count", "120", "--seed", "5", "--output", str(output)).startswith("wrote 120 samples of ")
    expected = bench.generator(record, device="cpu").sample(120, 5)
    with np.load(output) as arrays:
        np.testing.assert_array_equal(arrays["samples"], expected)
    assert sample(record, "--output", str(output)).endswith("samples.npz exists already; choose another --output\n")
    folder = tmp_path / "folder"
    assert "to a .npy file" in sample(record, "--output", str(folder))
    assert "wrote 12 samples" in sample(str(records(images)[0]), "--count", "12", "--output", str(folder))
    assert len(list(folder.glob("*.png"))) == 12
    exported = tmp_path / "generator.pth"
    assert sample(str(records(images)[0]), "--export", str(exported)).startswith("wrote ")
    assert "expected a name that ends in .pth" in sample(record, "--export", str(tmp_path / "generator.pt"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "generator.pth", "samples.npz"]


def test_recorded_runs_without_weights_are_told(
    write_suite: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(IMAGES)
    arguments = {"results": tmp_path, "workers": 0, "device": "cpu", "report": "none"}
    assert bench.run(suite, **arguments).notices == []  # type: ignore[arg-type]
    (notice,) = bench.run(suite, keep=["weights"], **arguments).notices  # type: ignore[arg-type]
    assert notice.startswith("1 run was recorded earlier without weights, which a run leaves only at its end")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ResultsError, match=r"keep weights needs the package safetensors: pip install 'ganbench\[weig"):
        bench.run(suite, keep="weights", settings={"steps": 4}, **arguments)  # type: ignore[arg-type]


def test_a_suite_that_keeps_something_unknown(write_suite: Callable[[str], str]) -> None:
    with pytest.raises(bench.GanbenchError, match=r"keep: unknown value 'weight'; did you mean 'weights'\?"):
        bench.run(write_suite(POINTS.replace('"weights"', '"weight"')))
    with pytest.raises(bench.GanbenchError, match=r"keep: unknown value 'states'; did you mean 'state'\?"):
        bench.run(write_suite(POINTS), keep="states")


def test_what_is_kept_does_not_change_the_identity_of_a_run(points: Path, write_suite: Callable[[str], str]) -> None:
    from bench.plan.runs import plan_runs
    from bench.plan.suite import load_suite

    runs = plan_runs(load_suite(write_suite(POINTS.replace('keep = "weights"', ""))))
    assert {run.id for run in runs} == {read_metadata(path).run for path in records(points)}
    assert {read_weights(path).description.run for path in (points / "weights").iterdir()} == {run.id for run in runs}


def test_weights_of_a_diverged_run_are_kept_and_say_so(write_suite: Callable[[str], str], tmp_path: Path) -> None:
    suite = write_suite(POINTS.replace("[training]", "[training]\noptimizer = { name = 'sgd', lr = 1e30 }"))
    bench.run(suite, results=tmp_path, workers=0, device="cpu", report="none", seeds=1)
    record = records(tmp_path / "points")[0]
    assert read_metadata(record).ending.status == "diverged"
    with pytest.raises(ResultsError, match="samples are not finite, because the run diverged at step"):
        bench.generator(record).sample(5)
