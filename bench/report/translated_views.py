"""How translations are shown: images in threes of source, translation and known answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.records.pairs import PAIRS_OF_IMAGES, Pairs

WHITE = 255
OF_IMAGES = "In threes from left to right: source, translation, known answer."
OF_POINTS = "Grey: sources. Lines lead from some translations to their known answers."


def in_threes(images: NDArray[np.uint8], pairs: Pairs) -> NDArray[np.uint8]:
    """Return sources, translations and answers in turn, uint8 [36, channels, h, w]: two threes fill a row of a grid.

    Args:
        images: The translations, uint8 [n, channels, h, w].
        pairs: Their sources and answers; where there are fewer than 12, the rest is white.
    """
    count = min(len(images), len(pairs.answers))
    threes = np.stack([pairs.sources[:count], images[:count], pairs.answers[:count]], axis=1)
    filled = np.full((PAIRS_OF_IMAGES, *threes.shape[1:]), WHITE, dtype=np.uint8)
    filled[:count] = threes
    return filled.reshape(-1, *images.shape[1:])
