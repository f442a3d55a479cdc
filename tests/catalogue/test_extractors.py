"""The shipped extractors match their manifests, and stacked images are classified channel by channel."""

from __future__ import annotations

import struct
import subprocess
import sys
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.catalogue import extractors
from bench.catalogue.datasets import DATASETS, images, stacked
from bench.catalogue.extractors import EXTRACTORS, WEIGHTS, extractor_hash, manifest, networks
from bench.catalogue.extractors import __main__ as training
from bench.catalogue.extractors.__main__ import augment, load
from bench.catalogue.extractors.torch_fidelity_names import REGISTERED
from bench.catalogue.metrics.modes import class_modes
from bench.errors import DataError

CPU = torch.device("cpu")
SHIPPED = {"digits": 0.97, "fashion-mnist": 0.91}
STACKED = {"stacked-digits": "digits", "stacked-fashion": "fashion-mnist", "stacked-mnist": "mnist"}


def test_there_are_extractors() -> None:
    assert {
        "coordinates",
        "digits",
        "fashion-mnist",
        "mnist",
        "inception",
        "random",
        "trained",
        "spectrum",
        "letters",
        *STACKED,
        *REGISTERED,
    } == EXTRACTORS.keys()
    assert {dataset.extractor for dataset in DATASETS.values()} <= EXTRACTORS.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_are_small_and_match_their_hash(name: str) -> None:
    path = WEIGHTS / f"{name}.npz"
    known = manifest(name)
    assert path.stat().st_size <= 1_000_000
    assert networks.file_hash(path) == known["sha256"] == extractor_hash(name)
    assert known["test_accuracy"] >= SHIPPED[name]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_accuracy_in_the_manifest_is_reproduced(name: str) -> None:
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


@pytest.mark.parametrize("name", SHIPPED)
def test_the_network_for_inference_is_equivalent(name: str) -> None:
    """The outputs agree with the trained network up to rounding, without its normalisation layers."""
    size = networks.IMAGE_SIZES[name]
    sample = torch.randint(0, 256, (50, 1, size, size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    plain = networks.load_network(name).eval()
    fused = networks.for_inference(networks.load_network(name))
    assert len(fused) == len(plain) - 4
    with torch.no_grad():
        expected = networks.classify(plain, networks.scaled(sample))
        measured = networks.classify(fused, networks.scaled(sample))
    for one, other in zip(measured, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * other.abs().max().item())


def test_weights_with_another_hash_are_rejected(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    for suffix in (".npz", ".json"):
        (tmp_path / f"digits{suffix}").write_bytes((WEIGHTS / f"digits{suffix}").read_bytes())
    np.savez(tmp_path / "digits.npz", other=np.zeros(3))
    for module in (extractors, networks):
        monkeypatch.setattr(module, "WEIGHTS", tmp_path)
    with pytest.raises(DataError, match=r"does not match the hash in digits\.json; reinstall ganbench"):
        networks.load_network("digits")


def test_shifting_keeps_the_shape_and_fills_with_black() -> None:
    torch.manual_seed(0)
    picture = torch.ones(2, 1, 8, 8)
    for _ in range(10):
        moved = augment(picture)
        assert moved.shape == picture.shape
        assert set(moved.unique().tolist()) <= {-1.0, 1.0}


def test_only_clothes_are_mirrored() -> None:
    torch.manual_seed(0)
    picture = torch.arange(1.0, 785.0).reshape(1, 1, 28, 28)
    rising = [bool((augment(picture, mirrored)[0, 0, 5:20, 5:20].diff() > 0).all()) for mirrored in [False, True] * 20]
    assert all(rising[::2])
    assert set(rising[1::2]) == {False, True}


@pytest.mark.parametrize(("name", "base"), [("stacked-digits", "digits"), ("stacked-fashion", "fashion-mnist")])
def test_stacked_images_are_classified_channel_by_channel(name: str, base: str) -> None:
    """Features are concatenated, P(100a + 10b + c) = P(a) P(b) P(c), and the class consists of the three digits."""
    size = networks.IMAGE_SIZES[base]
    sample = torch.randint(0, 256, (40, 3, size, size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    features, logits = networks.extract(networks.load_extractor(name, None, CPU), sample)
    assert logits is not None
    assert (features.shape, logits.shape) == ((40, 3 * networks.FEATURES), (40, 1000))
    single = networks.load_extractor(base, None, CPU)
    each = [networks.extract(single, sample[:, channel : channel + 1]) for channel in range(3)]
    torch.testing.assert_close(features, torch.cat([one for one, _ in each], dim=1), rtol=1e-4, atol=1e-4)
    chances = [ten.double().softmax(dim=1) for _, ten in each if ten is not None]
    joint = logits.double().softmax(dim=1)
    for a, b, c in [(0, 0, 0), (0, 0, 9), (0, 7, 0), (3, 0, 0), (9, 8, 7)]:
        expected = chances[0][:, a] * chances[1][:, b] * chances[2][:, c]
        torch.testing.assert_close(joint[:, 100 * a + 10 * b + c], expected, rtol=1e-3, atol=1e-9)
    labels = [int(f"{a}{b}{c}") for a, b, c in zip(*(chance.argmax(dim=1).tolist() for chance in chances), strict=True)]
    assert logits.argmax(dim=1).tolist() == labels


def test_real_stacked_digits_cover_all_classes_at_the_sampling_floor_of_the_kl() -> None:
    """KL = 3 KL(p ‖ uniform) + (1000 − 1)/(2n), with frequencies p of the ten classes, in n samples."""
    data = stacked.stacked_digits(stacked.StackedOptions())
    count = len(data.test)
    _, logits = networks.extract(networks.load_extractor("stacked-digits", None, CPU), torch.from_numpy(data.test))
    assert logits is not None
    measured = class_modes(logits)
    assert measured["modes"] >= 998  # each class has about 10 samples, and none with probability e^(−10)
    _, singles = networks.extract(
        networks.load_extractor("digits", None, CPU), torch.from_numpy(images.digits(stacked.Options()).test)
    )
    assert singles is not None
    shares = singles.argmax(dim=1).bincount(minlength=10).double() / len(singles)
    imbalance = 3 * sum(p * log(10 * p) for p in shares.tolist())
    assert measured["kl"] == pytest.approx(
        imbalance + 999 / (2 * count), abs=0.01
    )  # its standard deviation is √(999/2)/n
    assert measured["modes_confident"] > 950
    assert measured["confident"] == pytest.approx(0.95, abs=0.05)


def test_the_hash_of_a_stacked_extractor_contains_that_of_its_weights() -> None:
    assert extractor_hash("stacked-digits") == f"stacked:{manifest('digits')['sha256']}"
    assert extractor_hash("stacked-fashion") == f"stacked:{extractor_hash('fashion-mnist')}"


class Images(torch.utils.data.Dataset):  # type: ignore[type-arg]
    def __init__(self, array: np.ndarray):
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self.array[index].copy())


def test_torch_fidelity_knows_the_stacked_extractors() -> None:
    import torch_fidelity

    from bench.catalogue.metrics.frechet import frechet_distance

    data = stacked.stacked_digits(stacked.StackedOptions(images=2000))
    theirs = torch_fidelity.calculate_metrics(
        input1=Images(data.test),
        input2=Images(data.train),
        fid=True,
        feature_extractor="ganbench-stacked-digits",
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
        batch_size=256,
    )
    extractor = networks.load_extractor("stacked-digits", None, CPU)
    features = [networks.extract(extractor, torch.from_numpy(part))[0] for part in (data.test, data.train)]
    assert frechet_distance(*features) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)


def write_small_mnist(folder: Path) -> None:
    """Write scikit-learn's digits, enlarged three times and padded by two pixels, in MNIST's format."""
    pictures, labels = images.digits_with_labels()
    large = np.pad(np.kron(pictures[:, 0], np.ones((3, 3), np.uint8)), ((0, 0), (2, 2), (2, 2)))
    folder.mkdir(parents=True)
    for part, rows in (("train", slice(0, 1536)), ("t10k", slice(1536, None))):
        for kind, array in (("images-idx3", large[rows]), ("labels-idx1", labels[rows].astype(np.uint8))):
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            (folder / f"{part}-{kind}-ubyte").write_bytes(header + array.tobytes())


def test_mnists_classifier_is_trained_on_the_users_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    for name in ("mnist", "stacked-mnist"):
        with pytest.raises(DataError, match=r"'mnist' not found.*python -m bench\.catalogue\.extractors mnist"):
            extractor_hash(name)
        with pytest.raises(DataError, match=r"python -m bench\.catalogue\.extractors mnist"):
            networks.load_extractor(name, None, CPU)
    write_small_mnist(tmp_path / "MNIST" / "raw")
    monkeypatch.setitem(training.EPOCHS, "mnist", 2)
    with torch.random.fork_rng():
        training.main("mnist")
    assert {path.name for path in (tmp_path / "extractors").iterdir()} == {"mnist.npz", "mnist.json"}
    assert not (WEIGHTS / "mnist.npz").exists()
    known = manifest("mnist")
    assert (known["epochs"], known["command"]) == (2, "python -m bench.catalogue.extractors mnist")
    assert known["test_accuracy"] > 0.5  # chance is 0.1; after 24 steps
    assert extractor_hash("stacked-mnist") == f"stacked:{known['sha256']}"
    data = stacked.stacked_mnist(stacked.StackedOptions(images=50))
    features, logits = networks.extract(
        networks.load_extractor("stacked-mnist", None, CPU), torch.from_numpy(data.train)
    )
    assert logits is not None
    assert (features.shape, logits.shape) == ((50, 192), (50, 1000))
    (tmp_path / "extractors" / "mnist.npz").write_bytes(b"other")
    with pytest.raises(
        DataError,
        match=r"does not match the hash in mnist\.json; train it again with 'python -m bench\.catalogue\.extractors mnist'",
    ):
        networks.load_network("mnist")


def test_the_command_reports_errors_and_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "bench.catalogue.extractors", "inception"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m bench.catalogue.extractors {digits,fashion-mnist,mnist}\n")
    assert done.stderr.endswith("there is no folder inception; available: digits, fashion-mnist, mnist\n")

    def refuse() -> None:
        raise DataError("MNIST could not be downloaded: no internet")

    monkeypatch.setattr(training, "download_mnist", refuse)
    with pytest.raises(DataError, match="could not be downloaded"):
        training.main("mnist")
    assert not list(tmp_path.iterdir())
