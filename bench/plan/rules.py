"""How a suite judges its runs: outcome thresholds, options of the gate and published results to compare with."""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from bench.catalogue import Options, suggestion
from bench.catalogue.metrics.declared import declared_measures
from bench.catalogue.metrics.measures import MEASURES, Directions, Measure, describe, measure_name, plain_name
from bench.errors import SuiteError


def check_measure(name: str, key: str, recorded: Directions | None = None) -> Measure:
    """Return the description of a measure, with or without the suffix of averaged generators (``fd_ema``).

    Args:
        name: The measure: one of ganbench, or one that a metric of another package declares.
        key: Where it is named.
        recorded: Measures of records, which are known even if the other package is not installed.

    Raises:
        SuiteError: There is no such measure; the message suggests the closest name.
    """
    known: Directions = {**MEASURES, **(recorded or {})}
    if plain_name(name) not in known:
        known = {**known, **declared_measures()}
    if plain_name(name) not in known:
        raise SuiteError(f"{key}: unknown measure {name!r}{suggestion(name, known)}")
    return describe(name, known)


def as_threshold(given: object) -> object:
    """Validate one number for all datasets, or a table dataset → number.

    Raises:
        ValueError: It is neither.
    """
    numbers: list[Any] = list(given.values()) if isinstance(given, dict) else [given]
    valid = [type(number) in (int, float) and math.isfinite(number) for number in numbers]
    if not valid or not all(valid):
        raise ValueError("expected a finite number, or a table dataset → number")
    return {key: float(value) for key, value in given.items()} if isinstance(given, dict) else given


Threshold = Annotated[float | dict[str, float] | None, BeforeValidator(lambda v: v if v is None else as_threshold(v))]


def as_tolerance(given: object) -> object:
    """Validate one share for all datasets, or a table dataset → share, in which ``default`` is for all other datasets.

    Raises:
        ValueError: It is neither, or a share is not between 0 and 10.
    """
    table: dict[str, Any] = given if isinstance(given, dict) and given else {"": given}
    for dataset, share in table.items():
        if type(share) not in (int, float) or not 0 <= share <= MOST_TOLERATED:
            or_table = f"; for {dataset!r} it is {share!r}" if dataset else ", or a table dataset → number"
            raise ValueError(f"expected a number from 0 to {MOST_TOLERATED}{or_table}")
    return {key: float(value) for key, value in table.items()} if given is table else float(table[""])


MOST_TOLERATED = 10
DEFAULT_TOLERANCE = 0.25
OTHER_DATASETS = "default"  # key of a table of tolerances
Tolerance = float | dict[str, float]
Share = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Factor = Annotated[float, Field(gt=1)]


class Thresholds(NamedTuple):
    """The thresholds that depend on the primary measure; docs/measures.md justifies the defaults."""

    never_learned: float = 0.55
    relapsed: float = 1.5
    oscillating: float = 0.5


OF_OVERLAP = Thresholds(never_learned=0.25, relapsed=1.25, oscillating=0.2)
OVERLAPS = ("overlap", "overlap_at_least")
DEFAULTS = {**dict.fromkeys(OVERLAPS, OF_OVERLAP), "answer_error": Thresholds(never_learned=0.25)}
COLLAPSED_MODES, COLLAPSED_SHARE = 0.85, 0.5
FORMER_DEFAULTS = {"never_learned": 0.5, "collapsed": 0.5, "relapsed": 1.5, "oscillating": 0.5}


def chosen_rules(recorded: dict[str, Any]) -> dict[str, Any]:
    """Return the rules that a suite chose, of those in a record.

    Records were once written with all rules, the defaults of that time included. Those are left out here, because they
    were not chosen, and are superseded.
    """
    supported = {key: value for key, value in recorded.items() if key in Rules.model_fields}
    if "primary" in recorded and "exploding" in recorded:
        return {key: value for key, value in supported.items() if FORMER_DEFAULTS.get(key) != value}
    return supported


class Rules(Options):
    """Outcome thresholds. They change no number of a run, so they can change without training again.

    Attributes:
        primary: The measure that classifies runs. By default the first of ``primary_order`` that was evaluated.
        never_learned: A run never learned if at its best evaluation more than this fraction of the way from the
            untrained generator to real data remains: by default 0.25 for ``overlap`` and ``answer_error`` and 0.55 for
            other measures. For positive distances the way is measured in logarithms.
        tau: A run never learned if its primary measure never reaches this value, which then replaces
            ``never_learned``; for all datasets or by dataset label.
        collapsed: A run collapsed if it ends below this fraction of the modes of real data, by default 0.85; of recall,
            then coverage, if modes were not measured, by default 0.5.
        relapsed: A run relapsed if its last value is more than this many times worse than its best, by default
            1.25 for ``overlap`` and 1.5 for other measures.
        oscillating: A run oscillates if the coefficient of variation of its last third exceeds this, by default 0.2 for
            ``overlap`` and 0.5 for other measures.
        near: Fraction of the gap within which all values count as equally good.
        exploding: A run diverged if its primary measure stays above this many times the untrained generator's.
        exploding_loss: A run diverged if the absolute value of the critic's loss exceeds this.
        reach: Value of the primary measure for time-to-threshold, for all datasets or by dataset label.
    """

    primary: str | None = None
    never_learned: Share | None = None
    tau: Threshold = None
    collapsed: Share | None = None
    relapsed: Factor | None = None
    oscillating: Positive | None = None
    near: Annotated[float, Field(ge=0, lt=1)] = 0.01
    exploding: Factor = 100.0
    exploding_loss: Positive = 1e8
    reach: Threshold = None

    @field_validator("primary")
    @classmethod
    def _a_measure(cls, primary: str | None, info: ValidationInfo) -> str | None:
        primary = None if primary is None else measure_name(primary)
        if primary is not None and check_measure(primary, "primary", info.context).higher_is_better is None:
            raise SuiteError(f"primary: for {primary!r} neither higher nor lower is better, so it cannot classify runs")
        return primary

    def thresholds(self, measure: str) -> Thresholds:
        """Return the thresholds for a primary measure: those that are set, and the defaults of the measure."""
        defaults = DEFAULTS.get(plain_name(measure), Thresholds())
        given = {name: getattr(self, name) for name in Thresholds._fields}
        return defaults._replace(**{name: value for name, value in given.items() if value is not None})

    def collapsed_of(self, coverage: str) -> float:
        """Return the share of the coverage of real data below which a run collapsed."""
        if self.collapsed is not None:
            return self.collapsed
        return COLLAPSED_MODES if plain_name(coverage) == "modes" else COLLAPSED_SHARE

    def tau_of(self, dataset: str) -> float | None:
        """Return the absolute threshold of never-learned for a dataset, or None."""
        return self.tau.get(dataset) if isinstance(self.tau, dict) else self.tau

    def reach_of(self, dataset: str) -> float | None:
        """Return the threshold of time-to-threshold for a dataset, or None."""
        return self.reach.get(dataset) if isinstance(self.reach, dict) else self.reach


class GateOptions(Options):
    """Options for comparing a candidate with a baseline. They change no number of a run.

    Attributes:
        alpha: Family-wise false-alarm rate of the comparison.
        tolerance: Maximum tolerated degradation of a measure, relative to the baseline; for all datasets or by dataset
            label, with ``default`` for the others.
        failure_tolerance: Maximum tolerated increase of the failure rate.
        metric: The measure to compare. By default the measure that classifies the runs.
    """

    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    tolerance: Annotated[Tolerance, BeforeValidator(as_tolerance)] = DEFAULT_TOLERANCE
    failure_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.25
    metric: str | None = None

    @field_validator("metric")
    @classmethod
    def _named(cls, metric: str | None) -> str | None:
        return None if metric is None else measure_name(metric)

    def tolerance_of(self, dataset: str) -> float:
        """Return the maximum tolerated degradation on a dataset."""
        if not isinstance(self.tolerance, dict):
            return self.tolerance
        return self.tolerance.get(dataset, self.tolerance.get(OTHER_DATASETS, DEFAULT_TOLERANCE))

    @property
    def tolerances(self) -> dict[str, float]:
        """The tolerances as a table: by dataset label, and ``default``."""
        table = self.tolerance if isinstance(self.tolerance, dict) else {OTHER_DATASETS: self.tolerance}
        return {OTHER_DATASETS: DEFAULT_TOLERANCE, **table}
