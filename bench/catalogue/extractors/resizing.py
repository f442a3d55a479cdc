"""How an extractor resizes images before it looks at them."""

from __future__ import annotations

from bench.catalogue.extractors import REDUCED
from bench.catalogue.extractors.torch_fidelity_names import REGISTERED


def describe_resize(extractor: str, side: int) -> str:
    """Return how an extractor resizes images, for the protocol.

    Args:
        extractor: Name of the extractor.
        side: Pixels on a side of the images, or the number of coordinates of points.
    """
    if extractor == "inception":
        return "bilinear to 299×299, as TensorFlow 1"
    if extractor in REGISTERED:
        resized = REGISTERED[extractor].side
        return f"bilinear to {resized}×{resized}, as TensorFlow 1"
    if extractor not in ("random", "trained") or side <= REDUCED:
        return "none"
    return f"averaged to {REDUCED}×{REDUCED}"
