"""Which samples an extractor takes: points, images, sounds or strings."""

from __future__ import annotations

from pathlib import Path

from bench.catalogue.extractors import COLOURS, EXTRACTORS, ExtractorChoice


def samples_of(name: str) -> str:
    """Return what samples an extractor takes; those that ganbench does not know are for images."""
    return EXTRACTORS[name].of if name in EXTRACTORS else "images"


def kind_of_samples(shape: tuple[int, ...]) -> str:
    """Return what samples of a shape are: points (d), sounds (1, length), strings (letters, length) or images."""
    if len(shape) == 2:
        return "sounds" if shape[0] == 1 else "strings"
    return "images" if len(shape) == 3 else "points"


def limitation(choice: ExtractorChoice, shape: tuple[int, ...]) -> str:
    """Return what an extractor is for, if it does not take samples of a shape; otherwise "".

    Raises:
        DataError: The file of its weights is missing or not valid.
    """
    from bench.catalogue.extractors.trained_weights import read_trained

    entry = EXTRACTORS[choice.name]
    if entry.of != kind_of_samples(shape):
        return entry.of
    wanted = read_trained(Path(choice.weights)).shape if entry.is_trained_by_user else entry.shape
    if wanted is None and len(shape) == 3 and shape[0] not in COLOURS:
        return "images with 1 or 3 channels"
    return f"images of shape {wanted}" if wanted not in (None, shape) else ""
