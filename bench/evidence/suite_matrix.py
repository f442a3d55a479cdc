"""The matrix of the suite as it is today: its labels for records of yesterday, and the order of its values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import pandas as pd

from bench.catalogue import TABLES, entries
from bench.errors import GanbenchError
from bench.escaping import as_message
from bench.plan.identity import MAIN_AXES, without_labels
from bench.plan.labels import axis_label
from bench.plan.matrix import Cell, cells, nested
from bench.plan.suite import Suite, load_suite, suite_files
from bench.records.frames import axis_value
from bench.records.record import Record
from bench.records.schema import Metadata


def cells_of_suite(name: str, suite: Suite | None) -> list[Cell]:
    """Return the cells of a suite, or of the packaged suite of this name; none if neither can be planned.

    Records say all that a report needs, so a suite that names a plug-in that is not installed only costs its labels
    (see ``planning_problem``). A suite of which a part was removed keeps them: its overrides, thresholds and references
    may name datasets and losses that its matrix has no more.
    """
    try:
        suite = suite or _packaged(name)
        return [] if suite is None else cells(suite, partial=True)
    except GanbenchError:
        return []


def _packaged(name: str) -> Suite | None:
    return load_suite(name) if name in suite_files() else None


def title_of_suite(record: Metadata, suite: Suite | None) -> str:
    """Return the title of a suite, or of the packaged suite of a record; empty if its version is another one now."""
    try:
        suite = suite or _packaged(record.suite)
    except GanbenchError:
        return ""
    recorded = record.suite, record.version
    return suite.title if suite is not None and (suite.name, suite.version) == recorded else ""


def planning_problem(suite: Suite | None) -> str:
    """Return a sentence for the reader of a report if the cells of the given suite cannot be planned; empty if not."""
    if suite is None:
        return ""
    try:
        cells(suite, partial=True)
    except GanbenchError as error:
        consequence = "rows are in the order of its matrix, but records keep their own labels"
        return as_message(f"{suite.where}: {consequence}, because its cells cannot be planned: {error}")
    return ""


def order_of_suite(name: str, suite: Suite | None, axis: str) -> list[str]:
    """Return the labels of an axis in the order of the suite; from its matrix alone if its cells cannot be planned."""
    planned = cells_of_suite(name, suite)
    if planned or suite is None:
        return list(dict.fromkeys(str(cell.axes[axis]) for cell in planned if axis in cell.axes))
    return [str(axis_label(axis, nested(axis, value))) for value in suite.matrix.get(axis, ())]


class PlannedCell(NamedTuple):
    """A cell of the suite: its training specification, the part of it that is no default, and its labels."""

    complete: Mapping[str, Any]
    chosen: Mapping[str, Any]
    axes: Mapping[str, Any]

    def is_of(self, recorded: Mapping[str, Any]) -> bool:
        """Return whether a record has these settings; keys that it lacks must have their defaults."""
        return _agrees(recorded, self.complete) and _has_keys(self.chosen, recorded)


def with_labels_of_today(records: Collection[Record], suite: Suite | None) -> list[Record]:
    """Return the records with the labels that their cells have in the suite today.

    A record belongs to the cell with the same training specification. One that belongs to no cell, or to several, keeps
    its own labels, as do records of other suites.
    """
    planned: dict[str, dict[str, list[PlannedCell]]] = {}
    labels: dict[str, Mapping[str, Any]] = {}
    relabelled = []
    for record in records:
        metadata = record.metadata
        if metadata.suite not in planned:
            planned[metadata.suite] = _planned_cells(metadata.suite, suite)
        if metadata.cell not in labels:
            labels[metadata.cell] = _labels_of_today(metadata, planned[metadata.suite])
        axes = {axis: labels[metadata.cell].get(axis, label) for axis, label in metadata.axes.items()}
        changed = axes != metadata.axes
        relabelled.append(record._replace(metadata=metadata.model_copy(update={"axes": axes})) if changed else record)
    return relabelled


def _planned_cells(name: str, suite: Suite | None) -> dict[str, list[PlannedCell]]:
    """The cells of a suite by the names of their main choices."""
    planned: dict[str, list[PlannedCell]] = {}
    for cell in cells_of_suite(name, suite) if suite is None or suite.name == name else []:
        complete, chosen = (
            without_labels(cell.training.model_dump(mode="json", exclude_defaults=short)) for short in (False, True)
        )
        planned.setdefault(_main_choices(complete), []).append(PlannedCell(complete, chosen, cell.axes))
    return planned


def _main_choices(settings: Mapping[str, Any]) -> str:
    return str([settings.get(key, {}).get("name") for key in MAIN_AXES])


def _labels_of_today(metadata: Metadata, planned: Mapping[str, list[PlannedCell]]) -> Mapping[str, Any]:
    recorded = without_labels(metadata.training.settings)
    matching = [cell for cell in planned.get(_main_choices(recorded), ()) if cell.is_of(recorded)]
    return matching[0].axes if len(matching) == 1 else {}


def _agrees(recorded: Any, planned: Any) -> bool:
    if isinstance(recorded, Mapping) and isinstance(planned, Mapping):
        return all(key in planned and _agrees(value, planned[key]) for key, value in recorded.items())
    if isinstance(recorded, list) and isinstance(planned, list) and len(recorded) == len(planned):
        return all(map(_agrees, recorded, planned))
    return bool(recorded == planned)


def _has_keys(chosen: Any, recorded: Any) -> bool:
    if isinstance(chosen, Mapping):
        return isinstance(recorded, Mapping) and all(
            key in recorded and _has_keys(value, recorded[key]) for key, value in chosen.items()
        )
    if isinstance(chosen, list):
        return isinstance(recorded, list) and all(map(_has_keys, chosen, recorded))
    return True


def in_order(runs: pd.DataFrame, axes: Sequence[str], metadata: list[Metadata], suite: Suite | None) -> pd.DataFrame:
    """Return a frame of runs in the order of the matrix, and then of seeds.

    The values of an axis are in the order of the suite. Values that it does not have follow: numbers by size, names as
    in the catalogue, and then in alphabetical order.

    Args:
        runs: One row per run of one suite.
        axes: The axes, the first of which varies slowest.
        metadata: The metadata of the runs.
        suite: The suite; None means the packaged suite of the same name, if there is one.
    """
    keys = []
    for axis in axes:
        in_suite = order_of_suite(str(runs["suite"].iloc[0]), suite, axis)
        others = _catalogue_order(axis, runs[axis].unique(), metadata)
        place = {
            value: (in_suite.index(str(value)), ()) if str(value) in in_suite else (len(in_suite), others[value])
            for value in others
        }
        keys.append(runs[axis].map(place.__getitem__))
    position = pd.concat([*keys, runs["seed"]], axis=1).apply(tuple, axis=1)
    return runs.loc[position.sort_values().index].reset_index(drop=True)


def _catalogue_order(axis: str, values: Any, metadata: list[Metadata]) -> dict[Any, tuple[Any, ...]]:
    """Return a sort key for each label of an axis."""
    if all(isinstance(value, Real) for value in values):
        return {value: (value,) for value in values}
    catalogue = list(entries(axis)) if axis in TABLES else []
    names = {str(axis_value(each, axis)): catalogue_names(each, axis) for each in metadata}

    def sort_key(value: object) -> tuple[Any, ...]:
        chosen = names.get(str(value), ["?"])
        return ([catalogue.index(name) if name in catalogue else len(catalogue) for name in chosen], str(value))

    return {value: sort_key(value) for value in values}


def catalogue_names(metadata: Metadata, axis: str) -> list[str]:
    """Return the names in the catalogue of what a run has on an axis; "?" for one that has none."""
    value = metadata.training.settings.get(axis)
    choices = value if isinstance(value, list) else [value]
    return [str(choice.get("name", "?") if isinstance(choice, dict) else choice) for choice in choices]
