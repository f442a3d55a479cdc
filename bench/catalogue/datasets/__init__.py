"""The datasets. They are numpy arrays: nothing here imports torch, and training moves them to the device.

To add one, write a function ``options → Data`` (as in ``synthetic.py`` or ``images.py``) and add an entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from bench.catalogue import Options
from bench.catalogue.datasets import (
    arrays,
    folder,
    huggingface,
    images,
    stacked,
    strings,
    synthetic,
    tones,
    translations,
)
from bench.catalogue.datasets.array_samples import ArrayOptions
from bench.catalogue.datasets.data import Data
from bench.catalogue.datasets.flips import ImageOptions

__all__ = ["DATASETS", "Data", "Dataset"]


class Dataset(NamedTuple):
    """A dataset.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set.
        shape: options → the shape of one sample, without loading the data.
        load: options → training and test split, the same at every call and all finite. It raises
            ``MissingDataError`` if files are missing.
        extractor: Name of the feature extractor for metrics, from ``bench.catalogue.extractors.EXTRACTORS``:
            "coordinates" for points, "inception" for images without an extractor of their own, "spectrum" for
            sounds, "letters" for strings.
        download: Downloads the missing files; None if they cannot be downloaded.
        translates: Whether each sample is the known answer to a source, which ``load`` returns too (``Data.sources``).
    """

    summary: str
    options: type[Options]
    shape: Callable[[Any], tuple[int, ...]]
    load: Callable[[Any], Data]
    extractor: str
    download: Callable[[], None] | None = None
    translates: bool = False


def _fixed(*shape: int) -> Callable[[Options], tuple[int, ...]]:
    return lambda options: shape


DATASETS = {
    "point": Dataset(
        "one point on a line, for the Dirac-GAN (Mescheder et al. 2018)",
        Options,
        _fixed(1),
        synthetic.point,
        "coordinates",
    ),
    "ring": Dataset(
        "Gaussians on a circle: 8 modes, radius 1, σ = 0.01 (PacGAN)",
        synthetic.RingOptions,
        _fixed(2),
        synthetic.ring,
        "coordinates",
    ),
    "grid": Dataset(
        "Gaussians on a square grid: 25 modes from −4 to 4, σ = 0.05 (PacGAN)",
        synthetic.GridOptions,
        _fixed(2),
        synthetic.grid,
        "coordinates",
    ),
    "digits": Dataset(
        "handwritten digits of scikit-learn: 1,797 images, 1×8×8",
        ImageOptions,
        _fixed(1, 8, 8),
        images.digits,
        "digits",
    ),
    "fashion-mnist": Dataset(
        "Fashion-MNIST: 70,000 images, 1×28×28 (Debian's dataset-fashion-mnist, or downloaded)",
        ImageOptions,
        _fixed(1, 28, 28),
        images.fashion_mnist,
        "fashion-mnist",
        images.download_fashion_mnist,
    ),
    "mnist": Dataset(
        "MNIST: 70,000 images, 1×28×28 (downloaded)",
        ImageOptions,
        _fixed(1, 28, 28),
        images.mnist,
        "inception",
        images.download_mnist,
    ),
    "cifar10": Dataset(
        "CIFAR-10: 60,000 images, 3×32×32 (downloaded)",
        ImageOptions,
        _fixed(3, 32, 32),
        images.cifar10,
        "inception",
        images.download_cifar10,
    ),
    "stacked-digits": Dataset(
        "three handwritten digits as colour channels: 1,000 classes, 60,000 images, 3×8×8",
        stacked.StackedOptions,
        _fixed(3, 8, 8),
        stacked.stacked_digits,
        "stacked-digits",
    ),
    "stacked-fashion": Dataset(
        "three images of Fashion-MNIST as colour channels: 1,000 classes, 60,000 images, 3×28×28",
        stacked.StackedOptions,
        _fixed(3, 28, 28),
        stacked.stacked_fashion,
        "stacked-fashion",
        images.download_fashion_mnist,
    ),
    "stacked-mnist": Dataset(
        "three images of MNIST as colour channels: 1,000 classes, 60,000 images, 3×28×28 (downloaded)",
        stacked.StackedOptions,
        _fixed(3, 28, 28),
        stacked.stacked_mnist,
        "stacked-mnist",
        images.download_mnist,
    ),
    "tones": Dataset(
        "waveforms of 5 pitches × 3 timbres: 15 modes, 1×256, 64 ms at 4 kHz",
        tones.TonesOptions,
        tones.tones_shape,
        tones.tones,
        "spectrum",
    ),
    "strings": Dataset(
        "sentences of 16 letters from a grammar with 8 productions, one-hot: 8 modes, 25×16",
        strings.StringsOptions,
        _fixed(len(strings.ALPHABET), strings.LENGTH),
        strings.strings,
        "letters",
    ),
    "moved-points": Dataset(
        "translation: four Gaussians of different weights → the same points, rotated and shifted",
        translations.MovedPointsOptions,
        _fixed(2),
        translations.moved_points,
        "coordinates",
        translates=True,
    ),
    "inverted-digits": Dataset(
        "translation: inverted, and perhaps rotated, handwritten digits → the digits, 1×8×8",
        translations.InvertedDigitsOptions,
        _fixed(1, 8, 8),
        translations.inverted_digits,
        "digits",
        translates=True,
    ),
    "low-resolution-digits": Dataset(
        "translation: handwritten digits in a lower resolution → the digits, 1×8×8",
        translations.LowResolutionDigitsOptions,
        _fixed(1, 8, 8),
        translations.low_resolution_digits,
        "digits",
        translates=True,
    ),
    "low-resolution-fashion-mnist": Dataset(
        "translation: Fashion-MNIST in a lower resolution → Fashion-MNIST, 1×28×28",
        translations.LowResolutionFashionOptions,
        _fixed(1, 28, 28),
        translations.low_resolution_fashion,
        "fashion-mnist",
        images.download_fashion_mnist,
        translates=True,
    ),
    "fashion-contours": Dataset(
        "translation: contours of the images of Fashion-MNIST → Fashion-MNIST, 1×28×28",
        Options,
        _fixed(1, 28, 28),
        translations.fashion_contours,
        "fashion-mnist",
        images.download_fashion_mnist,
        translates=True,
    ),
    "image-folder": Dataset(
        "your own images in a folder and its subfolders, cropped and resized to squares",
        folder.ImageFolderOptions,
        folder.image_shape,
        folder.image_folder,
        "inception",
    ),
    "huggingface": Dataset(
        "your own images in a folder saved by Hugging Face datasets (save_to_disk)",
        huggingface.HuggingFaceOptions,
        folder.image_shape,
        huggingface.saved_dataset,
        "inception",
    ),
    "image-arrays": Dataset(
        "your own images in a .npz or .npy file",
        arrays.ImageArrayOptions,
        arrays.image_array_shape,
        arrays.image_arrays,
        "inception",
    ),
    "point-arrays": Dataset(
        "your own points in a .npz or .npy file",
        ArrayOptions,
        arrays.point_array_shape,
        arrays.point_arrays,
        "coordinates",
    ),
}
