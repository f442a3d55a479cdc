"""Which measure of each dataset a comparison tests."""

from __future__ import annotations

from bench.catalogue import suggestion
from bench.catalogue.metrics.measures import Measure, known_name
from bench.errors import ResultsError
from bench.evidence.gate.comparability import check_same_directions
from bench.evidence.results import Evidence
from bench.plan.rules import GateOptions


def measures_to_compare(one: Evidence, other: Evidence, gate: GateOptions) -> dict[str, tuple[str, Measure]]:
    """Return the measure to compare of every dataset of both sides that has one, by dataset.

    Raises:
        ResultsError: A measure or a tolerance does not fit.
    """
    measures: dict[str, tuple[str, Measure]] = {}
    for dataset in one.datasets():
        if dataset in other.datasets():
            check_same_directions(dataset, one, other)
            measure = _measure_to_compare(one, other, dataset, gate.metric)
            if measure is not None:
                _check_tolerance(dataset, measure[1], gate)
                measures[dataset] = measure
    return measures


def _measure_to_compare(one: Evidence, other: Evidence, dataset: str, wanted: str | None) -> tuple[str, Measure] | None:
    shared = [name for name in one.measures(dataset) if name in other.measures(dataset)]
    name = wanted or one.primary(dataset) or other.primary(dataset)
    if name is None:
        return None
    name = known_name(name, shared)
    if name not in shared:
        raise ResultsError(f"--metric {name}: not measured on {dataset} on both sides{suggestion(name, shared)}")
    measure = one.describe(name)
    if measure.higher_is_better is None:
        raise ResultsError(f"--metric {name}: cannot be compared, because neither higher nor lower values are better")
    if other.describe(name).higher_is_better != measure.higher_is_better:
        raise ResultsError(f"--metric {name}: the two sides disagree on whether more is better")
    return name, measure


def _check_tolerance(dataset: str, measure: Measure, gate: GateOptions) -> None:
    tolerance = gate.tolerance_of(dataset)
    if measure.higher_is_better and tolerance >= 1:
        raise ResultsError(
            f"tolerance {tolerance:g} of {dataset}: {measure.label} cannot fall by more than all of it, so nothing "
            f"could be REGRESSED; give a number below 1"
        )
