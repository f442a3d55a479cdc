"""The shipped extractors are what their manifests say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.datasets import images
from bench.errors import DataError
from bench.extractors import EXTRACTORS, WEIGHTS, extractor_hash, manifest, networks
from bench.extractors.__main__ import load, shifted

CPU = torch.device("cpu")
SHIPPED = {"digits": 0.97, "fashion-mnist": 0.91}


def test_there_are_extractors() -> None:
    assert {"coordinates", "digits", "fashion-mnist", "inception"} == EXTRACTORS.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_are_small_hashed_and_accurate_enough(name: str) -> None:
    path = WEIGHTS / f"{name}.npz"
    known = manifest(name)
    assert path.stat().st_size <= 1_000_000
    assert networks.file_hash(path) == known["sha256"] == extractor_hash(name)
    assert known["test_accuracy"] >= SHIPPED[name]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_accuracy_told_is_the_accuracy_measured(name: str) -> None:
    if name == "fashion-mnist" and not images.DEBIAN_FASHION_MNIST.is_dir():
        pytest.skip("apt-get install dataset-fashion-mnist")
    _, _, test_images, labels = load(name)
    extractor = networks.load_extractor(name, None, CPU)
    features, logits = networks.extract(extractor, test_images, batch=1000)
    assert logits is not None
    assert features.shape == (len(labels), networks.FEATURES)
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    assert accuracy == pytest.approx(manifest(name)["test_accuracy"], abs=2e-4)


def test_batches_do_not_change_features() -> None:
    extractor = networks.load_extractor("digits", None, CPU)
    sample = torch.randint(0, 256, (100, 1, 8, 8), dtype=torch.uint8)
    torch.testing.assert_close(
        networks.extract(extractor, sample, batch=7)[0], networks.extract(extractor, sample)[0], rtol=1e-5, atol=1e-5
    )


def test_other_weights_are_refused(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    for suffix in (".npz", ".json"):
        (tmp_path / f"digits{suffix}").write_bytes((WEIGHTS / f"digits{suffix}").read_bytes())
    np.savez(tmp_path / "digits.npz", other=np.zeros(3))
    monkeypatch.setattr(networks, "WEIGHTS", tmp_path)
    with pytest.raises(DataError, match="is not the file that was shipped"):
        networks.load_network("digits")


def test_shifts_keep_the_shape_and_fill_with_black() -> None:
    torch.manual_seed(0)
    picture = torch.ones(2, 1, 8, 8)
    for _ in range(10):
        moved = shifted(picture)
        assert moved.shape == picture.shape
        assert set(moved.unique().tolist()) <= {-1.0, 1.0}
