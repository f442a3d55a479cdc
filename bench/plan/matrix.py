"""The cells of a suite: the product of its axes, after overrides and exclusions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from bench.catalogue import suggestion
from bench.errors import SuiteError
from bench.escaping import quote
from bench.plan.identity import MAIN_AXES, Label, check_label
from bench.plan.labels import axis_label, further_axes, penalty_label, relabelled
from bench.plan.limits import MAX_CELLS, check_content, check_count
from bench.plan.mistakes import Mistakes
from bench.plan.rules import OTHER_DATASETS
from bench.plan.search import Place
from bench.plan.specification import (
    DEFAULTS,
    Choice,
    TomlTable,
    Training,
    choose,
    complete_training,
)
from bench.plan.suite import Suite
from bench.plan.suite_keys import note_unknown_names
from bench.plan.tables import as_table, merge

Names = dict[str, set[str]]
Setter = Callable[[TomlTable, Mapping[str, Label]], TomlTable]  # training table and axes → values to set
SEARCHED = 1_000  # cells of an invalid suite that are searched for more mistakes
CHOICES = (*MAIN_AXES, "optimizer", "family")  # training keys whose values have a name and a label


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    Attributes:
        axes: Its value on each axis.
        training: Its complete training specification.
        search: Its setting in a search; None if the suite has none.
    """

    axes: Mapping[str, Label]
    training: Training
    search: Place | None = None

    def __str__(self) -> str:
        return " · ".join(f"{value}" if axis in CHOICES else f"{axis} {value}" for axis, value in self.axes.items())

    def skipping_broken(self) -> Cell:
        """Return the cell with the option ``skip_broken`` of its dataset set, if the dataset has it."""
        dataset = self.training.dataset
        if not hasattr(dataset.options, "skip_broken"):
            return self
        options = dataset.options.model_copy(update={"skip_broken": True})
        changed = dataset.model_copy(update={"options": options})
        return replace(self, training=self.training.model_copy(update={"dataset": changed}))


def cells(
    suite: Suite, settings: TomlTable | None = None, draw: Setter | None = None, *, partial: bool = False
) -> list[Cell]:
    """Return the cells of a suite, in the order of its axes.

    Args:
        suite: The suite.
        settings: Training keys set for every cell. They replace what the suite sets, and become axes.
        draw: Returns the drawn values, key → value, of a cell with this training table and these axes.
        partial: Whether overrides, exclusions, thresholds and references may name what the matrix does not have.

    Raises:
        SuiteError: A cell is not valid, two cells have the same name, an override or exclusion matches no cell, or the
            matrix is too large.
    """
    where, settings = suite.where, settings or {}
    matrix = {**suite.matrix, **{key: (value,) for key, value in settings.items()}}
    check_content(settings)
    _check_size(matrix, where)
    used_overrides: set[int] = set()
    used_exclusions: set[int] = set()
    names: Names = {key: set() for key in CHOICES}
    kept: list[Cell] = []
    mistakes = Mistakes()
    for number_of_point, point in enumerate(product(*matrix.values())):
        if mistakes and number_of_point >= SEARCHED:
            break
        with mistakes.noted():
            raw = labelled(merge(DEFAULTS, suite.training), where)
            for key, value in zip(matrix, point, strict=True):
                raw = labelled(merge(raw, nested(key, value)), where)
            for key in CHOICES:
                names[key] |= {str(raw[key].get(part)) for part in ("name", "label")} if key in raw else set()
            axes = {key: axis_label(key, raw) for key in matrix}
            given = raw
            for number, override in enumerate(suite.override):
                if matches(override.when, raw):
                    used_overrides.add(number)
                    raw = merge(raw, override.set)
            raw = relabelled(raw, given, axes)
            axes |= further_axes(axes, raw)
            drawn = draw(raw, axes) if draw else {}
            for key, value in (*drawn.items(), *settings.items()):
                raw = merge(raw, nested(key, value))
            exclusions = [number for number, condition in enumerate(suite.exclude) if matches(condition, raw)]
            used_exclusions.update(exclusions)
            if not exclusions:
                for key, value in axes.items():
                    check_label(value, f"{where}: axis {key}")
                kept.append(Cell(axes, complete_training(raw, f"{where}: cell ({_name(axes)})")))
    if mistakes:
        note_unknown_names(dict(suite), where, mistakes)
    mistakes.check()
    _check_cells(kept, where)
    if not settings and not partial:  # a setting may leave nothing for an override to match
        _check_conditions("override", [override.when for override in suite.override], used_overrides, names, where)
        _check_conditions("exclude", suite.exclude, used_exclusions, names, where)
        _check_rules_and_references(suite, names)
    return kept


def _name(axes: Mapping[str, Label]) -> str:
    return ", ".join(f"{key} {value}" for key, value in axes.items())


def _check_size(matrix: Mapping[str, Sequence[Any]], where: str) -> None:
    """Check the number of cells before any is built."""
    lengths = [len(values) for values in matrix.values()]
    try:
        check_count(math.prod(lengths), MAX_CELLS, f"cells ({' × '.join(map(str, lengths))})")
    except ValueError as error:
        raise SuiteError(f"{where}: [matrix]: {error}") from None


def _check_conditions(section: str, conditions: Sequence[TomlTable], used: set[int], names: Names, where: str) -> None:
    for number, condition in enumerate(conditions):
        for key in CHOICES:
            _check_names(key, _strings(condition.get(key)), names, f"{where}: [[{section}]] {number + 1}")
        if number not in used:
            raise SuiteError(f"{where}: [[{section}]] {number + 1} matches no cell: {quote(dict(condition))}")


def _check_rules_and_references(suite: Suite, names: Names) -> None:
    """Check the names of datasets, losses and so on in the thresholds and in the published results."""
    for key, threshold in (("tau", suite.outcome.tau), ("reach", suite.outcome.reach)):
        if isinstance(threshold, dict):
            _check_names("dataset", threshold, names, f"{suite.where}: [outcome]: {key}")
    named = [name for name in suite.compare.tolerances if name != OTHER_DATASETS]
    _check_names("dataset", named, names, f"{suite.where}: [compare]: tolerance")
    for number, reference in enumerate(suite.reference, 1):
        for key in CHOICES:
            _check_names(key, reference.words(key), names, f"{suite.where}: [[reference]] {number}")


def _check_names(key: str, wanted: Iterable[str], names: Names, where: str) -> None:
    for name in wanted:
        if name not in names[key]:
            raise SuiteError(f"{where}: no cell has {key} {quote(name)}{suggestion(name, names[key])}")


def _strings(wanted: object) -> Iterator[str]:
    return (value for value in (wanted if isinstance(wanted, list) else [wanted]) if isinstance(value, str))


def _check_cells(kept: list[Cell], where: str) -> None:
    if not kept:
        raise SuiteError(f"{where}: every cell is excluded")
    first: dict[str, Cell] = {}
    for cell in kept:
        twin = first.setdefault(repr(list(cell.axes.values())), cell)
        if twin is not cell:
            raise SuiteError(f"{where}: two cells have the same name ({cell}); give one of them a label")


def labelled(table: TomlTable, where: str) -> dict[str, Any]:
    """Return a copy in which every choice has its label, so that an override of its options does not change it."""
    raw = dict(table)
    for key in CHOICES:
        if key in raw:
            try:
                raw[key] = {**as_table(raw[key]), "label": choose(key, raw[key]).label}
            except SuiteError as error:
                raise SuiteError(f"{where}: {error}") from None
    return raw


def nested(key: str, value: object) -> dict[str, Any]:
    """Return a dotted key as nested tables: ``("optimizer.lr", v)`` as ``{"optimizer": {"lr": v}}``."""
    head, _, rest = key.partition(".")
    return {head: nested(rest, value) if rest else value}


def matches(condition: TomlTable, raw: TomlTable) -> bool:
    """Return whether a training table meets a condition, such as ``when`` of an override."""
    return all(_value_matches(wanted, _current(key, raw)) for key, wanted in condition.items())


def _current(key: str, raw: TomlTable) -> object:
    field = Training.model_fields[key]
    default = None if field.is_required() else field.default
    return raw.get(key, default.model_dump() if isinstance(default, Choice) else default)


def _value_matches(wanted: object, value: object) -> bool:
    if isinstance(wanted, list):
        return any(_value_matches(option, value) for option in wanted)
    if isinstance(wanted, Mapping) and isinstance(value, Mapping):
        return all(_value_matches(option, value.get(key)) for key, option in wanted.items())
    if isinstance(value, Mapping):
        return wanted in (value.get("name"), value.get("label"))
    if isinstance(value, list | tuple):  # several penalties: compare with their label on the axis
        return wanted == penalty_label(value)
    return wanted == value
