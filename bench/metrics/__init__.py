"""The metrics a suite can ask for, and the measures that they give. Nothing here imports torch.

To add one: write ``prepare(context, options) → (sampled → {measure: value})`` in a file of its own, put one line into
``METRICS`` and its measures into ``MEASURES``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

from pydantic import Field, PositiveInt

from bench.extractors import EXTRACTORS
from bench.options import Options

Fraction = Annotated[float, Field(gt=0, lt=1)]


class ModesOptions(Options):
    """A mode is covered by at least ``minimum`` samples; a classifier is confident from ``confidence`` on."""

    minimum: PositiveInt = 1
    confidence: Fraction = 0.9


class Metric(NamedTuple):
    """A metric.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set.
        prepare: Where the code is: (context, options) → (sampled → {measure: value}).
        needs: Name of an extractor and whether true modes are known → None, or what the data would have to have.
    """

    summary: str
    options: type[Options]
    prepare: str
    needs: Callable[[str, bool], str | None]


class Measure(NamedTuple):
    """One number of a metric: how tables call it, which way is better, and how it is written."""

    label: str
    higher_is_better: bool
    spec: str
    scale: float = 1.0


def _classes(extractor: str, modes_known: bool) -> str | None:
    return None if modes_known or EXTRACTORS[extractor].classes else "true modes or a classifier of its classes"


def _anything(extractor: str, modes_known: bool) -> str | None:
    return None


METRICS = {
    "modes": Metric(
        "modes (or classes) covered, share of high quality, KL to uniform",
        ModesOptions,
        "bench.metrics.modes:prepare",
        _classes,
    ),
    "frechet": Metric(
        "Fréchet distance to the training split on the dataset's extractor (FID with Inception)",
        Options,
        "bench.metrics.frechet:prepare",
        _anything,
    ),
}

MEASURES = {
    "modes": Measure("modes", True, ".1f"),
    "modes_confident": Measure("modes, confident", True, ".1f"),
    "high_quality": Measure("high quality %", True, ".1f", scale=100),
    "confident": Measure("confident %", True, ".1f", scale=100),
    "kl": Measure("KL", False, ".3f"),
    "fd": Measure("FD", False, ".3g"),
    "fid": Measure("FID", False, ".2f"),
}
