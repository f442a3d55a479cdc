"""What tables and figures are made of: the records of one folder, in the order of the matrix."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd

from bench.catalogue import TABLES, entries
from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.metrics.measures import MEASURES, Measure, averaged, describe, plain_name
from bench.errors import ResultsError
from bench.evidence.outcomes import frame_with_outcomes, suite_rules
from bench.plan.rules import Gate, Reference, Rules
from bench.plan.suite import Suite
from bench.records.frames import axes_of, frame_of_traces, place
from bench.records.record import Record, read_record, record_paths
from bench.records.schema import Metadata

PLACE = ("loss", "architecture")


@dataclass(frozen=True)
class Evidence:
    """The records of a folder.

    Attributes:
        runs: One row a run, as ``bench.load`` gives them, in the order of the matrix.
        traces: Long form, as ``bench.traces`` gives them.
        records: What every run's record holds but its samples, by run identity.
        axes: All axes but the dataset: loss and architecture first.
        rules: The thresholds of the outcomes.
        references: Published numbers to stand beside these.
        gate: How a candidate is held against them.
    """

    runs: pd.DataFrame
    traces: pd.DataFrame
    records: dict[str, Record]
    axes: list[str]
    rules: Rules
    references: tuple[Reference, ...]
    gate: Gate

    @cached_property
    def metadata(self) -> dict[str, Metadata]:
        """Of every record, by run identity."""
        return {run: each.metadata for run, each in self.records.items()}

    @cached_property
    def directions(self) -> dict[str, bool | None]:
        """Of every measure of the records, whether more is better."""
        return {name: way for each in self.metadata.values() for name, way in each.higher_is_better.items()}

    @property
    def title(self) -> str:
        """Of the suite."""
        first = next(iter(self.metadata.values()))
        return str(first.title or first.suite)

    def datasets(self) -> list[str]:
        """In the order of the matrix."""
        return list(self.runs["dataset"].unique())

    def measures(self, dataset: str) -> list[str]:
        """The measures that a dataset was evaluated by, as tables order them, averages after the raw ones."""
        return self._measures[dataset]

    @cached_property
    def _measures(self) -> dict[str, list[str]]:
        there: dict[str, set[str]] = {}
        for each in self.metadata.values():
            there.setdefault(str(each.axes["dataset"]), set()).update(each.final)
        known = [*MEASURES, *(name for name in self.directions if name not in MEASURES)]
        order = [name for plain in known for name in (plain, averaged(plain))]
        return {dataset: [name for name in order if name in names] for dataset, names in there.items()}

    def describe(self, name: str) -> Measure:
        """What there is to say of a measure."""
        return describe(name, self.directions)

    def kinds(self, name: str) -> tuple[str, ...]:
        """The values of a measure: a best one only where more or less is better."""
        return ("final",) if self.describe(name).higher_is_better is None else ("final", "best")

    def untrained(self, runs: pd.DataFrame, name: str) -> float:
        """A measure of the generators before the first step, mean over runs; NaN where it is not known."""
        lines = self._untrained
        there = (lines["measure"] == name) & lines["run"].isin(runs["run"])
        return float(lines.loc[there, "value"].mean())

    @cached_property
    def _untrained(self) -> pd.DataFrame:
        return self.traces.loc[self.traces["step"] == 0]

    def primary(self, dataset: str) -> str | None:
        """The measure that the runs of a dataset are judged by."""
        names = self.runs.loc[self.runs["dataset"] == dataset, "primary"].dropna()
        return str(names.iloc[0]) if len(names) else None

    def modes(self, dataset: str) -> int:
        """How many modes, or classes, there are to cover; 0 where that is not known."""
        each = next(each for each in self.metadata.values() if each.axes["dataset"] == dataset)
        if each.data.modes:
            return len(each.data.modes.centres)
        extractor = EXTRACTORS.get(str(each.protocol.get("extractor")))
        return (extractor.classes if extractor else 0) or int(each.real.get("modes") or 0)

    def runs_of(self, dataset: str) -> pd.DataFrame:
        """The runs of a dataset, with their place on all axes but the loss as one text in the column "setting"."""
        runs = self.runs.loc[self.runs["dataset"] == dataset]
        axes = [axis for axis in self.varying(runs) if axis != "loss"]
        return runs.assign(setting=runs[axes].astype(str).agg(" · ".join, axis=1))

    def varying(self, frame: pd.DataFrame) -> list[str]:
        """Loss and architecture, and the other axes on which a frame has more than one value."""
        return [axis for axis in self.axes if axis in PLACE or frame[axis].nunique(dropna=False) > 1]


def real_data_value(runs: pd.DataFrame, name: str) -> float:
    """A measure of real data; NaN where there is none, as for a measure of the game."""
    column = f"{plain_name(name)}_real"
    known = runs[column].dropna() if column in runs else runs.iloc[:0]
    return float(known.iloc[0]) if len(known) else float("nan")


def cells(evidence: Evidence, dataset: str) -> list[tuple[str, pd.DataFrame]]:
    """The runs of every cell of a dataset with a short name: its place on the axes that have several."""
    here = evidence.runs_of(dataset)
    here = here.assign(setting=place_names(evidence, here))
    axes = evidence.varying(here)
    return [(str(runs["setting"].iloc[0]), runs) for _, runs in here.groupby(axes, sort=False, dropna=False)]


def place_names(evidence: Evidence, runs: pd.DataFrame, without: tuple[str, ...] = ()) -> list[str]:
    """The place of every run on the axes that have several values; a number says of what."""
    axes = [axis for axis in evidence.varying(runs) if axis not in without]
    several = [axis for axis in axes if runs[axis].nunique(dropna=False) > 1] or axes[:1]
    columns = [[_name_on_axis(axis, value) for value in runs[axis]] for axis in several]
    return [" · ".join(place) for place in zip(*columns, strict=True)]


def _name_on_axis(axis: str, value: object) -> str:
    return f"{axis} {value}" if isinstance(value, Real) and not isinstance(value, bool) else str(value)


def read_evidence(results: str | Path, preferred: Collection[str] = (), suite: Suite | None = None) -> Evidence:
    """The records below a folder.

    Where records of several experiments have the same place in the matrix, those of the ``preferred`` cells are taken.
    Outcomes follow the thresholds of ``suite``, else those that ``bench.evidence.outcomes.suite_rules`` finds.

    Raises:
        ResultsError: nothing there, a record that cannot be read, or several experiments in one place.
    """
    everything = [read_record(path) for path in record_paths(results)]
    runs = frame_with_outcomes(everything, suite)
    if runs["suite"].nunique() > 1:
        several = ", ".join(sorted(runs["suite"].unique()))
        raise ResultsError(f"{results} holds records of several suites ({several}); name the folder of one")
    by_run = {each.metadata.run: each for each in everything}
    runs = _one_experiment_a_place(runs, {run: each.metadata for run, each in by_run.items()}, preferred)
    records = {run: by_run[run] for run in runs["run"]}
    metadata = {run: each.metadata for run, each in records.items()}
    for dataset, group in runs.groupby("dataset", sort=False):
        _check_one_protocol(str(dataset), [metadata[run] for run in group["run"]])
    axes = [axis for axis in (*PLACE, *axes_of(list(metadata.values()))) if axis != "dataset"]
    axes = list(dict.fromkeys(axes))
    order = {axis: _order(axis, runs[axis].unique(), list(metadata.values())) for axis in ("dataset", *axes)}
    keys = [runs[axis].map(places.__getitem__) for axis, places in order.items()]
    position = pd.concat([*keys, runs["seed"]], axis=1).apply(tuple, axis=1)
    runs = runs.loc[position.sort_values().index].reset_index(drop=True)
    judged_by = suite_rules(str(runs["suite"].iloc[0]), metadata.values(), suite)
    return Evidence(runs, frame_of_traces(list(records.values())), records, axes, *judged_by)


def _one_experiment_a_place(
    runs: pd.DataFrame, metadata: dict[str, Metadata], preferred: Collection[str]
) -> pd.DataFrame:
    axes = axes_of(list(metadata.values()))
    runs = runs.assign(cell=[metadata[run].cell for run in runs["run"]])
    kept = []
    for where, group in runs.groupby(axes, sort=False, dropna=False):
        wanted = group[group["cell"].isin(preferred)] if group["cell"].nunique() > 1 else group
        if wanted["cell"].nunique() != 1:
            name = " · ".join(map(str, where))
            one, other = (metadata[run] for run in group.drop_duplicates("cell")["run"].iloc[:2])
            raise ResultsError(
                f"records of different experiments have the same place ({name}): {first_difference(one, other)}; "
                f"move some of them elsewhere, or run the suite again to report its own"
            )
        kept.append(wanted)
    return pd.concat(kept).drop(columns="cell")


def _check_one_protocol(dataset: str, records: list[Metadata]) -> None:
    for other in records[1:]:
        sections = ("protocol", "data")
        if any(getattr(other, section) != getattr(records[0], section) for section in sections):
            raise ResultsError(
                f"records of {dataset} were measured differently: {first_difference(records[0], other, sections)}; "
                f"move some of them elsewhere"
            )


SECTIONS = ("training", "evaluation", "protocol", "data")


def first_difference(one: Metadata, other: Metadata, sections: tuple[str, ...] = SECTIONS) -> str:
    """The first setting in which two records differ."""
    sides = [_flat(each.model_dump(mode="json", include=set(sections), exclude_unset=True)) for each in (one, other)]
    for key in sides[0] | sides[1]:
        left, right = (side.get(key) for side in sides)
        if left != right and not key.endswith("label"):
            return f"{key} is {left} and {right}"
    return "the code that made them differs in what decides numbers"


def _flat(table: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(table, dict):
        return {prefix: table}
    return {
        name: value for key, each in table.items() for name, value in _flat(each, f"{prefix}.{key}".strip(".")).items()
    }


def _order(axis: str, values: Any, metadata: list[Metadata]) -> dict[Any, Any]:
    """Numbers by size; names as the catalogue has them, others after these by the alphabet; no penalty comes first."""
    if all(isinstance(value, Real) for value in values):
        return {value: (value,) for value in values}
    known = list(entries(axis)) if axis in TABLES else []
    names = {str(place(each, axis)): _names(each, axis) for each in metadata}

    def position(value: object) -> tuple[Any, ...]:
        return ([known.index(n) if n in known else len(known) for n in names.get(str(value), ["?"])], str(value))

    return {value: position(value) for value in values}


def _names(metadata: Metadata, axis: str) -> list[str]:
    value = metadata.training.settings.get(axis)
    choices = value if isinstance(value, list) else [value]
    return [str(each["name"] if isinstance(each, dict) else each) for each in choices]
