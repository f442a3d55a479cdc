"""Whether two results folders are of the same suite, and were measured in the same way as far as their records say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from bench.errors import ResultsError
from bench.evidence.gate.cell_tests import count_of
from bench.evidence.results import Evidence
from bench.evidence.states import count_unresolved, is_unresolved
from bench.records.differences import describe_disagreement, first_difference
from bench.records.schema import Data, Metadata


def check_same_suite(one: Evidence, other: Evidence) -> None:
    """Check that both sides are results of the same version of one suite.

    A side may hold runs of older versions, which the newest one has left as they were.

    Raises:
        ResultsError: They are not.
    """
    for column, word in (("suite", "suite"), ("version", "version of the suite")):
        sides = [evidence.runs[column].max() for evidence in (one, other)]
        if sides[0] != sides[1]:
            raise ResultsError(
                f"not comparable: the {word} is {sides[0]} in the baseline and {sides[1]} in the candidate"
            )


def check_same_directions(dataset: str, one: Evidence, other: Evidence) -> None:
    """Check that both sides agree for every measure of a dataset whether higher or lower is better.

    Raises:
        ResultsError: They do not; the message names the measure.
    """
    for name in set(one.measures(dataset)) & set(other.measures(dataset)):
        left, right = (each.describe(name).higher_is_better for each in (one, other))
        if left is not right:
            reason = describe_disagreement(name, left, right, "the baseline", "the candidate")
            raise ResultsError(f"not comparable: {reason}")


def check_same_protocols(pairs: Mapping[str, tuple[Metadata, Metadata]]) -> None:
    """Check that every cell was measured in the same way, as far as both sides record it.

    Args:
        pairs: Name of a cell that both sides have → a record of each side.

    Raises:
        ResultsError: One was not; the message names the difference.
    """
    for name, (a, b) in pairs.items():
        sections: tuple[str, ...] = ("protocol", "data", "evaluation")
        if _has_protocol(a) != _has_protocol(b):
            sections = ("data",) if a.data != Data() != b.data else ()
        if any(getattr(a, section) != getattr(b, section) for section in sections):
            reason = first_difference(a, b, sections, ("the baseline", "the candidate"))
            raise ResultsError(f"not comparable: {name} was measured differently: {reason}")


def describe_unchecked(pairs: Iterable[tuple[Metadata, Metadata]]) -> str:
    """Return which datasets have no protocol on one side or on both, in one line; empty if all have."""
    without: dict[str, dict[str, None]] = {}
    for pair in pairs:
        a, b = map(_has_protocol, pair)
        if not (a and b):
            reason = "neither side records a protocol"
            if a or b:
                reason = f"the {'candidate' if a else 'baseline'} records no protocol"
            without.setdefault(reason, {})[str(pair[0].axes["dataset"])] = None
    return "; ".join(
        f"it is unknown whether both sides measured {' and '.join(datasets)} in the same way, because {reason}"
        for reason, datasets in without.items()
    )


def describe_same_code(one: Evidence, other: Evidence) -> str:
    """Return the packages of plug-ins that both sides used, if no code differs between the sides; otherwise ""."""
    codes = [
        {(each.environment.ganbench, each.environment.commit, *sorted(each.environment.packages.items()))}
        for side in (one, other)
        for each in side.metadata.values()
    ]
    if len(set.union(*codes)) > 1:
        return ""
    return " and ".join(next(iter(one.metadata.values())).environment.packages)


def describe_unresolved(baseline: pd.DataFrame, candidate: pd.DataFrame) -> str:
    """Return how many runs of a cell cannot be judged, with the reason of the first of them; empty if all can."""
    sides = [
        (side, runs) for side, runs in (("baseline", baseline), ("candidate", candidate)) if count_unresolved(runs)
    ]
    if not sides:
        return ""
    counts = [f"{count_unresolved(runs)} of {count_of(len(runs), 'run')} of the {side}" for side, runs in sides]
    first = sides[0][1]
    return f"{' and '.join(counts)} {first.loc[is_unresolved(first), 'outcome_reason'].iloc[0]}"


def _has_protocol(metadata: Metadata) -> bool:
    return any(value is not None for value in metadata.protocol.values())
