"""The search of a suite: the result of every drawn setting, the best of each technique, and what confirms it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.catalogue.metrics.measures import describe
from bench.evidence.outcomes import frame_with_outcomes
from bench.evidence.states import has_failed, is_unresolved
from bench.plan.confirmation import Technique, technique_axes, technique_of
from bench.plan.identity import Label
from bench.plan.suite import Suite
from bench.records.record import Record
from bench.records.schema import Metadata


@dataclass(frozen=True)
class SettingResult:
    """What the tuning runs of one setting came to.

    Attributes:
        cell: The cell of its runs, which its confirmation shares.
        draw: Its number.
        setting: The drawn values: key → value.
        runs: Number of tuning runs.
        failed: How many of them failed, or cannot be judged.
        value: Median of the final primary measure over these runs; infinitely bad if half of them have none.
        steps: Generator steps of all runs together.
    """

    cell: str
    draw: int
    setting: Mapping[str, Any]
    runs: int
    failed: int
    value: float
    steps: int

    @property
    def is_stable(self) -> bool:
        """Whether no tuning run failed."""
        return self.failed == 0


@dataclass(frozen=True)
class TechniqueResult:
    """The settings of one technique on one dataset.

    Attributes:
        axes: Its labels on the axes of the matrix.
        primary: The primary measure; None if there is none.
        higher_is_better: Its direction.
        settings: In the order of their draws.
        confirmed: The cell of the setting whose confirmation is shown; None if none is confirmed yet.
    """

    axes: Mapping[str, Label | None]
    primary: str | None
    higher_is_better: bool
    settings: tuple[SettingResult, ...]
    confirmed: str | None = None

    def ranked(self) -> list[SettingResult]:
        """Return the settings, the best first: fewest failures, then the better median, then the earlier draw."""
        sign = -1 if self.higher_is_better else 1
        return sorted(self.settings, key=lambda each: (each.failed / each.runs, sign * each.value, each.draw))

    @property
    def best(self) -> SettingResult:
        """The setting that is to be confirmed."""
        return self.ranked()[0]

    @property
    def shown(self) -> SettingResult | None:
        """The setting whose confirmation is shown."""
        return next((each for each in self.settings if each.cell == self.confirmed), None)

    def ranks(self) -> np.ndarray[Any, Any]:
        """Return the rank of every setting, [n], from 1 for the best."""
        position = {each.cell: rank for rank, each in enumerate(self.ranked(), 1)}
        return np.array([position[each.cell] for each in self.settings], dtype=float)

    def values(self) -> np.ndarray[Any, Any]:
        """Return the value of every setting, [n], infinitely bad where a run failed."""
        worst = -math.inf if self.higher_is_better else math.inf
        return np.array([each.value if each.is_stable else worst for each in self.settings])


def tuning_results(
    records: Iterable[Record], suite: Suite | None, places: Mapping[str, tuple[int, Mapping[str, Any]]] | None = None
) -> dict[Technique, TechniqueResult]:
    """Return the results of tuning runs by technique.

    Args:
        records: Their records, as ``bench.records.record.read_judged`` reads them.
        suite: The suite whose thresholds of outcomes apply; None means those of the records.
        places: Cell → number and values of its draw. [default: as the records have them]
    """
    records = list(records)
    if not records:
        return {}
    frame = frame_with_outcomes(records, suite)
    bad = (has_failed(frame) | is_unresolved(frame)).to_numpy()
    cells: dict[Technique, dict[str, list[int]]] = {}
    for number, record in enumerate(records):
        cells.setdefault(technique_of(record.metadata.axes), {}).setdefault(record.metadata.cell, []).append(number)
    results = {}
    for technique, members in cells.items():
        first = records[next(iter(members.values()))[0]].metadata
        primary = next(iter(frame.loc[[n for rows in members.values() for n in rows], "primary"].dropna()), None)
        higher = bool(primary and describe(primary, first.directions).higher_is_better)
        settings = []
        for cell, rows in members.items():
            draw, setting = places[cell] if places else _place(records[rows[0]].metadata)
            values = [math.nan] * len(rows) if primary is None else list(frame.loc[rows, f"{primary}_final"])
            steps = sum(records[row].metadata.training.steps for row in rows)
            failed = int(bad[rows].sum())
            settings.append(SettingResult(cell, draw, setting, len(rows), failed, _median(values, higher), steps))
        settings.sort(key=lambda each: each.draw)
        results[technique] = TechniqueResult(technique_axes(first.axes), primary, higher, tuple(settings))
    return results


def _median(values: list[float], higher_is_better: bool) -> float:
    """Return the median, in which a run without a value is worse than any other."""
    worst = -math.inf if higher_is_better else math.inf
    known = sorted(worst if math.isnan(value) else value for value in values)
    middle = known[(len(known) - 1) // 2 : len(known) // 2 + 1]
    return middle[0] if len(set(middle)) == 1 else sum(middle) / len(middle)


def _place(metadata: Metadata) -> tuple[int, Mapping[str, Any]]:
    return (metadata.search.draw, metadata.search.setting) if metadata.search else (0, {})


def separate(
    records: list[Record], suite: Suite | None = None, preferred: Collection[str] = ()
) -> tuple[list[Record], list[TechniqueResult]]:
    """Return the records to show, and the results of the search; the latter are empty if there was none.

    The records of tuning are not shown: they chose the setting, so they flatter it. Of each technique only the
    confirmation of its best setting is, of those that have one. If nothing is confirmed yet, all tuning runs are
    shown, each draw as a cell of its own.

    Args:
        records: All records of a folder.
        suite: The suite whose thresholds of outcomes apply.
        preferred: Cells to keep, if a technique also has records of other settings than the present ones.
    """
    if not any(record.metadata.search for record in records):
        return records, []
    of_search = _preferred([record for record in records if record.metadata.search], preferred)
    tuning = [each for each in of_search if each.metadata.search and each.metadata.search.phase == "tuning"]
    results = tuning_results(tuning, suite)
    confirming: dict[Technique, dict[str, list[Record]]] = {}
    for record in of_search:
        if record.metadata.search and record.metadata.search.phase == "confirmation":
            cells = confirming.setdefault(technique_of(record.metadata.axes), {})
            cells.setdefault(record.metadata.cell, []).append(record)
    plain = [record for record in records if not record.metadata.search]
    if not confirming:
        return plain + tuning, list(results.values())
    shown, found = list(plain), dict(results)
    for technique, cells in confirming.items():
        result = results.get(technique)
        order = [each.cell for each in result.ranked()] if result else []
        chosen = next((cell for cell in order if cell in cells), next(iter(cells)))
        shown += cells[chosen]
        if result:
            found[technique] = TechniqueResult(
                result.axes, result.primary, result.higher_is_better, result.settings, chosen
            )
    return shown, list(found.values())


def in_matrix_order(results: list[TechniqueResult], runs: pd.DataFrame) -> tuple[TechniqueResult, ...]:
    """Return the results in the order of the runs, which is that of the matrix; unconfirmed ones come last."""

    def first(result: TechniqueResult) -> int:
        same = np.ones(len(runs), bool)
        for axis, label in result.axes.items():
            same &= (runs[axis].astype(str) == str(label)).to_numpy() if axis in runs else False
        return int(same.argmax()) if same.any() else len(runs)

    return tuple(sorted(results, key=first))


def _preferred(records: list[Record], preferred: Collection[str]) -> list[Record]:
    wanted = {technique_of(each.metadata.axes) for each in records if each.metadata.cell in preferred}
    return [
        each for each in records if each.metadata.cell in preferred or technique_of(each.metadata.axes) not in wanted
    ]
