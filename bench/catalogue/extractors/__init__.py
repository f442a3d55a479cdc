"""The feature extractors behind the Fréchet distance and the classes of images, and what identifies each.

Nothing here imports torch: a plan needs to know which weights a value will come from, not to load them.
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
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"  # torch-fidelity's; its name ends in its hash


class Extractor(NamedTuple):
    """A feature extractor.

    Attributes:
        summary: One line for the docs and the captions.
        classes: How many classes its logits tell apart; 0: it has none.
        distance: What the Fréchet distance on its features is called: "fid" only with Inception.
        channels_of: The extractor that this one applies to each channel of a stacked image, or none.
    """

    summary: str
    classes: int
    distance: str
    channels_of: str = ""


EXTRACTORS = {
    "coordinates": Extractor("the points themselves", 0, "fd"),
    "digits": Extractor("small convolutional classifier of handwritten digits, 64 features", 10, "fd"),
    "fashion-mnist": Extractor("small convolutional classifier of Fashion-MNIST, 64 features", 10, "fd"),
    "mnist": Extractor("small convolutional classifier of MNIST, 64 features, trained where MNIST is", 10, "fd"),
    "stacked-digits": Extractor("that of digits on each channel, 192 features", 1000, "fd", "digits"),
    "stacked-fashion": Extractor("that of fashion-mnist on each channel, 192 features", 1000, "fd", "fashion-mnist"),
    "stacked-mnist": Extractor("that of mnist on each channel, 192 features", 1000, "fd", "mnist"),
    "inception": Extractor("Inception v3 of torch-fidelity, 2048 features", 0, "fid"),
}


def weights_file(name: str) -> Path:
    """Where the weights of a small classifier are: in the package, else where they were trained on this machine.

    Raises:
        DataError: in neither place.
    """
    for folder in (WEIGHTS, trained_folder()):
        path = folder / f"{name}.npz"
        if path.is_file() and path.with_suffix(".json").is_file():
            return path
    raise DataError(
        f"extractor {name!r} is not here: {trained_folder()} has no {name}.npz and {name}.json; "
        f"'python -m bench.catalogue.extractors {name}' trains it"
    )


def trained_folder() -> Path:
    """Where weights that are not shipped are written to."""
    return data_folder() / "extractors"


def manifest(name: str) -> dict[str, Any]:
    """What is known of the weights of a small classifier: their hash, test accuracy, and how they were made."""
    known: dict[str, Any] = json.loads(weights_file(name).with_suffix(".json").read_text())
    return known


def extractor_hash(name: str, inception_weights: Path | None = None) -> str:
    """The SHA-256 of an extractor's weights, in hexadecimal, or the name where there are none.

    A classifier that is applied to each channel has that of its weights after ``stacked:``.

    Raises:
        DataError: the weights are not here, or not where they were said to be.
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
        raise DataError(f"--inception-weights: there is no file {inception_weights}")
    with inception_weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return INCEPTION_FILE if digest.startswith("6726825d") else digest  # the same weights, downloaded or given
