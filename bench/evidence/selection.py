"""The part of the evidence that a report shows: the runs with chosen values on some axes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from bench.catalogue import suggestion
from bench.errors import ResultsError
from bench.escaping import quote
from bench.evidence.results import Evidence
from bench.evidence.suite_matrix import catalogue_names
from bench.plan.published import PublishedResult

Filters = Mapping[str, Collection[str]]  # axis → values to keep


def selected(evidence: Evidence, filters: Filters) -> Evidence:
    """Return the evidence of the runs that have one of the given values on every given axis.

    Published results that are for other values only are left out too.

    Args:
        evidence: The records.
        filters: Axis → the values to keep, as labels or as names of the catalogue. What is a label on the axis does
            not mean the other runs of this name, which have labels of their own.

    Raises:
        ResultsError: There is no such axis, no such value on it, or no run remains.
    """
    if not filters:
        return evidence
    kept = evidence.runs
    for axis, wanted in filters.items():
        axes = ("dataset", *evidence.axes)
        if axis not in axes:
            raise ResultsError(f"--only: no axis {quote(axis)} in these records{suggestion(axis, axes)}")
        names = {run: _names(evidence, run, axis) for run in evidence.runs["run"]}
        known = set().union(*names.values())
        for value in sorted(set(wanted) - known):
            raise ResultsError(f"--only: axis {axis!r} has no value {quote(value)}{suggestion(value, known)}")
        own = {run: str(evidence.metadata[run].axes.get(axis)) for run in names}
        by_name = set(wanted) - set(own.values())
        kept = kept[[own[run] in wanted or bool(names[run] & by_name) for run in kept["run"]]]
    if kept.empty:
        raise ResultsError("--only: no run matches all of these filters")
    labels = {axis: set(kept[axis].astype(str)) for axis in filters}
    return replace(
        evidence,
        runs=kept.reset_index(drop=True),
        traces=evidence.traces[evidence.traces["run"].isin(kept["run"])].reset_index(drop=True),
        records={run: evidence.records[run] for run in kept["run"]},
        references=tuple(each for each in evidence.references if _concerns(each, labels)),
        search=tuple(
            each for each in evidence.search if all(str(each.axes.get(axis)) in labels[axis] for axis in labels)
        ),
    )


def _names(evidence: Evidence, run: str, axis: str) -> set[str]:
    metadata = evidence.metadata[run]
    chosen = catalogue_names(metadata, axis) if axis in metadata.training.settings else []
    return {str(metadata.axes.get(axis)), *chosen} - {"?"}


def _concerns(reference: PublishedResult, labels: Mapping[str, set[str]]) -> bool:
    return all(not reference.words(axis) or labels[axis] & set(reference.words(axis)) for axis in labels)
