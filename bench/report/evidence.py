"""What tables and figures are made of: the records of one folder, in the order of the matrix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.catalogue import entries
from bench.metrics import MEASURES, Measure
from bench.records import Metadata, axes_of, load, read_metadata, record_paths, traces

PLACE = ("loss", "architecture")


@dataclass(frozen=True)
class Evidence:
    """The records of a folder.

    Attributes:
        runs: One row a run, as ``bench.load`` gives them, in the order of the matrix.
        traces: Long form, as ``bench.traces`` gives them.
        metadata: Of every record, by run identity.
        axes: All axes but the dataset: loss and architecture first.
    """

    runs: pd.DataFrame
    traces: pd.DataFrame
    metadata: dict[str, Metadata]
    axes: list[str]

    @property
    def title(self) -> str:
        """Of the suite."""
        first = next(iter(self.metadata.values()))
        return str(first["title"] or first["suite"])

    def datasets(self) -> list[str]:
        """In the order of the matrix."""
        return list(self.runs["dataset"].unique())

    def measures(self, dataset: str) -> list[str]:
        """The measures that a dataset was evaluated by, as tables order them, averages after the raw ones."""
        there = self.runs.loc[self.runs["dataset"] == dataset].dropna(axis=1, how="all")
        known = [name for name in MEASURES if f"{name}_best" in there]
        return [name for plain in known for name in (plain, f"{plain}_ema") if f"{name}_best" in there]

    def varying(self, frame: pd.DataFrame) -> list[str]:
        """Loss and architecture, and the other axes on which a frame has more than one value."""
        return [axis for axis in self.axes if axis in PLACE or frame[axis].nunique(dropna=False) > 1]


def measure(name: str) -> Measure:
    """The description of a measure; an average's says so."""
    plain = MEASURES[name.removesuffix("_ema")]
    return plain._replace(label=f"{plain.label}, EMA") if name.endswith("_ema") else plain


def read_evidence(results: str | Path) -> Evidence:
    """The records below a folder.

    Raises:
        ResultsError: nothing there, or a record that cannot be read.
    """
    runs = load(results)
    metadata = {each["run"]: each for each in map(read_metadata, record_paths(results))}
    axes = [axis for axis in (*PLACE, *axes_of(list(metadata.values()))) if axis != "dataset"]
    axes = list(dict.fromkeys(axes))
    order = {axis: _order(axis, runs[axis].unique(), list(metadata.values())) for axis in ("dataset", *axes)}
    keys = [runs[axis].map(places.__getitem__) for axis, places in order.items()]
    position = pd.concat([*keys, runs["seed"]], axis=1).apply(tuple, axis=1)
    runs = runs.loc[position.sort_values().index].reset_index(drop=True)
    return Evidence(runs, traces(results), metadata, axes)


def _order(axis: str, values: Any, metadata: list[Metadata]) -> dict[Any, Any]:
    """Numbers by size; names as the catalogue has them, others after these by the alphabet."""
    if all(isinstance(value, int | float) for value in values):
        return {value: (value,) for value in values}
    names = list(entries(axis)) if axis in (*PLACE, "dataset") else []
    base = {str(each["axes"].get(axis)): str(_name(each, axis)) for each in metadata}
    return {
        value: (names.index(base[str(value)]) if base.get(str(value)) in names else len(names), str(value))
        for value in values
    }


def _name(metadata: Metadata, axis: str) -> Any:
    value = metadata["training"].get(axis)
    return value["name"] if isinstance(value, dict) else value
