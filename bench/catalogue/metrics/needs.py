"""What the metrics need of the data and of the extractor: None if it is there, otherwise what is missing."""

from __future__ import annotations

from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.extractors.sample_kinds import samples_of
from bench.catalogue.extractors.torch_fidelity_names import REGISTERED


def classes(extractor: str, modes_known: bool) -> str | None:
    """Return what is missing for a metric of the samples' classes."""
    return None if modes_known or EXTRACTORS[extractor].has_classes else "true modes or a classifier of its classes"


def probabilities(extractor: str, modes_known: bool) -> str | None:
    """Return what is missing for a metric of the probabilities of classes."""
    return None if EXTRACTORS[extractor].gives_probabilities else "class probabilities"


def points(extractor: str, modes_known: bool) -> str | None:
    """Return "points" if samples are not points."""
    return None if extractor == "coordinates" else "points"


def images(extractor: str, modes_known: bool) -> str | None:
    """Return "images" if samples are not images."""
    return None if samples_of(extractor) == "images" else "images"


def strings(extractor: str, modes_known: bool) -> str | None:
    """Return "strings" if samples are not strings."""
    return None if samples_of(extractor) == "strings" else "strings"


def unrounded(extractor: str, modes_known: bool) -> str | None:
    """Return what is missing for a metric that looks at small differences of samples."""
    rounded = extractor == "inception" or extractor in REGISTERED
    return "features of images that are not rounded to 8 bits" if rounded else None


def anything(extractor: str, modes_known: bool) -> str | None:
    """Return None: such a metric takes all samples."""
    return None
