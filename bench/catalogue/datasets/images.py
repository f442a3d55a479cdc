"""Image datasets, read from their original files into uint8 arrays [n, channels, height, width]."""

from __future__ import annotations

import gzip
import pickle
import zlib
from contextlib import redirect_stdout
from importlib.metadata import distribution
from pathlib import Path
from sys import stderr
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bench.catalogue import Options
from bench.catalogue.datasets.data import Data, Labels, make_data
from bench.errors import DataError, MissingDataError
from bench.files import data_folder

Images = NDArray[np.uint8]
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
ANIMALS_AND_VEHICLES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_DOWNLOAD = "or run on a machine with internet to download it"


def digits(options: Options) -> Data:
    """Load scikit-learn's 1,797 handwritten digits (Alpaydin & Kaynak 1998); a third of each class is held out."""
    images, labels = digits_with_labels()
    is_test = digits_test_mask(labels)
    names = tuple(map(str, range(10)))
    classes = Labels(labels[~is_test], labels[is_test], names)
    return make_data(images[~is_test], images[is_test], labels=classes)


def digits_with_labels() -> tuple[Images, NDArray[np.int64]]:
    """Return images [1797, 1, 8, 8], whose grey levels 0 to 16 are scaled to 0 to 255, and labels [1797]."""
    packaged = Path(str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")))
    if packaged.is_file():  # importing scikit-learn takes a second
        table = np.loadtxt(packaged, delimiter=",", dtype=np.int64)
        levels, labels = table[:, :-1], table[:, -1]
    else:
        from sklearn.datasets import load_digits

        levels, labels = load_digits(return_X_y=True)
    return np.rint(levels * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8), labels.astype(np.int64)


def digits_test_mask(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return a mask [n] of every third image of each class."""
    mask = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        mask[np.flatnonzero(labels == label)[2::3]] = True
    return mask


def fashion_mnist(options: Options) -> Data:
    """Load Fashion-MNIST (Xiao et al. 2017), from Debian's package or from a download."""
    return _idx_data("fashion-mnist", fashion_mnist_folder(), CLOTHES)


def fashion_mnist_folder() -> Path:
    """Return the folder of Debian's package if it exists, else the folder that torchvision downloads to."""
    debian = DEBIAN_FASHION_MNIST
    return debian if debian.is_dir() else data_folder() / "FashionMNIST" / "raw"


def mnist(options: Options) -> Data:
    """Load MNIST (LeCun et al. 1998)."""
    return _idx_data("mnist", data_folder() / "MNIST" / "raw", tuple(map(str, range(10))))


def _idx_data(name: str, folder: Path, names: tuple[str, ...]) -> Data:
    train, test = (read_idx(folder / f"{part}-images-idx3-ubyte", name)[:, None] for part in ("train", "t10k"))
    try:
        first, second = (
            read_idx(folder / f"{part}-labels-idx1-ubyte", name).astype(np.int64) for part in ("train", "t10k")
        )
    except MissingDataError:  # labels are optional: only conditional training uses them
        return make_data(train, test)
    return make_data(train, test, labels=Labels(first, second, names))


def read_idx(path: Path, name: str) -> Images:
    """Read an idx file of unsigned bytes, plain or gzipped (with ``.gz`` added to its name).

    Args:
        path: Path of the plain file.
        name: Name of the dataset, for error messages.

    Raises:
        MissingDataError: neither file exists.
        DataError: the file is not in this format.
    """
    zipped = path.with_name(path.name + ".gz")
    if not path.is_file() and not zipped.is_file():
        hint = "apt-get install dataset-fashion-mnist, " if name == "fashion-mnist" else ""
        raise MissingDataError(
            f"dataset {name!r} not found: {path.name} is missing in {path.parent}; "
            f"{hint}copy its idx files there, {_DOWNLOAD}"
        )
    try:
        raw = path.read_bytes() if path.is_file() else gzip.decompress(zipped.read_bytes())
        if raw[:3] != b"\0\0\x08":
            raise ValueError("not an idx file of unsigned bytes")
        shape = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)
    except (ValueError, OSError, EOFError, IndexError, zlib.error) as error:
        raise DataError(f"dataset {name!r}: cannot read {path}: {error}") from None


class _ArraysOnly(pickle.Unpickler):
    """Unpickles plain containers and numpy arrays, and rejects everything that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in ("_reconstruct", "ndarray", "dtype"):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes for Python 2
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"unexpected {module}.{name} in a batch of CIFAR-10")


def cifar10(options: Options) -> Data:
    """Load CIFAR-10 (Krizhevsky 2009) from the batches of its Python version."""
    folder = data_folder() / "cifar-10-batches-py"
    images, classes = zip(*(_cifar_batch(folder / f"data_batch_{number}") for number in range(1, 6)), strict=True)
    test_images, test_classes = _cifar_batch(folder / "test_batch")
    labels = Labels(np.concatenate(classes), test_classes, ANIMALS_AND_VEHICLES)
    return make_data(np.concatenate(images), test_images, labels=labels)


def _cifar_batch(path: Path) -> tuple[Images, NDArray[np.int64]]:
    if not path.is_file():
        raise MissingDataError(
            f"dataset 'cifar10' not found: {path.name} is missing in {path.parent}; "
            f"unpack cifar-10-python.tar.gz in {path.parent.parent}, {_DOWNLOAD}"
        )
    try:
        with path.open("rb") as file:
            return _pickled_images(file)
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, AttributeError) as error:
        raise DataError(f"dataset 'cifar10': cannot read {path}: {error}") from None


def _pickled_images(file: IO[bytes]) -> tuple[Images, NDArray[np.int64]]:
    """Return images [n, 3, 32, 32] and labels [n]."""
    batch = _ArraysOnly(file, encoding="bytes").load()
    images = np.asarray(batch[b"data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
    return images, np.asarray(batch[b"labels"], dtype=np.int64)


def download_fashion_mnist() -> None:
    """Download Fashion-MNIST."""
    _download("FashionMNIST")


def download_mnist() -> None:
    """Download MNIST."""
    _download("MNIST")


def download_cifar10() -> None:
    """Download CIFAR-10."""
    _download("CIFAR10")


def _download(name: str) -> None:
    """Download and verify a dataset by torchvision.

    Raises:
        DataError: the download failed.
    """
    from torchvision import datasets

    try:
        with redirect_stdout(stderr):  # torchvision prints its progress to stdout
            getattr(datasets, name)(data_folder(), download=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"{name} could not be downloaded: {reason}") from None
