"""The metrics a suite can ask for. Nothing here imports torch.

To add one: write ``prepare(context, options) → (sampled → {measure: value})`` in a file of its own, put one line into
``METRICS`` and its measures into ``MEASURES`` (in ``measures.py``). A metric of the game looks at the players instead
of their samples: ``prepare(options) → (view → {measure: value})``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt

from bench.catalogue import Options
from bench.catalogue.extractors import EXTRACTORS

Fraction = Annotated[float, Field(gt=0, lt=1)]


class ModesOptions(Options):
    """A mode is covered by at least ``minimum`` samples; a classifier is confident from ``confidence`` on."""

    minimum: PositiveInt = 1
    confidence: Fraction = 0.9


class NeighboursOptions(Options):
    """The balls around samples reach to their ``k``-th nearest neighbour (Naeem et al. 2020 take 5)."""

    k: PositiveInt = 5


class KernelOptions(Options):
    """How many random subsets the kernel distance is averaged over, and how large they are at the most."""

    subsets: PositiveInt = 100
    subset_size: Annotated[int, Field(ge=2)] = 1000


class SlicedWassersteinOptions(Options):
    """How many equally spaced directions points are projected on."""

    projections: PositiveInt = 64


class BirthdayOptions(Options):
    """Samples are duplicates when closer than this quantile of the distances between nearest real neighbours."""

    quantile: Fraction = 0.01


class SpectrumOptions(Options):
    """Samples that the game's field is taken on, eigenvalues asked for, and ARPACK's relative tolerance."""

    samples: PositiveInt = 256
    eigenvalues: PositiveInt = 6
    tolerance: PositiveFloat = 1e-8


class PathAngleOptions(Options):
    """Samples that the game's field is taken on, and how far the path is followed on both sides of its end."""

    samples: PositiveInt = 256
    reach: Fraction = 0.2
    points: PositiveInt = 8


class Metric(NamedTuple):
    """A metric.

    Attributes:
        summary: One line for ``ganbench list``.
        options: What a suite can set.
        prepare: Where the code is.
        needs: Name of an extractor and whether true modes are known → None, or what the data would have to have.
        of: "samples" or "game".
        architecture: The one that it is for, or None.
    """

    summary: str
    options: type[Options]
    prepare: str
    needs: Callable[[str, bool], str | None]
    of: Literal["samples", "game"] = "samples"
    architecture: str | None = None


def _classes(extractor: str, modes_known: bool) -> str | None:
    return None if modes_known or EXTRACTORS[extractor].classes else "true modes or a classifier of its classes"


def _plane(extractor: str, modes_known: bool) -> str | None:
    return None if extractor == "coordinates" else "points in the plane"


def _anything(extractor: str, modes_known: bool) -> str | None:
    return None


METRICS = {
    "modes": Metric(
        "modes (or classes) covered, share of high quality, KL to uniform",
        ModesOptions,
        "bench.catalogue.metrics.modes:prepare",
        _classes,
    ),
    "frechet": Metric(
        "Fréchet distance to the training split on the dataset's extractor (FID with Inception)",
        Options,
        "bench.catalogue.metrics.frechet:prepare",
        _anything,
    ),
    "kid": Metric(
        "kernel distance to the training split on the dataset's extractor (KID with Inception)",
        KernelOptions,
        "bench.catalogue.metrics.kernel:prepare",
        _anything,
    ),
    "neighbours": Metric(
        "precision, recall, density and coverage among nearest neighbours",
        NeighboursOptions,
        "bench.catalogue.metrics.neighbours:prepare",
        _anything,
    ),
    "sliced-wasserstein": Metric(
        "sliced Wasserstein-1 distance of points in the plane to the training split",
        SlicedWassersteinOptions,
        "bench.catalogue.metrics.sliced_wasserstein:prepare",
        _plane,
    ),
    "birthday": Metric(
        "size of the support, from near-duplicates among the samples (birthday paradox)",
        BirthdayOptions,
        "bench.catalogue.metrics.birthday:prepare",
        _anything,
    ),
    "spectrum": Metric(
        "leading eigenvalues of the game's Jacobian (Mescheder et al. 2017; Berard et al. 2020)",
        SpectrumOptions,
        "bench.catalogue.metrics.spectrum:prepare",
        _anything,
        of="game",
    ),
    "path-angle": Metric(
        "attraction and rotation around the end of the path (Berard et al. 2020)",
        PathAngleOptions,
        "bench.catalogue.metrics.path_angle:prepare",
        _anything,
        of="game",
    ),
    "equilibrium": Metric(
        "Dirac-GAN: distance to the equilibrium, and the eigenvalues there",
        Options,
        "bench.catalogue.metrics.equilibrium:prepare",
        _anything,
        of="game",
        architecture="dirac",
    ),
}
