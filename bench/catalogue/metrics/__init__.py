"""The metrics that a suite can use. This module does not import torch.

To add one, write ``prepare(context, options) → (sampled → {measure: value})`` in a file of its own, and add an entry to
``METRICS`` and its measures to ``MEASURES`` (in ``measures.py``); metrics of other packages declare their measures. A
metric of the game looks at the players instead of their samples: ``prepare(options) → (view → {measure: value})``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PositiveFloat

from bench.catalogue import Options
from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.metrics import needs
from bench.catalogue.metrics.classifier_options import ClassifierOptions, UsefulnessOptions
from bench.catalogue.metrics.measures import Measure

Fraction = Annotated[float, Field(gt=0, lt=1)]


class ModesOptions(Options):
    """A mode is covered if it has at least ``minimum`` samples; ``confidence`` is the classifier's threshold."""

    minimum: int = Field(default=1, gt=0, le=1_000_000)
    confidence: Fraction = 0.9


class NeighboursOptions(Options):
    """The balls around samples extend to their ``k``-th nearest neighbour (5 in Naeem et al. 2020)."""

    k: int = Field(default=5, gt=0, le=1_000)


class KernelOptions(Options):
    """The number of random subsets that the kernel distance is averaged over, and their maximum size."""

    subsets: int = Field(default=100, gt=0, le=100_000)
    subset_size: int = Field(default=1000, ge=2, le=100_000)


class InceptionScoreOptions(Options):
    """The number of parts of the samples that the score is averaged over (10 in Salimans et al. 2016)."""

    splits: int = Field(default=10, gt=0, le=1_000)


class SlicedWassersteinOptions(Options):
    """The number of equally spaced directions that points are projected onto."""

    projections: int = Field(default=64, gt=0, le=100_000)


class BirthdayOptions(Options):
    """Samples count as duplicates if closer than this quantile of nearest-neighbour distances in real data."""

    quantile: Fraction = 0.01


class SpectrumOptions(Options):
    """Number of samples to compute the vector field on, number of eigenvalues, and ARPACK's relative tolerance."""

    samples: int = Field(default=256, gt=0, le=1_000_000)
    eigenvalues: int = Field(default=6, gt=0, le=1_000)
    tolerance: PositiveFloat = 1e-8


class PathAngleOptions(Options):
    """Number of samples to compute the vector field on, and how far the path extends to both sides of its end."""

    samples: int = Field(default=256, gt=0, le=1_000_000)
    reach: Fraction = 0.2
    points: int = Field(default=8, gt=0, le=10_000)


class PathLengthOptions(Options):
    """Number of pairs of latents, the step between them, how it is interpolated, and the share left out at each end."""

    paths: int = Field(default=1000, ge=2, le=1_000_000)
    epsilon: Fraction = 1e-4
    interpolation: Literal["slerp", "lerp"] = "slerp"
    discard: Annotated[float, Field(ge=0, lt=0.5)] = 0.01


class Metric(NamedTuple):
    """A metric.

    Attributes:
        summary: One line for ``ganbench list``.
        options: The options that a suite can set.
        prepare: The function, as module:name. It returns a function from samples or a game to numbers by measure, with
            the same measures at every call.
        needs: (name of the extractor, whether the true modes are known) → None if the metric can be computed, otherwise
            what is missing.
        of: What the metric looks at, "samples" or "game".
        architecture: The only architecture that it applies to, or None.
        measures: Measures that it returns and ganbench does not define, by name. ganbench's own measures are in
            ``bench.catalogue.metrics.measures.MEASURES``; a metric of another package may return those too.
        sees_features: Whether the ``prepare`` of a metric of the game gets the context before the options.
        needs_labels: Whether it compares samples with the labels that a conditional generator was given.
        needs_answers: Whether it compares translations with their known answers.
        real_split: The split that gives its value of real data: "train" if it tests on the test split itself.
    """

    summary: str
    options: type[Options]
    prepare: str
    needs: Callable[[str, bool], str | None]
    of: Literal["samples", "game"] = "samples"
    architecture: str | None = None
    measures: Mapping[str, Measure] = MappingProxyType({})
    sees_features: bool = False
    needs_labels: bool = False
    real_split: Literal["test", "train"] = "test"
    needs_answers: bool = False


def name_of_score(extractor: str) -> str:
    """Return the name of the Inception Score with an extractor: like FID, only Inception's has the known name."""
    return "inception_score" if EXTRACTORS[extractor].distance == "fid" else "classifier_score"


METRICS = {
    "modes": Metric(
        "modes (or classes) covered, share of high-quality samples, overlap with the true modes, KL divergence",
        ModesOptions,
        "bench.catalogue.metrics.modes:prepare",
        needs.classes,
    ),
    "frechet": Metric(
        "Fréchet distance to the training split on the dataset's extractor (FID with Inception, spectral FD of sounds)",
        Options,
        "bench.catalogue.metrics.frechet:prepare",
        needs.anything,
    ),
    "intra-class": Metric(
        "conditional runs: Fréchet distance within a class, and share of samples whose label a classifier confirms",
        Options,
        "bench.catalogue.metrics.intra_class:prepare",
        needs.anything,
        needs_labels=True,
    ),
    "classification-accuracy": Metric(
        "conditional runs: accuracy on real data of a classifier trained on generated samples (CAS)",
        ClassifierOptions,
        "bench.catalogue.metrics.classification_accuracy:prepare",
        needs.anything,
        needs_labels=True,
        real_split="train",
    ),
    "usefulness": Metric(
        "conditional runs: accuracy of a classifier with and without generated samples and the usual augmentation",
        UsefulnessOptions,
        "bench.catalogue.metrics.usefulness:prepare",
        needs.images,
        needs_labels=True,
        real_split="train",
    ),
    "translation": Metric(
        "translations: error against the known answers, of the way back and of both cycles; variety",
        Options,
        "bench.catalogue.metrics.translation:prepare",
        needs.anything,
        needs_answers=True,
    ),
    "kid": Metric(
        "kernel distance to the training split on the dataset's extractor (KID with Inception)",
        KernelOptions,
        "bench.catalogue.metrics.kernel:prepare",
        needs.anything,
    ),
    "neighbours": Metric(
        "precision, recall, density and coverage, from nearest neighbours",
        NeighboursOptions,
        "bench.catalogue.metrics.neighbours:prepare",
        needs.anything,
    ),
    "inception-score": Metric(
        "Inception Score, from the class probabilities of the extractor (Salimans et al. 2016)",
        InceptionScoreOptions,
        "bench.catalogue.metrics.inception_score:prepare",
        needs.probabilities,
    ),
    "sliced-wasserstein": Metric(
        "sliced Wasserstein-1 distance to the training split, for points of any dimension",
        SlicedWassersteinOptions,
        "bench.catalogue.metrics.sliced_wasserstein:prepare",
        needs.points,
    ),
    "sharpness": Metric(
        "variance of the Laplacian of images, divided by that of the training split",
        Options,
        "bench.catalogue.metrics.sharpness:prepare",
        needs.images,
    ),
    "ngrams": Metric(
        "strings: Jensen-Shannon divergence of n-grams from those of the training split, n = 1 to 4; share accepted",
        Options,
        "bench.catalogue.metrics.ngrams:prepare",
        needs.strings,
    ),
    "birthday": Metric(
        "support size estimated from near-duplicate samples (birthday paradox)",
        BirthdayOptions,
        "bench.catalogue.metrics.birthday:prepare",
        needs.anything,
    ),
    "spectrum": Metric(
        "leading eigenvalues of the game's Jacobian (Mescheder et al. 2017; Berard et al. 2020)",
        SpectrumOptions,
        "bench.catalogue.metrics.spectrum:prepare",
        needs.anything,
        of="game",
    ),
    "path-angle": Metric(
        "attraction and rotation along the path around its end (Berard et al. 2020)",
        PathAngleOptions,
        "bench.catalogue.metrics.path_angle:prepare",
        needs.anything,
        of="game",
    ),
    "path-length": Metric(
        "perceptual path length in the features of the extractor (Karras et al. 2019)",
        PathLengthOptions,
        "bench.catalogue.metrics.path_length:prepare",
        needs.unrounded,
        of="game",
        sees_features=True,
    ),
    "equilibrium": Metric(
        "distance to the equilibrium and the eigenvalues there, for the Dirac-GAN",
        Options,
        "bench.catalogue.metrics.equilibrium:prepare",
        needs.anything,
        of="game",
        architecture="dirac",
    ),
}
