"""Everything that is known about a measure, in one place: how it is written, which way is better, where it is used.

A measure is one number that a metric gives, such as ``fd``. Where a suite trains with an average of the generator's
weights, each measure is taken of the average too; its name then ends in ``_ema``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Literal, NamedTuple

from bench.catalogue.metrics.measure_names import averaged as averaged
from bench.catalogue.metrics.measure_names import is_averaged as is_averaged
from bench.catalogue.metrics.measure_names import known_name as known_name
from bench.catalogue.metrics.measure_names import plain_name as plain_name
from bench.catalogue.metrics.possible_ranges import ANY, DIFFERENCE, FRECHET, KERNEL, NOT_NEGATIVE, SHARE, Range
from bench.notation import with_powers


class Measure(NamedTuple):
    """One number that a metric gives.

    Attributes:
        label: Its name in tables and figures.
        higher_is_better: Whether more is better; None if neither more nor less is.
        spec: Format of a value in tables, as in ``format(value, spec)``.
        scale: A value is multiplied by this before it is written; 100 turns shares into percent.
        logarithmic: Whether figures draw it on a logarithmic axis; all of its values must then be positive.
        primary_rank: Runs are classified by the measured one with the lowest rank; None comes after all ranks. Those
            of ganbench have the ranks 0.4 (``answer_error``) to 7.
        coverage_rank: A collapse is recognised by the measured one with the lowest rank; None if it is no coverage.
        table: Where it stands by default: "details" is left out first when a terminal is narrow.
        range: The values that it can have. Intervals stay within them; other values are refused in results of other
            code. A metric can give a pair of the smallest and the largest value.
    """

    label: str
    higher_is_better: bool | None
    spec: str = ".3g"
    scale: float = 1.0
    logarithmic: bool = False
    primary_rank: float | None = None
    coverage_rank: int | None = None
    table: Literal["main", "details"] = "main"
    range: Range | tuple[float, float] = ANY

    def format(self, value: float) -> str:
        """A value for a sentence: scaled, and without trailing zeros."""
        text = with_powers(format(value * self.scale, self.spec))
        return text.rstrip("0").rstrip(".") if "." in text and "·" not in text else text


Directions = Mapping[str, bool | Measure | None]
"""Measures that ganbench does not define → whether more is better (None: neither), or their descriptions."""

MEASURES = {  # in the order of columns
    "overlap": Measure("overlap", True, ".3f", primary_rank=0.5, range=SHARE),
    "overlap_at_least": Measure("overlap at least", True, ".3f", primary_rank=0.6, range=SHARE),
    "overlap_confident": Measure("overlap, confident", True, ".3f", table="details", range=SHARE),
    "modes": Measure("modes", True, ".1f", coverage_rank=1, range=NOT_NEGATIVE),
    "modes_confident": Measure("modes, confident", True, ".1f", table="details", range=NOT_NEGATIVE),
    "high_quality": Measure("high quality %", True, ".1f", scale=100, table="details", range=SHARE),
    "confident": Measure("confident %", True, ".1f", scale=100, table="details", range=SHARE),
    "kl": Measure("KL", False, ".3f", primary_rank=7, table="details", range=NOT_NEGATIVE),
    "fd": Measure("FD", False, ".3g", logarithmic=True, primary_rank=2, range=FRECHET),
    "fid": Measure("FID", False, ".2f", logarithmic=True, primary_rank=1, range=FRECHET),
    "spectral_fd": Measure("spectral FD", False, ".3g", logarithmic=True, primary_rank=2.5, range=FRECHET),
    "js_1": Measure("JS of 1-grams", False, ".4f", logarithmic=True, table="details", range=SHARE),
    "js_2": Measure("JS of 2-grams", False, ".4f", logarithmic=True, table="details", range=SHARE),
    "js_3": Measure("JS of 3-grams", False, ".4f", logarithmic=True, table="details", range=SHARE),
    "js_4": Measure("JS of 4-grams", False, ".4f", logarithmic=True, primary_rank=3.5, range=SHARE),
    "accepted": Measure("accepted %", True, ".1f", scale=100, range=SHARE),
    "answer_error": Measure("answer error", False, ".4f", primary_rank=0.4, range=NOT_NEGATIVE),
    "variety": Measure("variety", None, ".3f", table="details", range=NOT_NEGATIVE),
    "back_error": Measure("back error", False, ".4f", range=NOT_NEGATIVE),
    "back_fd": Measure("back FD", False, ".3g", logarithmic=True, range=FRECHET),
    "back_fid": Measure("back FID", False, ".2f", logarithmic=True, range=FRECHET),
    "cycle_error": Measure("cycle error", False, ".4f", range=NOT_NEGATIVE),
    "back_cycle_error": Measure("back cycle error", False, ".4f", table="details", range=NOT_NEGATIVE),
    "intra_fd": Measure("intra-FD", False, ".3g", logarithmic=True, range=FRECHET),
    "intra_fid": Measure("intra-FID", False, ".2f", logarithmic=True, range=FRECHET),
    "intra_spectral_fd": Measure("intra-class spectral FD", False, ".3g", logarithmic=True, range=FRECHET),
    "class_accuracy": Measure("class accuracy %", True, ".1f", scale=100, range=SHARE),
    "cas": Measure("CAS %", True, ".1f", scale=100, range=SHARE),
    "examples_accuracy": Measure("examples %", None, ".1f", scale=100, range=SHARE),
    "generated_accuracy": Measure("with generated %", True, ".1f", scale=100, range=SHARE),
    "augmented_accuracy": Measure("with augmentation %", None, ".1f", scale=100, range=SHARE),
    "both_accuracy": Measure("with both %", True, ".1f", scale=100, range=SHARE),
    "gain": Measure("gain (points)", True, ".2f", scale=100, range=DIFFERENCE),
    "gain_over_augmentation": Measure("gain over augmentation (points)", True, ".2f", scale=100, range=DIFFERENCE),
    "gain_beside_augmentation": Measure("gain beside augmentation (points)", True, ".2f", scale=100, range=DIFFERENCE),
    "kd": Measure("KD", False, ".3g", primary_rank=6),
    "kid": Measure("KID", False, ".5f", primary_rank=5, range=KERNEL),
    "precision": Measure("precision", True, ".3f", range=SHARE),
    "recall": Measure("recall", True, ".3f", coverage_rank=2, range=SHARE),
    "density": Measure("density", True, ".3f", range=NOT_NEGATIVE),
    "coverage": Measure("coverage", True, ".3f", coverage_rank=3, range=SHARE),
    "inception_score": Measure("IS", True, ".3g", range=Range(1)),
    "classifier_score": Measure("classifier score", True, ".3g", range=Range(1)),
    "swd": Measure("SWD", False, ".3g", logarithmic=True, primary_rank=4, range=NOT_NEGATIVE),
    "ppl": Measure("PPL", None, ".3g", table="details", range=NOT_NEGATIVE),
    "sharpness": Measure("sharpness", None, ".3f", range=NOT_NEGATIVE),
    "bits_per_dimension": Measure("bits/dim", False, ".3f", table="details"),
    "support": Measure("support", True, ".3g", range=NOT_NEGATIVE),
    "distance": Measure("distance", False, ".3g", logarithmic=True, primary_rank=3, range=NOT_NEGATIVE),
    "theta": Measure("θ", None, ".3g"),
    "psi": Measure("ψ", None, ".3g"),
    "eigenvalue_real": Measure("Re λ", None, ".4f"),
    "eigenvalue_imaginary": Measure("Im λ", None, ".4f"),
    "spectrum_real": Measure("largest Re λ", None, ".3g"),
    "spectrum_rotation": Measure("largest |Im λ|/|Re λ|", None, ".3g", range=NOT_NEGATIVE),
    "spectrum_radius": Measure("radius of the update", None, ".6g", range=NOT_NEGATIVE),
    "path_attraction": Measure("attraction", None, ".3f"),
    "path_rotation": Measure("rotation", None, ".3f"),
}

PROBES = {  # columns of every trace, taken at the last step before each evaluation
    "real_logit": "mean logit on real samples",
    "fake_logit": "mean logit on generated samples",
    "gap": "mean logit on real minus generated samples",
    "critic_accuracy": "share of pairs in which the real sample has the larger logit",
    "test_gap": "mean logit on samples trained on minus samples held out",
    "critic_gradient_norm": "norm of the gradient of the critic's loss",
    "generator_gradient_norm": "norm of the gradient of the generator's loss",
    "slope_real": "mean ‖∇ₓD‖ on real samples",
    "slope_fake": "mean ‖∇ₓD‖ on generated samples",
    "critic_weight_norm": "norm of the critic's weights",
    "generator_weight_norm": "norm of the generator's weights",
    "critic_update_ratio": "norm of the critic's update over that of its weights",
    "generator_update_ratio": "norm of the generator's update over that of its weights",
}

LOSSES = ("critic_loss", "generator_loss")
PROBE_RANGES = {"critic_accuracy": SHARE} | {
    name: NOT_NEGATIVE for name in PROBES if name.startswith("slope_") or name.endswith(("_norm", "_ratio"))
}


def _by_primary_rank(name: str) -> tuple[float, bool]:
    return _rank(MEASURES[name]), MEASURES[name].higher_is_better is True


def _rank(measure: Measure) -> float:
    return float("inf") if measure.primary_rank is None else measure.primary_rank


PRIMARY_ORDER = sorted((name for name in MEASURES if MEASURES[name].higher_is_better is not None), key=_by_primary_rank)
_COVERAGE = {name: each.coverage_rank for name, each in MEASURES.items() if each.coverage_rank is not None}
COVERAGE_ORDER = sorted(_COVERAGE, key=_COVERAGE.__getitem__)


def primary_order(directions: Directions | None = None) -> list[str]:
    """Return all measures that can classify runs, by rank; those that ganbench defines come first in a rank.

    Args:
        directions: Measures that ganbench does not define.
    """
    others = {name: _of_other_code(name, given) for name, given in (directions or {}).items() if name not in MEASURES}
    if not others:
        return PRIMARY_ORDER
    ranked = [(_rank(MEASURES[name]), 0, number, name) for number, name in enumerate(PRIMARY_ORDER)]
    ranked += [
        (_rank(measure), 1, int(measure.higher_is_better), name)
        for name, measure in others.items()
        if measure.higher_is_better is not None
    ]
    return [name for *_, name in sorted(ranked)]


def coverage_order(directions: Directions | None = None) -> list[str]:
    """Return all measures of coverage by rank, those of other code (see ``Directions``) included."""
    others = [(name, each) for name, each in (directions or {}).items() if isinstance(each, Measure)]
    ranked = [(MEASURES[name].coverage_rank or 0, 0, name) for name in COVERAGE_ORDER]
    ranked += [
        (each.coverage_rank, 1, name)
        for name, each in others
        if name not in MEASURES and each.coverage_rank is not None
    ]
    return [name for *_, name in sorted(ranked)]


def _of_other_code(name: str, given: bool | Measure | None) -> Measure:
    return given if isinstance(given, Measure) else Measure(name.replace("_", " "), given, ".4g")


def measure_name(name: str, own: Iterable[str] = ()) -> str:
    """Return the loss, probe or measure that a name means, as in ``known_name``: ``fid`` for ``FID``.

    Args:
        name: As a user wrote it, perhaps with the suffix of averaged generators.
        own: Names of measures that ganbench does not define.
    """
    if name in MEASURES or name in LOSSES or name in PROBES:
        return name
    plain = {*own, *MEASURES}
    return known_name(name, {*plain, *map(averaged, plain), *PROBES, *LOSSES})


@cache
def possible_range(name: str) -> Range:
    """Return the values that a measure or a probe can have; any value if that is not known."""
    plain = plain_name(name)
    return Range(*MEASURES[plain].range) if plain in MEASURES else PROBE_RANGES.get(plain, ANY)


def describe(name: str, directions: Directions | None = None) -> Measure:
    """The description of a measure; the label of an average says so.

    Args:
        name: Of the measure.
        directions: ``Metadata.directions`` of a record, which has measures of other code too.

    Raises:
        KeyError: neither ganbench nor ``directions`` knows the measure.
    """
    plain = plain_name(name)
    measure = MEASURES.get(plain) or _of_other_code(plain, (directions or {})[plain])
    return measure._replace(label=f"{measure.label}, EMA", table="details") if is_averaged(name) else measure
