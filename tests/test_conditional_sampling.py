"""A conditional run from its suite to samples of one class: records, kept weights, ``--label`` and export."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import bench
from bench.command import main
from bench.errors import ResultsError
from bench.plan.rebuilding import rebuild
from bench.records.listing import record_paths
from bench.records.record import read_metadata

pytest.importorskip("safetensors")

SUITE = """
name = "conditional"
seeds = 1
[matrix]
conditional = [true, false]
loss = ["non-saturating"]
dataset = [{ name = "ring", points = 300, modes = 3, weights = [8, 1, 1] }]
architecture = [{ name = "mlp", width = 16, depth = 1 }]
[training]
steps = 40
batch_size = 32
latent = 3
ema = 0.9
[evaluation]
every = 20
samples = 200
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conditional")
    path = folder / "suite.toml"
    path.write_text(SUITE)
    bench.run(str(path), results=folder, workers=0, pack=2, device="cpu", keep="weights", report="none")
    return folder / "conditional"


@pytest.fixture(scope="module")
def records(results: Path) -> dict[bool, Path]:
    return {read_metadata(path).axes["conditional"] is True: path for path in record_paths(results)}


def test_records_have_measures_within_classes_and_can_be_rebuilt(results: Path, records: dict[bool, Path]) -> None:
    runs = bench.load(results).set_index("conditional")
    assert runs.loc[True, ["intra_fd_final", "intra_fd_ema_final", "class_accuracy_final"]].notna().all()
    assert runs.loc[True, "class_accuracy_real"] == 1
    assert runs.loc[True, "intra_fd_real"] < runs.loc[True, "intra_fd_final"]
    assert runs.loc[False, ["intra_fd_final", "class_accuracy_final"]].isna().all()
    for path in records.values():
        metadata = read_metadata(path).model_dump(mode="json", exclude_unset=True)
        assert rebuild(metadata, metadata["seed"]).id == metadata["run"]


def test_samples_of_one_class_have_its_label_and_all_samples_the_frequencies_of_the_data(
    records: dict[bool, Path],
) -> None:
    generator = bench.generator(records[True])
    assert generator.classes == ("0", "1", "2")
    latents = torch.randn(5, 3)
    samples = generator.sample(4, seed=1, label="2")
    assert np.array_equal(samples, generator.sample(4, seed=1, label=2))
    assert not np.array_equal(samples, generator.sample(4, seed=1, label="0"))
    counts = np.array(generator._kept.description.class_counts)
    assert counts.sum() == 300
    assert counts[0] / 300 == pytest.approx(0.8, abs=0.1)
    given = list[torch.Tensor]()
    handle = generator.module.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    generator.sample(4000)
    handle.remove()
    shares = torch.cat(given)[:, 3:].mean(dim=0)
    assert shares.numpy() == pytest.approx(counts / 300, abs=0.03)
    one = generator.module(torch.cat([latents, torch.eye(3)[[1] * 5]], dim=1))
    assert one.shape == (5, 2)


def test_an_exported_generator_has_one_class(records: dict[bool, Path], tmp_path: Path) -> None:
    generator = bench.generator(records[True])
    with pytest.raises(ResultsError, match="an exported generator has one class; choose it with --label"):
        generator.export(tmp_path / "all.pth")
    assert not list(tmp_path.iterdir())
    generator.export(tmp_path / "one.pth", label="1")
    latents = torch.randn(5, 3)
    expected = generator.module(torch.cat([latents, torch.eye(3)[[1] * 5]], dim=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, but torch-fidelity reads nothing newer
        exported = torch.jit.load(str(tmp_path / "one.pth"))
    torch.testing.assert_close(exported(latents), expected)


def test_labels_that_do_not_exist_are_refused_in_one_line(records: dict[bool, Path], tmp_path: Path) -> None:
    def sample(record: Path, label: str) -> tuple[int, str]:
        arguments = ["sample", str(record), "--label", label, "--count", "3", "--output", str(tmp_path / "s.npy")]
        result = CliRunner().invoke(main, arguments)
        return result.exit_code, " ".join(result.stderr.split())

    for label in ("7", "-1", "one"):
        code, message = sample(records[True], label)
        assert (code, "no class" in message, "among its 3" in message) == (2, True, True)
    code, message = sample(records[False], "1")
    assert code == 2
    assert "the generator takes no labels, because it was not trained with conditional" in message
    assert not list(tmp_path.iterdir())
    assert sample(records[True], "1") == (0, "")
    assert np.load(tmp_path / "s.npy").shape == (3, 2)
