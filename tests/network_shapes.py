"""Small samples that each family of networks can make, with a dataset of such samples; only its name is used."""

from __future__ import annotations

SHAPES: dict[str, tuple[int, ...]] = {"dirac": (1,), "wavegan": (1, 64), "resnet-1d": (3, 8)}
DATASETS = {"dirac": "point", "wavegan": "tones", "resnet-1d": "strings"}
WITHOUT_IMAGES = tuple(SHAPES)


def shape_for(name: str) -> tuple[int, ...]:
    """Return the shape of one sample, by default an image of 8×8 pixels."""
    return SHAPES.get(name, (1, 8, 8))


def dataset_for(name: str) -> str:
    """Return the name of a dataset."""
    return DATASETS.get(name, "digits")
