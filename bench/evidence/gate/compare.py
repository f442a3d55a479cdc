"""Compares two folders of records, baseline and candidate, after checking that they are comparable."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from bench.catalogue import suggestion
from bench.catalogue.metrics.measure_names import plain_name
from bench.errors import ResultsError
from bench.evidence.gate.comparability import (
    check_same_protocols,
    check_same_suite,
    describe_same_code,
    describe_unchecked,
)
from bench.evidence.gate.compared_measures import measures_to_compare
from bench.evidence.gate.comparison import Comparison
from bench.evidence.gate.decision import compare_cells
from bench.evidence.gate.sameness import with_fingerprints
from bench.evidence.gate.specification_differences import changed_defaults, check_specifications
from bench.evidence.overlap_bounds import BOUND, OVERLAP
from bench.evidence.results import Evidence, read_evidence
from bench.plan.rules import OTHER_DATASETS, GateOptions, Tolerance
from bench.plan.specification import validated
from bench.plan.suite import CHECKOUT, Suite
from bench.records.addresses import is_address, readable_folder
from bench.records.frames import axes_of, axis_value
from bench.records.schema import Metadata

Missing = Literal["ok", "fail"]
RECORDED = CHECKOUT.parent / "results"  # the recorded results of a git checkout


def resolve(folder: str | Path) -> Path:
    """Return a results folder, given its path, its address, or the name of a suite with results.

    Raises:
        ResultsError: It does not exist.
    """
    if is_address(folder):
        return readable_folder(folder)
    for path in (Path(folder), Path("results") / folder, RECORDED / folder):
        if path.is_dir():
            return path
    beside = Path(folder).parent
    near = {str(beside / path.name) for path in beside.iterdir() if path.is_dir()} if beside.is_dir() else set()
    names = {path.name for root in (Path("results"), RECORDED) if root.is_dir() for path in root.iterdir()}
    nearest = get_close_matches(str(folder), near, n=1) or names  # "baseline" rather than a suite of ganbench
    raise ResultsError(f"there is no results folder {folder}{suggestion(str(folder), nearest)}")


# Long: the checks of comparability, in the order in which a user meets them.
def compare(
    baseline: str | Path,
    candidate: str | Path,
    *,
    metric: str | None = None,
    alpha: float | None = None,
    tolerance: Tolerance | None = None,
    failure_tolerance: float | None = None,
    suite: Suite | None = None,
    only: Collection[Mapping[str, str]] | None = None,
    seeds: tuple[Collection[int] | None, Collection[int] | None] = (None, None),
    extra_tests: int = 0,
    missing: Missing = "fail",
    allow: Collection[str] = (),
) -> Comparison:
    """Compare the runs of a candidate with those of a baseline.

    Args:
        baseline: A results folder, or the name of a suite with recorded results.
        candidate: A results folder, or the name of a suite with recorded results.
        metric: The measure to compare. [default: the suite's, or else the primary measure]
        alpha: Family-wise false-alarm rate. [default: the suite's]
        tolerance: Maximum tolerated relative degradation of the measure: for all datasets, or a table dataset label →
            tolerance, which leaves the suite's for the others unless it has the key ``default``. [default: the suite's]
        failure_tolerance: Maximum tolerated increase of the failure rate. [default: the suite's]
        suite: The suite whose thresholds apply. [default: see ``bench.evidence.suite_rules.suite_rules``]
        only: The cells to compare, each as axis → label. [default: all]
        seeds: The seeds of baseline and of candidate to compare. [default: all]
        extra_tests: See ``bench.evidence.gate.decision.decide``.
        missing: Whether a cell without any run in the candidate is REGRESSED ("fail") or left out ("ok").
        allow: Settings that may differ: see ``check_specifications``.

    Raises:
        ResultsError: There are no results, or they are not comparable; the message names the difference.
    """
    folders = resolve(baseline), resolve(candidate)
    one, other = _read_both(folders, suite)
    options = {"metric": metric, "alpha": alpha, "tolerance": tolerance, "failure_tolerance": failure_tolerance}
    gate = with_options(one.gate, options, {*one.datasets(), *other.datasets()})
    measures = measures_to_compare(one, other, gate)
    axes = _dividing_axes(one, other)
    frames = [_runs_to_compare(each, axes, only, wanted) for each, wanted in zip((one, other), seeds, strict=True)]
    sides = [set(_cells(frame, axes)) for frame in frames]
    if not sides[0] & sides[1]:
        examples = [" · ".join(next(iter(sorted(side)), ("none",))) for side in sides]
        raise ResultsError(
            f"not comparable: no cell in common (for example, baseline: {examples[0]}; candidate: {examples[1]})"
        )
    pairs = _pairs(sides, frames, axes, (one, other))
    check_same_protocols(pairs)
    differences = check_specifications(one, other, pairs, allow)
    gone = []
    if missing == "ok":
        gone = [" · ".join(cell) for cell in dict.fromkeys(_cells(frames[0], axes)) if cell not in sides[1]]
        frames[0] = frames[0][[cell in sides[1] for cell in _cells(frames[0], axes)]]
    cells = compare_cells(frames[0], frames[1], axes, measures, gate, extra_tests)
    compared = {tuple(cell.axes.values()) for cell in cells}
    new = [" · ".join(cell) for cell in dict.fromkeys(_cells(frames[1], axes)) if cell not in compared]
    labels = sorted({measure.label for _, measure in measures.values()})
    return Comparison(
        baseline=folders[0],
        candidate=folders[1],
        suite=f"{one.runs['suite'].iloc[0]} version {one.runs['version'].max()}",
        gate=gate,
        cells=cells,
        axes=[axis for axis in axes if len({str(cell.axes[axis]) for cell in cells if not cell.pooled}) > 1]
        or axes[:1],
        new=new,
        protocol=f"final {' and '.join(labels)} of stable runs, and failures" if labels else "failures",
        unchecked=describe_unchecked(pairs.values()),
        gone=gone,
        differences=differences,
        defaults=changed_defaults(pairs.values()),
        same_code="" if differences else describe_same_code(one, other),
    )


def _read_both(folders: tuple[Path, Path], suite: Suite | None) -> tuple[Evidence, Evidence]:
    """Read both sides; one measure classifies all runs of a dataset, also where one side lacks the overlap."""
    one, other = (read_evidence(folder, suite=suite) for folder in folders)
    check_same_suite(one, other)
    bounded = [
        name
        for name in one.datasets()
        if {plain_name(each.primary(name) or "") for each in (one, other)} == {OVERLAP, BOUND}
    ]
    if bounded:
        one, other = (read_evidence(folder, suite=suite, bounded=bounded) for folder in folders)
    return one, other


def _runs_to_compare(
    evidence: Evidence,
    axes: list[str],
    only: Collection[Mapping[str, str]] | None,
    seeds: Collection[int] | None,
) -> pd.DataFrame:
    """Return the runs of one side, with the labels of the axes, in the cells and with the seeds that are wanted."""
    frame = _with_labels(evidence, with_fingerprints(evidence), axes)
    if only is not None:
        frame = frame[[_matches_any(cell, axes, only) for cell in _cells(frame, axes)]]
    return frame if seeds is None else frame[_is_among(frame["seed"], seeds)]


def with_options(gate: GateOptions, options: Mapping[str, Any], datasets: Collection[str]) -> GateOptions:
    """Return a gate with some options replaced; those that are None are kept.

    A table of tolerances replaces those of its datasets.

    Args:
        gate: The gate.
        options: Its fields → their values.
        datasets: The datasets that a table of tolerances can name.

    Raises:
        SuiteError: A value is invalid.
        ResultsError: A table of tolerances names an unknown dataset.
    """
    given = {key: value for key, value in options.items() if value is not None}
    if isinstance(table := given.get("tolerance"), dict):
        for dataset in table:
            if dataset not in datasets and dataset != OTHER_DATASETS:
                raise ResultsError(
                    f"--tolerance: no dataset {dataset!r} in these results{suggestion(dataset, datasets)}"
                )
        given["tolerance"] = {**gate.tolerances, **table}
    return validated(GateOptions, {**gate.model_dump(), **given}, "compare")


def _dividing_axes(one: Evidence, other: Evidence) -> list[str]:
    """Return the axes that define a cell: all but those that one side alone has, with one value that the other has not.

    A setting that replaces the suite's (``--set steps=400``) is such an axis. It is a difference of specification.
    """
    sides = [list(each.metadata.values()) for each in (one, other)]
    own = [axes_of(side) for side in sides]

    def divides(axis: str) -> bool:
        values = [{str(axis_value(record, axis)) for record in side} for side in sides]
        return all(axis in axes for axes in own) or max(map(len, values)) > 1 or values[0] == values[1]

    return [axis for axis in axes_of([*sides[0], *sides[1]]) if divides(axis)]


def _with_labels(evidence: Evidence, runs: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    return runs.assign(
        **{axis: [str(axis_value(evidence.metadata[run], axis)) for run in runs["run"]] for axis in axes}
    )


def _cells(frame: pd.DataFrame, axes: list[str]) -> list[tuple[str, ...]]:
    """Return the cell of each run, as its labels on the axes."""
    return list(frame[axes].itertuples(index=False, name=None))


def _pairs(
    sides: list[set[tuple[str, ...]]], frames: list[pd.DataFrame], axes: list[str], evidence: tuple[Evidence, Evidence]
) -> dict[str, tuple[Metadata, Metadata]]:
    """Return the name of each cell that both sides have → a record of each side, in the order of the matrix."""
    first = [dict(zip(reversed(_cells(frame, axes)), reversed(list(frame["run"])), strict=True)) for frame in frames]
    return {
        " · ".join(cell): (evidence[0].metadata[first[0][cell]], evidence[1].metadata[first[1][cell]])
        for cell in dict.fromkeys(_cells(frames[0], axes))
        if cell in sides[1]
    }


def _is_among(seeds: pd.Series, wanted: Collection[int]) -> list[bool]:
    """Return whether each seed is wanted; ``isin`` compares integers of more than 63 bits as floats."""
    exact = frozenset(wanted)
    return [seed in exact for seed in seeds.tolist()]


def _matches_any(cell: tuple[str, ...], axes: list[str], wanted: Collection[Mapping[str, str]]) -> bool:
    """Return whether a cell is among the wanted ones, ignoring axes that they do not mention."""
    labels = dict(zip(axes, cell, strict=True))
    return any(all(each.get(axis, label) == label for axis, label in labels.items()) for each in wanted)
