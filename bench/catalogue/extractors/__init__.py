"""The feature extractors of the metrics, and the hashes of their weights.

Nothing here imports torch: planning runs needs the hashes, not the networks.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import DataError
from bench.files import data_folder

WEIGHTS = Path(__file__).parent / "weights"
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"  # torch-fidelity's; the name ends in the hash


class Extractor(NamedTuple):
    """A feature extractor.

    Attributes:
        summary: One line for docs and captions.
        classes: Number of classes of its logits; 0 if it has no logits.
        distance: Name of the Fréchet distance on its features: "fid" with Inception, otherwise "fd".
        channels_of: Name of the extractor that is applied to each channel of a stacked image; "" for other images.
        features: Number of its features; 0 if the samples decide it.
    """

    summary: str
    classes: int
    distance: str
    channels_of: str = ""
    features: int = 0


EXTRACTORS = {
    "coordinates": Extractor("the points themselves", 0, "fd"),
    "digits": Extractor("small convolutional classifier of handwritten digits, 64 features", 10, "fd", features=64),
    "fashion-mnist": Extractor("small convolutional classifier of Fashion-MNIST, 64 features", 10, "fd", features=64),
    "mnist": Extractor(
        "small convolutional classifier of MNIST, 64 features, trained on your machine", 10, "fd", features=64
    ),
    "stacked-digits": Extractor("the classifier of digits on each channel, 192 features", 1000, "fd", "digits", 192),
    "stacked-fashion": Extractor(
        "the classifier of fashion-mnist on each channel, 192 features", 1000, "fd", "fashion-mnist", 192
    ),
    "stacked-mnist": Extractor("the classifier of mnist on each channel, 192 features", 1000, "fd", "mnist", 192),
    "inception": Extractor("Inception v3 of torch-fidelity, 2,048 features", 0, "fid", features=2048),
}


def weights_file(name: str) -> Path:
    """Return the path of a small classifier's weights, in the package or trained on this machine.

    Raises:
        DataError: the weights are in neither place.
    """
    for folder in (WEIGHTS, trained_folder()):
        path = folder / f"{name}.npz"
        if path.is_file() and path.with_suffix(".json").is_file():
            return path
    raise DataError(
        f"extractor {name!r} not found: {name}.npz or {name}.json is missing in {trained_folder()}; "
        f"train it with 'python -m bench.catalogue.extractors {name}'"
    )


def trained_folder() -> Path:
    """Return the folder for weights that were trained on this machine."""
    return data_folder() / "extractors"


def manifest(name: str) -> dict[str, Any]:
    """Return the hash of a small classifier's weights, its test accuracy, and how it was trained."""
    content: dict[str, Any] = json.loads(weights_file(name).with_suffix(".json").read_text())
    return content


def extractor_hash(name: str, inception_weights: Path | None = None) -> str:
    """Return the SHA-256 of an extractor's weights in hexadecimal, or its name if it has no weights.

    For an extractor of stacked images this is ``stacked:`` and the hash of the single-channel classifier. For
    torch-fidelity's own Inception weights it is the name of their file.

    Args:
        name: A name in ``EXTRACTORS``.
        inception_weights: File of Inception's weights; None for torch-fidelity's own.

    Raises:
        DataError: the weights are missing.
    """
    base = EXTRACTORS[name].channels_of
    if base:
        return f"stacked:{extractor_hash(base)}"
    if name == "coordinates":
        return name
    if name != "inception":
        return str(manifest(name)["sha256"])
    return INCEPTION_FILE if inception_weights is None else _inception_hash(inception_weights)


@cache
def _inception_hash(inception_weights: Path) -> str:
    if not inception_weights.is_file():
        raise DataError(f"--inception-weights: file {inception_weights} does not exist")
    with inception_weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return INCEPTION_FILE if digest.startswith("6726825d") else digest  # torch-fidelity's own file, passed by its path
