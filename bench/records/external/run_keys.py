"""Which run each row of an imported table belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import TableError
from bench.plan.identity import MAIN_AXES, Label
from bench.records.external.column_roles import AXIS
from bench.records.external.number_format import NumberFormat, as_number
from bench.records.external.table_parts import Part

Key = tuple[tuple[Label, ...], int]  # the labels on all axes, and the seed
MOST_RUNS = 100_000  # each becomes a file
Codes = NDArray[np.int64]


class RunKeys(NamedTuple):
    """The runs of some tables, and the run of each row.

    Attributes:
        keys: The runs, in the order of their first rows.
        first: The part and the row in which each run begins.
        parts: The parts in which each run has rows.
        runs: Part by part, the number of the run of each row, [rows].
    """

    keys: list[Key]
    first: list[tuple[Part, int]]
    parts: list[list[Part]]
    runs: list[NDArray[np.int32]]

    def name(self, run: int) -> str:
        """Return the name of a run in messages."""
        labels, seed = self.keys[run]
        return " · ".join(map(str, (*labels, f"seed {seed}")))


def run_keys(parts: Sequence[Part]) -> RunKeys:
    """Return which run each row belongs to.

    Raises:
        TableError: An axis looks like a measure, or there are too many runs.
    """
    axes = parts[0].roles.axes
    labels = {axis: _labels(axis, parts) for axis in axes}
    for axis in axes:
        if axis not in MAIN_AXES and any(isinstance(label, float) for label in labels[axis].values()):
            for part in parts:
                if not {axis, axis.partition(".")[0]} & {*part.roles.explicit_axes}:
                    _check_not_measure(axis, part)
    known: dict[Any, int] = {}
    keys = RunKeys([], [], [], [])
    for part in parts:
        local, first = _groups(part, part.axes, labels)
        if len(first) > MOST_RUNS:
            where = " and ".join(f"{name!r}" for name in (*part.axes, *(["seed"] if "seed" in part.counts else [])))
            raise TableError(
                f"{part.roles.table.name}: {len(first):,} runs, but at most {MOST_RUNS:,} can be imported at once; "
                f"is a column mapped to the wrong one of {where}?"
            )
        numbers = []
        for row in first:
            place = tuple(_label(part, axis, int(row), labels[axis]) for axis in axes)
            seed = int(part.counts["seed"][row]) if "seed" in part.counts else int(part.roles.fixed["seed"])
            key = place, seed
            number = known.setdefault((tuple(map(type, place)), key), len(known))  # because True equals 1
            if number == len(keys.keys):
                keys.keys.append(key)
                keys.first.append((part, int(row)))
                keys.parts.append([])
            keys.parts[number].append(part)
            numbers.append(number)
        runs = np.array(numbers, dtype=np.int32)
        keys.runs.append(runs[local] if len(runs) > 1 else np.broadcast_to(runs, part.size))
    return keys


def groups_without_common_runs(parts: Sequence[Part], keys: RunKeys) -> list[list[int]]:
    """Return the numbers of parts in groups without a common run, because arrays of all parts would take much memory.

    Parts that share a run with any other make up one group.
    """
    shared = {id(part) for members in keys.parts if len(members) > 1 for part in members}
    together = [number for number, part in enumerate(parts) if id(part) in shared]
    alone = [[number] for number, part in enumerate(parts) if id(part) not in shared]
    return [*alone, together] if together else alone


def _labels(axis: str, parts: Sequence[Part]) -> dict[Any, Label]:
    """Return word → label: numbers if all words of an axis are finite numbers, else names."""
    words: dict[Any, None] = {}
    for part in parts:
        if axis in part.axes:
            words.update(dict.fromkeys((type(word), word) for word in part.axes[axis].words))
        elif axis in part.roles.labels:
            words[str, part.roles.labels[axis]] = None
    plain = [word for _, word in words]
    if axis not in MAIN_AXES and not any(isinstance(word, bool) for word in plain):
        written = parts[0].written
        for parse in (_whole, as_number):  # not pd.to_numeric: before pandas 3 it can be off in the last place
            try:
                numbers = [parse(word, written) for word in plain]
            except ValueError:
                continue
            if all(map(math.isfinite, numbers)):
                return dict(zip(words, numbers, strict=True))
    return {(kind, word): str(word) if axis in MAIN_AXES else word for kind, word in words}


def _whole(word: str, written: NumberFormat) -> int:
    """Return a word as an integer; 1.0 is none, because labels of other types are other cells."""
    return int(written.plain(word).removesuffix("."))


def _label(part: Part, axis: str, row: int, labels: dict[Any, Label]) -> Label:
    if axis in part.axes:
        column = part.axes[axis]
        word = column.words[column.codes.values[row]]
        return labels[type(word), word]
    if axis in part.roles.labels:
        return labels[str, part.roles.labels[axis]]
    value = part.roles.fixed[axis]
    return str(value) if axis in MAIN_AXES else value


def _groups(part: Part, axes: Iterable[str], labels: dict[str, dict[Any, Label]]) -> tuple[Codes, Codes]:
    """Return the group of each row by its labels and its seed, [rows], and the first row of each group."""
    columns = []
    for axis in axes:
        column = part.axes[axis]
        places: dict[Any, int] = {}
        same = [labels[axis][type(word), word] for word in column.words]  # 1.0 and 1.00 are one label
        unique = np.array([places.setdefault((type(one), one), len(places)) for one in same], dtype=np.int64)
        columns.append(unique[column.codes.values])
    if "seed" in part.counts:
        columns.append(part.counts["seed"])
    return _grouped(columns, part.size)


def _grouped(columns: Iterable[Codes], size: int) -> tuple[Codes, Codes]:
    groups, count = np.zeros(size, dtype=np.int64), 1
    columns = list(columns)
    if not columns:
        return groups, np.zeros(1, dtype=np.int64)
    for column in columns:
        codes, unique = pd.factorize(column)
        groups, unique = pd.factorize(groups * len(unique) + codes)
        count = len(unique)
    first = np.empty(count, dtype=np.int64)
    first[groups[::-1]] = np.arange(size - 1, -1, -1)  # of equal indices, the last one assigned stays
    return groups, first


def _check_not_measure(axis: str, part: Part) -> None:
    """Check that an axis is not a measure without a direction, which would turn nearly every row into a cell."""
    if axis not in part.axes or not part.size:
        return
    column = part.axes[axis]
    codes = column.codes.values.astype(np.int64)
    others = [part.axes[other].codes.values.astype(np.int64) for other in part.axes if other != axis]
    if "seed" in part.counts:
        others.append(part.counts["seed"])
    runs, first = _grouped(others, part.size)
    steps = part.counts.get("step", np.zeros(part.size, dtype=np.int64))
    one_run = len(_grouped([runs, steps], part.size)[1]) == part.size
    varies = len(_grouped([runs, codes], part.size)[1]) > len(first)
    if (one_run and varies) or len(column.words) > max(1, part.size / 2):
        name = part.roles.columns[axis]
        raise TableError(
            f"{part.roles.table.name}: column {name!r} looks like a measure, not like an axis {axis!r}: "
            f"use --lower {axis} or --higher {axis}, or --map {name}={AXIS}{axis}"
        )
