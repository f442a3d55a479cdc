"""Reads the records of a results folder, in the order of the matrix, for tables, figures and comparisons."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd

from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.metrics.measures import MEASURES, Directions, Measure, averaged, describe, plain_name
from bench.errors import ResultsError
from bench.evidence.agreement import check_directions, check_one_protocol
from bench.evidence.endings import with_endings
from bench.evidence.outcomes import frame_with_outcomes
from bench.evidence.overlap_bounds import with_overlap_bounds
from bench.evidence.search import TechniqueResult, in_matrix_order, separate
from bench.evidence.statistics.intervals import t_interval
from bench.evidence.suite_matrix import in_order, planning_problem, title_of_suite, with_labels_of_today
from bench.evidence.suite_rules import latest_records, suite_rules
from bench.plan.published import PublishedResult
from bench.plan.rules import GateOptions, Rules
from bench.plan.suite import Suite
from bench.records.differences import first_difference
from bench.records.frames import axes_of, frame_of_traces
from bench.records.record import Record, read_all, read_record
from bench.records.schema import Metadata

CELL_AXES = ("loss", "architecture")


@dataclass(frozen=True)
class Evidence:
    """The records of a results folder.

    Attributes:
        runs: One row per run, as ``bench.load`` returns them, in the order of the matrix.
        traces: Traces in long form, as ``bench.traces`` returns them.
        records: The record of each run, without samples, by run identity.
        axes: All axes except the dataset, with loss and architecture first.
        rules: The thresholds of outcomes.
        references: Published results to show next to these.
        gate: Options for comparisons with a candidate.
        search: What the tuning runs came to, by technique; empty if the suite has no search. The other attributes
            hold only the runs that confirm, or all tuning runs if nothing is confirmed yet.
        names: Names of measures and of axes that were chosen for a report.
        chosen_title: A title that was chosen for a report, or "".
        suite_title: The title of the suite as it is today; empty if its version is another one now.
        label_prefix: What the LaTeX labels of tables begin with, after ``tab:``.
        notices: What readers of a report should know of these records, as sentences.
    """

    runs: pd.DataFrame
    traces: pd.DataFrame
    records: dict[str, Record]
    axes: list[str]
    rules: Rules
    references: tuple[PublishedResult, ...]
    gate: GateOptions
    search: tuple[TechniqueResult, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    chosen_title: str = ""
    suite_title: str = ""
    label_prefix: str = ""
    notices: tuple[str, ...] = ()

    @cached_property
    def metadata(self) -> dict[str, Metadata]:
        """The metadata of each record, by run identity."""
        return {run: record.metadata for run, record in self.records.items()}

    @cached_property
    def directions(self) -> Directions:
        """Whether higher is better, for every measure in the records, or its whole description."""
        merged: dict[str, bool | Measure | None] = {}
        higher: dict[str, bool | None] = {}
        for metadata in self.metadata.values():
            for name, given in metadata.higher_is_better.items():
                if higher.setdefault(name, given) != given:
                    raise ResultsError(
                        f"records disagree on whether more is better for the measure {name!r}; "
                        f"move the records of one version of its metric to another folder"
                    )
            merged.update(metadata.directions)
        return merged

    @property
    def title(self) -> str:
        """The title of the suite, or the one chosen for a report."""
        recorded = latest_records(self.metadata.values())[0]
        return self.chosen_title or self.suite_title or str(recorded.title or recorded.suite)

    def datasets(self) -> list[str]:
        """Return the datasets in the order of the matrix."""
        return list(self.runs["dataset"].unique())

    def measures(self, dataset: str) -> list[str]:
        """Return the measures of a dataset in the order of tables, each followed by that of the averaged generator."""
        return self._measures[dataset]

    @cached_property
    def _measures(self) -> dict[str, list[str]]:
        measured: dict[str, set[str]] = {}
        for metadata in self.metadata.values():
            measured.setdefault(str(metadata.axes["dataset"]), set()).update(metadata.final)
        plain = [*MEASURES, *(name for name in self.directions if name not in MEASURES)]
        order = [name for base in plain for name in (base, averaged(base))]
        return {dataset: [name for name in order if name in names] for dataset, names in measured.items()}

    def describe(self, name: str) -> Measure:
        """Return the description of a measure."""
        about = describe(name, self.directions)
        return about._replace(label=self.names[name]) if name in self.names else about

    def axis_name(self, axis: str) -> str:
        """Return the name of an axis in tables."""
        return self.names.get(axis, axis.replace("_", " "))

    def kinds(self, name: str) -> tuple[str, ...]:
        """Return the summaries of a measure: ``best`` only if higher or lower values are better."""
        has_best = self.describe(name).higher_is_better is not None and f"{name}_best" in self.runs
        return ("final", "best") if has_best else ("final",)

    def untrained(self, runs: pd.DataFrame, name: str) -> float:
        """Return the mean over runs of a measure at step 0, of its finite values; NaN if there are none."""
        rows = self._untrained
        selected = (rows["measure"] == name) & rows["run"].isin(runs["run"])
        values = rows.loc[selected, "value"].to_numpy(float)
        return t_interval(values[np.isfinite(values)]).mean

    @cached_property
    def _untrained(self) -> pd.DataFrame:
        return self.traces.loc[self.traces["step"] == 0]

    def primary(self, dataset: str) -> str | None:
        """Return the measure by which the runs of a dataset are classified; None if there is none."""
        names = self.runs.loc[self.runs["dataset"] == dataset, "primary"].dropna()
        return str(names.iloc[0]) if len(names) else None

    def modes(self, dataset: str) -> int:
        """Return the number of modes, or classes, of a dataset; 0 if unknown."""
        metadata = next(each for each in self.metadata.values() if each.axes["dataset"] == dataset)
        if metadata.data.modes:
            return len(metadata.data.modes.centres or metadata.data.modes.names)
        extractor = EXTRACTORS.get(str(metadata.protocol.get("extractor")))
        return (extractor.classes if extractor else 0) or int(metadata.real.get("modes") or 0)

    def runs_of(self, dataset: str) -> pd.DataFrame:
        """Return the runs of a dataset, with a column "setting": their labels on all varying axes except the loss."""
        runs = self.runs.loc[self.runs["dataset"] == dataset]
        axes = [axis for axis in self.varying(runs) if axis != "loss"]
        return runs.assign(setting=runs[axes].astype(str).agg(" · ".join, axis=1))

    def varying(self, frame: pd.DataFrame) -> list[str]:
        """Return loss, architecture, and the other axes on which a frame has several values."""
        return [axis for axis in self.axes if axis in CELL_AXES or frame[axis].nunique(dropna=False) > 1]


def real_data_value(runs: pd.DataFrame, name: str) -> float:
    """Return a measure on real data; NaN if there is none, as for measures of the game."""
    values = runs.get(f"{plain_name(name)}_real", pd.Series(dtype=float)).dropna()
    return float(values.iloc[0]) if len(values) else float("nan")


def cells(evidence: Evidence, dataset: str) -> list[tuple[str, pd.DataFrame]]:
    """Return the short name and the runs of every cell of a dataset."""
    runs = (found := evidence.runs_of(dataset)).assign(setting=cell_labels(evidence, found))
    groups = runs.groupby(evidence.varying(runs), sort=False, dropna=False)
    return [(str(cell["setting"].iloc[0]), cell) for _, cell in groups]


def cell_labels(evidence: Evidence, runs: pd.DataFrame, without: tuple[str, ...] = ()) -> list[str]:
    """Return the short name of each run's cell: its labels on the axes with several values.

    A number is preceded by the name of its axis. The loss is left out where each family has one.
    """
    without = (*without, "loss") if leading_axis(runs) == "family" else without
    axes = [axis for axis in evidence.varying(runs) if axis not in without]
    several = [axis for axis in axes if runs[axis].nunique(dropna=False) > 1] or axes[:1]
    columns = [[_label(evidence.names.get(axis, axis), value) for value in runs[axis]] for axis in several]
    return [" · ".join(labels) for labels in zip(*columns, strict=True)]


def leading_axis(runs: pd.DataFrame) -> str:
    """Return the axis that figures compare: the loss, or the family where there are several with one loss each."""
    losses = runs.groupby("family")["loss"].nunique() if "family" in runs else []
    return "family" if len(losses) > 1 and max(losses) == 1 else "loss"


def _label(axis: str, value: object) -> str:
    return f"{axis} {value}" if isinstance(value, Real) and not isinstance(value, bool) else str(value)


def read_evidence(
    results: str | Path, preferred: Collection[str] = (), suite: Suite | None = None, bounded: Collection[str] = ()
) -> Evidence:
    """Return the records of a results folder.

    Args:
        results: The folder.
        preferred: Cells (``Run.cell``) to read if records of several experiments have the same labels on all axes.
        suite: The suite whose thresholds apply. [default: see ``bench.evidence.suite_rules.suite_rules``]
        bounded: The ``datasets`` of ``bench.evidence.overlap_bounds.with_overlap_bounds``.

    Raises:
        ResultsError: There are no records, a record cannot be read, or records cannot be shown together.
    """
    judged = with_overlap_bounds(with_endings(read_all(results, read_record)), bounded)
    judged = with_labels_of_today(judged, suite)
    everything, search = separate(judged, suite, preferred)
    runs = frame_with_outcomes(everything, suite)
    if len(several := sorted(runs["suite"].unique())) > 1:
        raise ResultsError(f"{results} holds records of several suites ({', '.join(several)}); give the folder of one")
    by_run = {record.metadata.run: record for record in everything}
    runs = _without_duplicates(runs, {run: record.metadata for run, record in by_run.items()}, preferred)
    records = {run: by_run[run] for run in runs["run"]}
    metadata = {run: record.metadata for run, record in records.items()}
    check_directions(metadata.values())
    for name, group in runs.groupby("dataset", sort=False):
        check_one_protocol(str(name), [metadata[run] for run in group["run"]])
    axes = list(dict.fromkeys(each for each in (*CELL_AXES, *axes_of(list(metadata.values()))) if each != "dataset"))
    runs = in_order(runs, ("dataset", *axes), list(metadata.values()), suite)
    rules = suite_rules(str(runs["suite"].iloc[0]), metadata.values(), suite)
    traces, ordered = frame_of_traces(list(records.values())), in_matrix_order(search, runs)
    notices = tuple(filter(None, [planning_problem(suite)]))
    title = title_of_suite(latest_records(metadata.values())[0], suite)
    return Evidence(runs, traces, records, axes, *rules, ordered, suite_title=title, notices=notices)


def _without_duplicates(runs: pd.DataFrame, metadata: dict[str, Metadata], preferred: Collection[str]) -> pd.DataFrame:
    """Return the runs with one experiment per combination of labels: the preferred one if there are several."""
    axes = axes_of(list(metadata.values()))
    of_runs = pd.Series([metadata[run].cell for run in runs["run"]], runs.index, name="cell")
    runs = pd.concat([runs, of_runs], axis=1)  # pandas warns of columns that are added one by one to many others
    kept = []
    for labels, group in runs.groupby(axes, sort=False, dropna=False):
        wanted = group[group["cell"].isin(preferred)] if group["cell"].nunique() > 1 else group
        if wanted["cell"].nunique() != 1:
            name = " · ".join(map(str, labels))
            one, other = (metadata[run] for run in group.drop_duplicates("cell")["run"].iloc[:2])
            raise ResultsError(
                f"records of different experiments have the same labels ({name}): {first_difference(one, other)}; "
                f"move one of them to another folder, or run the suite again to report its own records"
            )
        kept.append(wanted)
    return pd.concat(kept).drop(columns="cell")
