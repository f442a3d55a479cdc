"""The names of the classes of extractors: a classifier can confirm labels only if its classes are those of the data."""

from __future__ import annotations

from pathlib import Path

from bench.catalogue.datasets.images import CLOTHES
from bench.catalogue.extractors import EXTRACTORS, ExtractorChoice
from bench.catalogue.extractors.trained_weights import read_trained

DIGITS = tuple(map(str, range(10)))
KNOWN = {"digits": DIGITS, "mnist": DIGITS, "fashion-mnist": CLOTHES}


def class_names(choice: ExtractorChoice) -> tuple[str, ...]:
    """Return the names of an extractor's classes in the order of its logits; none if they are not known.

    Raises:
        DataError: The file of a classifier that the user trained is missing or not valid.
    """
    if EXTRACTORS[choice.name].is_trained_by_user:
        return read_trained(Path(choice.weights)).classes
    return KNOWN.get(choice.name, ())
