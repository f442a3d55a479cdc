"""Whether there are enough samples for the covariance of an extractor's features, on which Fréchet distances rest."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.catalogue.extractors import EXTRACTORS


def feature_count(extractor: object, shape: tuple[int, ...] | None) -> int | None:
    """Return the number of features of a sample; None if it is unknown.

    Args:
        extractor: Name of an extractor, also of one that ganbench does not know.
        shape: Shape of one sample, which decides the number of coordinates or letters; None if unknown.
    """
    known = EXTRACTORS.get(str(extractor))
    if extractor in ("coordinates", "letters"):
        return math.prod(shape) if shape else None
    return (known.features if known else 0) or None


def describe_bias(label: str, extractor: object, shape: tuple[int, ...] | None, counts: Mapping[str, object]) -> str:
    """Return a sentence that a Fréchet distance has too few samples, with the numbers; empty if it has enough.

    A covariance of d features has full rank only with more than d samples. With fewer, the distance is far from the one
    that more samples give, also on real data.

    Args:
        label: The measure, for example "FD".
        extractor: See ``feature_count``.
        shape: See ``feature_count``.
        counts: What the samples are → how many; anything that is no number is unknown.
    """
    features = feature_count(extractor, shape)
    known = {what: int(count) for what, count in counts.items() if isinstance(count, int | float)}
    few = {what: count for what, count in known.items() if features is not None and count <= features}
    if not few:
        return ""
    numbers = " and ".join(f"{count:,} {what}" for what, count in few.items())
    return (
        f"{label} is biased: {numbers} for {features:,} features ({extractor}); "
        f"their covariance has full rank only with more than {features:,} samples."
    )
