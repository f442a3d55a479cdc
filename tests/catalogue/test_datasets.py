"""Every dataset, on small files in the original formats."""

from __future__ import annotations

import gzip
import pickle
import struct
from importlib.metadata import PathDistribution
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits

from bench.catalogue import Options
from bench.catalogue.datasets import DATASETS, folder, images, stacked, synthetic
from bench.catalogue.datasets.data import Labels, fingerprint, make_data
from bench.compute.training.real_data import real_samples_on
from bench.errors import DataError
from bench.plan.specification import choose

CPU = torch.device("cpu")


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(images, "DEBIAN_FASHION_MNIST", tmp_path / "not here")
    return tmp_path / "data"


def write_idx(path: Path, array: np.ndarray, zipped: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    if zipped:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(raw))
    else:
        path.write_bytes(raw)


def test_there_are_datasets() -> None:
    assert {"ring", "grid", "digits", "fashion-mnist", "mnist", "cifar10", "image-folder"} <= DATASETS.keys()
    assert {"stacked-digits", "stacked-fashion", "stacked-mnist"} <= DATASETS.keys()


def test_ring_has_pacgans_scales() -> None:
    data = synthetic.ring(synthetic.RingOptions())
    assert data.modes is not None
    assert data.modes.centres.shape == (8, 2)
    assert np.linalg.norm(data.modes.centres, axis=1) == pytest.approx(1)
    assert data.modes.sigma == 0.01
    assert data.train.dtype == np.float32
    nearest = np.linalg.norm(data.train[:, None] - data.modes.centres, axis=2).argmin(1)
    assert np.bincount(nearest, minlength=8) / len(nearest) == pytest.approx(1 / 8, abs=0.005)
    assert (data.train - data.modes.centres[nearest]).std() == pytest.approx(0.01, rel=0.01)


def test_grid_has_pacgans_scales() -> None:
    data = synthetic.grid(synthetic.GridOptions())
    assert data.modes is not None
    assert sorted(set(data.modes.centres.ravel())) == [-4, -2, 0, 2, 4]
    assert (len(data.modes.centres), data.modes.sigma) == (25, 0.05)


def test_splits_are_disjoint_and_reproducible() -> None:
    one, again = (synthetic.ring(synthetic.RingOptions(points=100)) for _ in range(2))
    assert one.fingerprint == again.fingerprint
    assert one.fingerprint != synthetic.ring(synthetic.RingOptions(points=100, sigma=0.02)).fingerprint
    assert (len(one.train), len(one.test)) == (100, 20)
    assert not np.isin(one.test, one.train).any()


def test_a_fingerprint_depends_on_type_shape_and_every_byte() -> None:
    zeros = np.zeros((5000, 2), np.float32)
    changed = zeros.copy()
    changed[4999, 1] = 1
    others = [changed, zeros.reshape(2, 5000), zeros.astype(np.float64), zeros[:4999]]
    assert len({fingerprint(each) for each in [zeros, *others]}) == 5


def test_digits() -> None:
    data = images.digits(Options())
    assert data.train.shape[1:] == data.test.shape[1:] == (1, 8, 8)
    assert len(data.train) + len(data.test) == 1797
    assert data.train.dtype == np.uint8
    assert data.train.max() == 255
    assert data.labels is not None
    assert data.fingerprint == fingerprint(data.train, data.test)
    found, classes = images.digits_with_labels()
    for split, labels in ((data.train, data.labels.train), (data.test, data.labels.test)):
        for digit in range(10):
            same = {image.tobytes() for image in found[classes == digit]}
            assert {image.tobytes() for image in split[labels == digit]} <= same


def test_there_is_one_label_per_sample() -> None:
    points = np.zeros((4, 2), np.float32)
    labels = Labels(np.zeros(4, np.int64), np.zeros(3, np.int64), ("a",))
    with pytest.raises(DataError, match="it has 4 and 3 labels for 4 training and 4 test samples"):
        make_data(points, points, labels=labels)


@pytest.mark.parametrize("packaged", [True, False])
def test_digits_are_scikit_learns_with_and_without_its_packaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packaged: bool
) -> None:
    if not packaged:
        monkeypatch.setattr(images, "distribution", lambda name: PathDistribution(tmp_path / "not here"))
    levels, labels = load_digits(return_X_y=True)
    found, classes = images.digits_with_labels()
    assert np.array_equal(found.reshape(1797, 64), np.rint(levels / 16 * 255))
    assert np.array_equal(classes, labels)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_idx_files_are_read_plain_and_gzipped(data_folder: Path, name: str, folder: str, zipped: bool) -> None:
    train, test = (np.random.default_rng(n).integers(0, 256, (n, 28, 28)).astype(np.uint8) for n in (12, 4))
    write_idx(data_folder / folder / "raw" / "train-images-idx3-ubyte", train, zipped)
    write_idx(data_folder / folder / "raw" / "t10k-images-idx3-ubyte", test, zipped)
    data = DATASETS[name].load(Options())
    assert np.array_equal(data.train, train[:, None])
    assert np.array_equal(data.test, test[:, None])
    assert DATASETS[name].shape(Options()) == data.train.shape[1:]
    assert data.labels is None
    for part, count in (("train", 12), ("t10k", 4)):
        path = data_folder / folder / "raw" / f"{part}-labels-idx1-ubyte"
        write_idx(path, np.arange(count, dtype=np.uint8) % 10, zipped)
    labelled = DATASETS[name].load(Options())
    assert labelled.fingerprint == data.fingerprint
    assert labelled.labels is not None
    assert labelled.labels.train.tolist() == [*range(10), 0, 1]
    assert len(labelled.labels.names) == 10


def test_debians_fashion_mnist() -> None:
    if not images.DEBIAN_FASHION_MNIST.is_dir():
        pytest.skip("apt-get install dataset-fashion-mnist")
    data = images.fashion_mnist(Options())
    assert data.train.shape == (60_000, 1, 28, 28)
    assert data.test.shape == (10_000, 1, 28, 28)
    assert data.train.mean() == pytest.approx(72.94, abs=0.01)  # 0.2860 · 255, the widely published mean


@pytest.mark.parametrize("content", [b"", b"\0\0\x09\x01\0\0\0\0", b"\0\0\x08\x03\0\0\0\x05"])
def test_a_broken_idx_file_is_an_error(data_folder: Path, content: bytes) -> None:
    path = data_folder / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot read .*train-images-idx3-ubyte: "):
        images.mnist(Options())


def test_stacked_mnist_uses_and_downloads_the_files_of_mnist(data_folder: Path) -> None:
    folder = data_folder / "MNIST" / "raw"
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", np.full((4, 28, 28), 7, np.uint8))
    data = DATASETS["stacked-mnist"].load(stacked.StackedOptions(images=10))
    assert np.array_equal(data.train, np.full((10, 3, 28, 28), 7))
    assert DATASETS["stacked-mnist"].shape(stacked.StackedOptions()) == data.test.shape[1:]
    assert DATASETS["stacked-mnist"].download is DATASETS["mnist"].download
    assert DATASETS["stacked-fashion"].download is DATASETS["fashion-mnist"].download


def write_cifar(folder: Path) -> np.ndarray:
    folder.mkdir(parents=True)
    rows = np.random.default_rng(0).integers(0, 256, (6, 4, 3072)).astype(np.uint8)
    names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    for name, batch in zip(names, rows, strict=True):
        content = {b"data": batch, b"labels": [0, 1, 2, 9], b"batch_label": b"x", b"filenames": [b"a.png"] * 4}
        # the original files were written when numpy._core was numpy.core
        raw = pickle.dumps(content, protocol=2).replace(b"cnumpy._core.", b"cnumpy.core.")
        (folder / name).write_bytes(raw)
    return rows


def test_cifar10_batches(data_folder: Path) -> None:
    rows = write_cifar(data_folder / "cifar-10-batches-py")
    data = images.cifar10(Options())
    assert data.train.shape == (20, 3, 32, 32)
    assert np.array_equal(data.test, rows[5].reshape(4, 3, 32, 32))
    assert data.labels is not None
    assert data.labels.train.tolist() == [0, 1, 2, 9] * 5
    assert data.labels.names[9] == "truck"


def test_a_batch_that_would_run_code_is_rejected(data_folder: Path) -> None:
    write_cifar(data_folder / "cifar-10-batches-py")
    (data_folder / "cifar-10-batches-py" / "test_batch").write_bytes(pickle.dumps(Path("/")))
    with pytest.raises(DataError, match=r"unexpected pathlib\..* in a batch of CIFAR-10"):
        images.cifar10(Options())


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_a_missing_dataset_says_how_to_get_it(data_folder: Path, name: str) -> None:
    with pytest.raises(DataError, match=f"dataset '{name}' not found.*machine with internet"):
        DATASETS[name].load(Options())


def write_folder(place: Path, count: int = 20) -> None:
    (place / "sub").mkdir(parents=True)
    for index in range(count):
        picture = np.full((40, 60, 3), index * 10, np.uint8)
        target = place / ("sub" if index % 2 else ".") / f"{index:02}.{'png' if index % 3 else 'jpg'}"
        Image.fromarray(picture).save(target, quality=95)
    (place / "readme.txt").write_text("no image")


def test_image_folder(data_folder: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "pictures")
    choice = choose("dataset", {"name": "image-folder", "path": str(tmp_path / "pictures"), "size": 16})
    data = DATASETS["image-folder"].load(choice.options)
    assert data.train.shape == (18, 3, 16, 16)
    assert data.test.shape == (2, 3, 16, 16)
    assert isinstance(data.train, np.memmap)
    means = sorted(np.concatenate([data.train, data.test]).mean(axis=(1, 2, 3)))
    assert means == pytest.approx([index * 10 for index in range(20)], abs=2)
    cached = list((data_folder / "folders").iterdir())
    assert DATASETS["image-folder"].load(choice.options).fingerprint == data.fingerprint
    assert list((data_folder / "folders").iterdir()) == cached  # decoded once
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "pictures" / "new.png")
    assert DATASETS["image-folder"].load(choice.options).fingerprint != data.fingerprint


def test_grey_image_folder(data_folder: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "pictures")
    options = folder.ImageFolderOptions(path=str(tmp_path / "pictures"), size=8, channels=1)
    assert folder.image_folder(options).train.shape == (18, 1, 8, 8)
    assert folder.image_shape(options) == (1, 8, 8)


def test_folders_that_cannot_be_used(data_folder: Path, tmp_path: Path) -> None:
    def load(path: Path) -> None:
        folder.image_folder(folder.ImageFolderOptions(path=str(path), size=8))

    with pytest.raises(DataError, match=r"folder .*nowhere does not exist"):
        load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no images in .*empty"):
        load(tmp_path / "empty")
    write_folder(tmp_path / "few", count=3)
    with pytest.raises(DataError, match="at least 20"):
        load(tmp_path / "few")
    write_folder(tmp_path / "broken")
    (tmp_path / "broken" / "x.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"cannot read 1 image: x\.png \("):
        load(tmp_path / "broken")
    assert not list((data_folder / "folders").glob("*.partial"))


def test_batches_are_read_from_the_memory_mapped_folder(data_folder: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "pictures")
    data = folder.image_folder(folder.ImageFolderOptions(path=str(tmp_path / "pictures"), size=8))
    batch = real_samples_on(data.train, CPU)(torch.tensor([3, 0]))
    expected = torch.from_numpy(np.array(data.train[[3, 0]])).float() / 127.5 - 1
    assert torch.equal(batch, expected)


def test_training_scales_images_to_minus_one_to_one_and_keeps_points() -> None:
    digits = images.digits(Options())
    batch = real_samples_on(digits.train, CPU)(torch.arange(10))
    assert (batch.min().item(), batch.max().item(), batch.dtype) == (-1, 1, torch.float32)
    ring = synthetic.ring(synthetic.RingOptions(points=10))
    assert torch.equal(real_samples_on(ring.train, CPU)(torch.tensor([4])), torch.from_numpy(ring.train[4:5]))
