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

WEIGHTS = Path(__file__).parent / "weights"
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"  # torch-fidelity's; its name ends in its hash


class Extractor(NamedTuple):
    """A feature extractor.

    Attributes:
        summary: One line for the docs and the captions.
        classes: How many classes its logits tell apart; 0: it has none.
        distance: What the Fréchet distance on its features is called: "fid" only with Inception.
    """

    summary: str
    classes: int
    distance: str


EXTRACTORS = {
    "coordinates": Extractor("the points themselves", 0, "fd"),
    "digits": Extractor("small convolutional classifier of handwritten digits, 64 features", 10, "fd"),
    "fashion-mnist": Extractor("small convolutional classifier of Fashion-MNIST, 64 features", 10, "fd"),
    "inception": Extractor("Inception v3 of torch-fidelity, 2048 features", 0, "fid"),
}


def manifest(name: str) -> dict[str, Any]:
    """What is known of the shipped weights ``name``: their hash, test accuracy, and how they were made."""
    known: dict[str, Any] = json.loads((WEIGHTS / f"{name}.json").read_text())
    return known


@cache
def extractor_hash(name: str, inception_weights: Path | None = None) -> str:
    """The SHA-256 of an extractor's weights, in hexadecimal, or the name where there are none.

    Raises:
        DataError: Inception's weights are not where they were said to be.
    """
    if name == "coordinates":
        return name
    if name != "inception":
        return str(manifest(name)["sha256"])
    if inception_weights is None:
        return INCEPTION_FILE
    if not inception_weights.is_file():
        raise DataError(f"--inception-weights: there is no file {inception_weights}")
    with inception_weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return INCEPTION_FILE if digest.startswith("6726825d") else digest  # the same weights, downloaded or given
