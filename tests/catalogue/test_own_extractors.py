"""Extractors that need no download: the fixed random network, and a classifier of the user's own images."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.catalogue.datasets.pixels import PixelOptions
from bench.catalogue.extractors import ExtractorChoice, __main__, extractor_hash, own_training
from bench.catalogue.extractors.networks import extract
from bench.catalogue.extractors.own_networks import RandomNetwork, build_own_network, load_chosen, reduced
from bench.catalogue.extractors.random_weights import SEED, SHAPES, random_weights, random_weights_hash
from bench.catalogue.extractors.sample_kinds import limitation
from bench.catalogue.extractors.trained_weights import read_trained, write_trained
from bench.compute.evaluation import build_evaluator
from bench.compute.training.real_data import cached_dataset
from bench.errors import DataError, SuiteError
from bench.plan.specification import Evaluation, choose

CPU = torch.device("cpu")
CRC = 0x1EB8CCFC  # of the random weights on x86-64 with numpy 2; every machine must give the same
STACKED = choose("dataset", {"name": "stacked-digits", "images": 600})


def test_the_random_weights_are_what_integers_alone_give() -> None:
    """A naive twin with Python's integers and floats: the upper 24 bits of PCG64, scaled to ±√(6 / fan-in)."""
    first = np.random.PCG64(SEED).random_raw(3)
    expected = [(int(bits) >> 40) / 2**23 - 1 for bits in first]
    bound = (6 / 27) ** 0.5
    weights = random_weights()
    assert weights[0].ravel()[:3].tolist() == [np.float32(value * bound) for value in expected]
    assert tuple(array.shape for array in weights) == SHAPES
    for array in weights:  # the variance of He et al. 2015
        assert array.var() == pytest.approx(2 / np.prod(array.shape[1:]), rel=0.1)


def test_the_random_weights_are_the_same_everywhere() -> None:
    assert zlib.crc32(b"".join(array.astype("<f4").tobytes() for array in random_weights())) == CRC
    assert extractor_hash("random") == random_weights_hash()


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 100, 100)])
def test_random_features_of_any_images(shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 256, (5, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    network = load_chosen(ExtractorChoice(name="random"), None, CPU)
    features, logits = extract(network, images)
    assert (features.shape, logits) == ((5, 64), None)
    torch.testing.assert_close(extract(network, images, batch=2)[0], features, rtol=1e-4, atol=1e-5)
    if shape[0] == 1:  # grey images are repeated
        torch.testing.assert_close(extract(network, images.expand(-1, 3, -1, -1))[0], features)


def test_large_images_are_averaged() -> None:
    images = torch.rand(2, 3, 128, 128)
    blocks = images.unflatten(2, (64, 2)).unflatten(4, (64, 2)).mean(dim=(3, 5))
    torch.testing.assert_close(reduced(images), blocks)
    assert reduced(images[..., :64, :64]).shape == (2, 3, 64, 64)


def test_random_features_tell_real_data_from_noise_and_from_few_modes() -> None:
    asked = Evaluation.model_validate({"metrics": ["frechet"], "samples": 120, "extractor": "random"})
    evaluator = build_evaluator(STACKED, asked, extractor_hash("random"), None, CPU)
    test = torch.from_numpy(cached_dataset(STACKED).test)
    noise = torch.randint(0, 256, test.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    real, few, random = (evaluator.measure(samples)["fd"] for samples in (test, test[:6].repeat(20, 1, 1, 1), noise))
    assert real == evaluator.real["fd"]
    assert 5 * real < min(few, random)
    assert evaluator.protocol["extractor"] == "random"
    assert evaluator.protocol["extractor_sha256"] == random_weights_hash()
    assert evaluator.protocol["resize"] == "none"


def write_classes(folder: Path, counts: dict[str, int], size: int = 8) -> Path:
    """Write a folder of classes that differ in colour, with some noise."""
    random = np.random.default_rng(0)
    for level, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = 100 * level + random.integers(0, 40, (size, size, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A classifier of two classes, trained by the command."""
    monkeypatch.setattr(own_training, "EPOCHS", (10, 10))
    folder = write_classes(tmp_path / "photos", {"dark": 40, "light": 30, ".hidden": 1})
    with torch.random.fork_rng():
        __main__.run([str(folder), "--output", str(tmp_path / "photos.npz"), "--size", "8"])
    text = capsys.readouterr().out
    assert "2 classes. Accuracy on 7 held-out images: 100.0% (always the largest class: 57.1%)" in text
    assert f'extractor = {{ name = "trained", weights = "{(tmp_path / "photos.npz").as_posix()}" }}' in text
    return tmp_path / "photos.npz"


def test_a_classifier_learns_the_subfolders(trained: Path) -> None:
    stored = read_trained(trained)
    assert (stored.classes, stored.shape, stored.accuracy) == (("dark", "light"), (3, 8, 8), 1.0)
    network = load_chosen(ExtractorChoice(name="trained", weights=str(trained)), None, CPU)
    dark, light = (torch.full((3, 3, 8, 8), value, dtype=torch.uint8) for value in (20, 120))
    features, logits = extract(network, torch.cat([dark, light]))
    assert logits is not None
    assert features.shape == (6, 64)
    assert logits.argmax(1).tolist() == [0, 0, 0, 1, 1, 1]
    assert extractor_hash("trained", weights=str(trained)) == stored.sha256


def test_of_two_splits_the_training_split_is_learned(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"a": 20, "b": 10})
    write_classes(tmp_path / "test", {"a": 3, "c": 1})
    data = own_training.read_classes(tmp_path, PixelOptions(size=8))
    assert data.classes == ("a", "b")
    assert data.labels.bincount().tolist() == [20, 10]
    assert data.labels[data.test].tolist().count(0) == 2
    assert len(data.images) == 30


def test_classes_are_those_of_a_dataset(tmp_path: Path) -> None:
    write_classes(tmp_path / "photos", {"dark": 12, "light": 12, ".ipynb_checkpoints": 12, "dark/deep": 2})
    (tmp_path / "photos" / "notes").mkdir()
    (tmp_path / "photos" / "notes" / "a.txt").write_text("no image")
    data = own_training.read_classes(tmp_path / "photos", PixelOptions(size=8))
    assert data.classes == ("dark", "light")
    assert data.labels.bincount().tolist() == [14, 12]
    for image, label in zip(data.images, data.labels, strict=True):
        assert label == 1 or image.max() < 100 or image.min() >= 200  # dark, or the class below it
    Image.new("RGBA", (8, 8)).save(tmp_path / "photos" / "light" / "clear.png")
    with pytest.raises(DataError, match=r"light/clear\.png \(transparent pixels\): set background"):
        own_training.read_classes(tmp_path / "photos", PixelOptions(size=8))
    background = PixelOptions(size=8, background="white")
    assert len(own_training.read_classes(tmp_path / "photos", background).images) == 27


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"one": 12}, "has no classes; a classifier needs one subfolder"),
        ({"one": 12, "two": 3}, "class 'two' has 3 images; at least 10 of each class"),
    ],
)
def test_too_few_classes_or_images_are_an_error(tmp_path: Path, counts: dict[str, int], words: str) -> None:
    with pytest.raises(DataError, match=words):
        own_training.read_classes(write_classes(tmp_path / "photos", counts), PixelOptions(size=8))


def test_a_wrong_file_of_weights_is_an_error(tmp_path: Path, trained: Path) -> None:
    with pytest.raises(DataError, match=r"missing\.npz cannot be read: No such file"):
        read_trained(tmp_path / "missing.npz")
    for content in (b"", b"text", trained.read_bytes()[:-40], trained.read_bytes()[:300]):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"bad\.npz is not a file of weights; write one with python -m"):
            read_trained(tmp_path / "bad.npz")
    np.savez(tmp_path / "bad.npz", other=np.zeros(3))
    with pytest.raises(DataError, match="is not a file of weights"):
        read_trained(tmp_path / "bad.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(DataError, match="is not a file of weights"):
        read_trained(tmp_path / "array.npy")
    other = {name: value.numpy() for name, value in build_own_network((3, 8, 8), 5).state_dict().items()}
    write_trained(tmp_path / "five.npz", other, ("a", "b"), (3, 8, 8), 1.0)
    with pytest.raises(DataError, match=r"five\.npz are not those of its network"):
        load_chosen(ExtractorChoice(name="trained", weights=str(tmp_path / "five.npz")), None, CPU)


def test_a_suite_names_an_extractor_by_name_or_table() -> None:
    def named(extractor: object) -> Evaluation:
        return Evaluation.model_validate({"metrics": ["frechet"], "extractor": extractor})

    assert named("random").extractor == ExtractorChoice(name="random")
    assert named({"name": "trained", "weights": "a.npz"}).extractor == ExtractorChoice(name="trained", weights="a.npz")
    for given, words in [
        ("randm", "unknown extractor 'randm'; did you mean 'random'"),
        ({"name": "trained"}, "needs a file of weights: .*python -m bench.catalogue.extractors FOLDER"),
        ({"name": "random", "weights": "a.npz"}, "'random' takes no file of weights"),
        ({"name": "trained", "weigths": "a.npz"}, "unknown key 'weigths'; did you mean 'weights'"),
        (3, "expected a name, or a table with a name, not 3"),
        ({"weights": "a"}, "expected a name, or a table with a name"),
    ]:
        with pytest.raises(SuiteError, match=words):
            named(given)


def test_an_extractor_says_what_it_is_for(trained: Path) -> None:
    own = ExtractorChoice(name="trained", weights=str(trained))
    assert limitation(own, (3, 8, 8)) == ""
    assert limitation(own, (3, 16, 16)) == "images of shape (3, 8, 8)"
    assert limitation(ExtractorChoice(name="digits"), (1, 28, 28)) == "images of shape (1, 8, 8)"
    assert limitation(ExtractorChoice(name="coordinates"), (3, 8, 8)) == "points"
    assert limitation(ExtractorChoice(name="random"), (2,)) == "images"
    assert limitation(ExtractorChoice(name="inception"), (1, 28, 28)) == ""
    assert RandomNetwork.name == "random"
