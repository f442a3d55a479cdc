"""The feature extractors of the metrics, and the hashes of their weights.

Nothing here imports torch: planning runs needs the hashes, not the networks. Reading a suite needs no numpy either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from bench.catalogue import Options, suggestion
from bench.catalogue.extractors.torch_fidelity_names import REGISTERED
from bench.errors import DataError, SuiteError
from bench.files import data_folder

WEIGHTS = Path(__file__).parent / "weights"
INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"  # torch-fidelity's; the name ends in the hash
COLOURS = (1, 3)  # channels of the images that networks for photographs take; grey ones are repeated
REDUCED = 64  # pixels on a side; the random network and trained ones average larger images down to it
TRAIN_YOUR_OWN = "python -m bench.catalogue.extractors FOLDER --output FILE.npz"


class Extractor(NamedTuple):
    """A feature extractor.

    Attributes:
        summary: One line for docs and captions.
        classes: Number of classes of its logits; 0 if it has no logits, or if its weights file gives the number.
        distance: Name of the Fréchet distance on its features: "fid" with Inception, otherwise "fd".
        channels_of: Name of the extractor that is applied to each channel of a stacked image; "" for other images.
        features: Number of its features; 0 if the samples decide it.
        shape: The only shape of images that it takes, (channels, height, width); None for images of any shape.
        is_trained_by_user: Whether a suite names the file of its weights, which also gives its classes and its shape.
        of: What samples it takes. Only images have extractors to choose from.
    """

    summary: str
    classes: int
    distance: str
    channels_of: str = ""
    features: int = 0
    shape: tuple[int, ...] | None = None
    is_trained_by_user: bool = False
    of: Literal["points", "sounds", "strings", "images"] = "images"

    @property
    def has_classes(self) -> bool:
        """Whether it gives logits."""
        return self.classes > 0 or self.is_trained_by_user

    @property
    def gives_probabilities(self) -> bool:
        """Whether it gives class probabilities; Inception's are of the classes of ImageNet."""
        return self.has_classes or self.distance == "fid"


_SMALL, _LARGE = (8, 8), (28, 28)
EXTRACTORS = {
    "coordinates": Extractor("the points themselves", 0, "fd", of="points"),
    "spectrum": Extractor(
        "log power in 64 bands of the spectrum of a sound", 0, "spectral_fd", features=64, of="sounds"
    ),
    "letters": Extractor("one-hot numbers of the most probable letters of a string", 0, "fd", of="strings"),
    "digits": Extractor(
        "small convolutional classifier of handwritten digits, 64 features", 10, "fd", features=64, shape=(1, *_SMALL)
    ),
    "fashion-mnist": Extractor(
        "small convolutional classifier of Fashion-MNIST, 64 features", 10, "fd", features=64, shape=(1, *_LARGE)
    ),
    "mnist": Extractor(
        "small convolutional classifier of MNIST, 64 features, trained on your machine",
        10,
        "fd",
        features=64,
        shape=(1, *_LARGE),
    ),
    "stacked-digits": Extractor(
        "the classifier of digits on each channel, 192 features", 1000, "fd", "digits", 192, (3, *_SMALL)
    ),
    "stacked-fashion": Extractor(
        "the classifier of fashion-mnist on each channel, 192 features", 1000, "fd", "fashion-mnist", 192, (3, *_LARGE)
    ),
    "stacked-mnist": Extractor(
        "the classifier of mnist on each channel, 192 features", 1000, "fd", "mnist", 192, (3, *_LARGE)
    ),
    "inception": Extractor("Inception v3 of torch-fidelity, 2,048 features", 0, "fid", features=2048),
    "random": Extractor("convolutional network with fixed random weights, 64 features", 0, "fd", features=64),
    "trained": Extractor(
        "small convolutional classifier of your own images, 64 features",
        0,
        "fd",
        features=64,
        is_trained_by_user=True,
    ),
    **{name: Extractor(each.summary, 0, "fd", features=each.features) for name, each in REGISTERED.items()},
}


class ExtractorChoice(Options):
    """An extractor that a suite names, by its name alone or as a table; or several, as a list.

    ``name``: a name in ``EXTRACTORS``.
    ``weights``: the file of an extractor that the user trained, or of a network of torch-fidelity.
    ``further``: the extractors after the first in a list.
    """

    name: str
    weights: str = ""
    further: tuple[ExtractorChoice, ...] = Field(default=(), strict=False)

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, given: object) -> object:
        if isinstance(given, cls):
            return given
        if isinstance(given, list | tuple) and given:
            first, *rest = (cls.model_validate(each) for each in given)
            if any(each.further for each in (first, *rest)):
                raise SuiteError("extractor: expected a list of names and tables, not a list in a list")
            return {"name": first.name, "weights": first.weights, "further": rest}
        table = {"name": given} if isinstance(given, str) else given
        if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
            raise SuiteError(f"extractor: expected a name, or a table with a name, not {given!r}")
        for key in table:
            if key not in cls.model_fields:
                raise SuiteError(f"extractor: unknown key {key!r}{suggestion(key, cls.model_fields)}")
        return table

    @model_validator(mode="after")
    def _is_known(self) -> ExtractorChoice:
        if self.name not in EXTRACTORS:
            raise SuiteError(f"unknown extractor {self.name!r}{suggestion(self.name, EXTRACTORS)}")
        is_trained = EXTRACTORS[self.name].is_trained_by_user
        if is_trained and not self.weights:
            raise SuiteError(
                f"extractor {self.name!r} needs a file of weights: "
                f'{{ name = "{self.name}", weights = "FILE.npz" }}, written by {TRAIN_YOUR_OWN}'
            )
        known = REGISTERED.get(self.name)
        if self.weights and not (is_trained or (known and known.takes_file)):
            raise SuiteError(
                f"extractor {self.name!r} takes no file of weights; only 'trained', 'vgg16' and 'clip-…' do"
            )
        names = [each.name for each in self.all]
        for name in names:
            if names.count(name) > 1:
                raise SuiteError(f"extractor {name!r} is listed twice")
        return self

    @property
    def all(self) -> tuple[ExtractorChoice, ...]:
        """The extractor and those after it."""
        return (self, *self.further)


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


def extractor_hash(name: str, inception_weights: Path | None = None, weights: str = "") -> str:
    """Return the SHA-256 of an extractor's weights in hexadecimal, or its name if it has no weights.

    For an extractor of stacked images this is ``stacked:`` and the hash of the single-channel classifier. For
    published weights of Inception and other networks of torch-fidelity it is the name of their file.

    Args:
        name: A name in ``EXTRACTORS``.
        inception_weights: File of Inception's weights; None for torch-fidelity's own.
        weights: File of the weights of an extractor that the user trained, or of a network of torch-fidelity.

    Raises:
        DataError: the weights are missing.
    """
    base = EXTRACTORS[name].channels_of
    if base:
        return f"stacked:{extractor_hash(base)}"
    if EXTRACTORS[name].of != "images":
        return name
    if name == "random":
        from bench.catalogue.extractors.random_weights import random_weights_hash

        return random_weights_hash()
    if EXTRACTORS[name].is_trained_by_user:
        from bench.catalogue.extractors.trained_weights import read_trained

        return read_trained(Path(weights)).sha256
    if name in REGISTERED:
        known = REGISTERED[name]
        return _file_hash(Path(weights), known.file, known.sha256, f"extractor {name!r}") if weights else known.file
    if name != "inception":
        return str(manifest(name)["sha256"])
    if inception_weights is None:
        return INCEPTION_FILE
    return _file_hash(inception_weights, INCEPTION_FILE, "6726825d", "--inception-weights")


def is_made_by_user(name: str) -> bool:
    """Return whether the weights of an extractor exist only after the user has trained it."""
    entry = EXTRACTORS[name]
    return entry.is_trained_by_user or (entry.channels_of or name) == "mnist"


@cache
def _file_hash(path: Path, published: str, sha256: str, where: str) -> str:
    if not path.is_file():
        raise DataError(f"{where}: file {path} does not exist")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return published if sha256 and digest.startswith(sha256) else digest  # the published file, passed by its path
