"""Checks that records can be shown together: one protocol per dataset, one direction per measure."""

from __future__ import annotations

from collections.abc import Iterable

from bench.catalogue.families import SAMPLER_KEYS
from bench.catalogue.metrics.measures import MEASURES
from bench.errors import ResultsError
from bench.records.differences import describe_disagreement, first_difference
from bench.records.schema import Metadata


def check_one_protocol(dataset: str, records: list[Metadata]) -> None:
    """Check that records of a dataset were measured in the same way, on the same data.

    Raises:
        ResultsError: They were not; the message names the first difference.
    """
    for other in records[1:]:
        sections = ("protocol", "data")
        if _measurement(other) != _measurement(records[0]):
            raise ResultsError(
                f"records of {dataset} were measured differently: {first_difference(records[0], other, sections)}; "
                f"move one of them to another folder"
            )


def _measurement(record: Metadata) -> tuple[object, object]:
    """Return how a record was measured, without how its model draws samples, which is a setting of the run."""
    return {key: value for key, value in record.protocol.items() if key not in SAMPLER_KEYS}, record.data


def check_directions(records: Iterable[Metadata]) -> None:
    """Check that records agree on whether higher values of a measure of other code are better.

    Raises:
        ResultsError: They do not.
    """
    known: dict[str, bool | None] = {}
    for record in records:
        for name, higher in record.higher_is_better.items():
            if name not in MEASURES and known.setdefault(name, higher) is not higher:
                raise ResultsError(describe_disagreement(name, known[name], higher, "some records", "others"))
