"""The matrix of a suite, multiplied out into cells; overrides and exclusions applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from bench.catalogue import suggestion
from bench.errors import SuiteError
from bench.plan.specification import (
    DEFAULTS,
    Choice,
    Table,
    Training,
    as_table,
    check_key,
    choose,
    complete_training,
    merge,
)
from bench.plan.suite import Suite

Label = str | int | float | bool
Names = dict[str, set[str]]
PLACE = ("dataset", "architecture", "loss")  # every cell has one of each, whether it is an axis or not
CHOICES = ("dataset", "architecture", "loss", "optimizer")


@dataclass(frozen=True)
class Cell:
    """One point of the matrix: its place on every axis, and the training that follows from it."""

    axes: Mapping[str, Label]
    training: Training

    def __str__(self) -> str:
        return " · ".join(f"{value}" if axis in CHOICES else f"{axis} {value}" for axis, value in self.axes.items())


def cells(suite: Suite, settings: Table | None = None) -> list[Cell]:
    """The cells of a suite, in the order of its axes.

    Args:
        suite: The suite.
        settings: Training keys set for every cell, above all that the suite says; they become axes.

    Raises:
        SuiteError: a cell that does not hold together, two equal cells, or an override that applies to none.
    """
    where, settings = suite.where, settings or {}
    matrix = {**suite.matrix, **{key: (value,) for key, value in settings.items()}}
    used: set[int] = set()  # numbers of overrides, and of exclusions, that applied somewhere
    excluded_by: set[int] = set()
    names: Names = {key: set() for key in CHOICES}
    found: list[Cell] = []
    for point in product(*matrix.values()):
        raw = _labelled(merge(DEFAULTS, suite.training), where)
        for key, value in zip(matrix, point, strict=True):
            raw = _labelled(merge(raw, nested(key, value)), where)
        for key in CHOICES:
            names[key] |= {str(raw[key].get(part)) for part in ("name", "label")} if key in raw else set()
        placed = [*matrix, *(key for key in PLACE if key in raw and key not in matrix)]
        axes = {key: _axis_label(key, raw) for key in placed}
        for number, override in enumerate(suite.override):
            if _matches(override.when, raw):
                used.add(number)
                raw = merge(raw, override.set)
        for key, value in settings.items():
            raw = merge(raw, nested(key, value))
        excluding = [number for number, excluded in enumerate(suite.exclude) if _matches(excluded, raw)]
        excluded_by.update(excluding)
        if excluding:
            continue
        name = ", ".join(f"{key} {value}" for key, value in axes.items())
        found.append(Cell(axes, complete_training(raw, f"{where}: cell ({name})")))
    _check_cells(found, where)
    if not settings:  # a setting may leave nothing for an override to apply to
        _check_use("override", [each.when for each in suite.override], used, names, where)
        _check_use("exclude", suite.exclude, excluded_by, names, where)
        _check_judging(suite, names)
    return found


def _check_use(section: str, conditions: Sequence[Table], used: set[int], names: Names, where: str) -> None:
    for number, condition in enumerate(conditions):
        for key in CHOICES:
            for wanted in _words(condition.get(key)):
                if wanted not in names[key]:
                    near = suggestion(wanted, names[key])
                    raise SuiteError(f"{where}: [[{section}]] {number + 1}: no cell has {key} {wanted!r}{near}")
        if number not in used:
            raise SuiteError(f"{where}: [[{section}]] {number + 1} applies to no cell: {dict(condition)}")


def _check_judging(suite: Suite, names: Names) -> None:
    """The names of cells in what a suite says about judging them."""
    for key, threshold in (("tau", suite.outcome.tau), ("reach", suite.outcome.reach)):
        for wanted in threshold if isinstance(threshold, dict) else ():
            if wanted not in names["dataset"]:
                near = suggestion(wanted, names["dataset"])
                raise SuiteError(f"{suite.where}: [outcome]: {key}: no cell has dataset {wanted!r}{near}")
    for number, reference in enumerate(suite.reference, 1):
        for key in CHOICES:
            for wanted in reference.words(key):
                if wanted not in names[key]:
                    near = suggestion(wanted, names[key])
                    raise SuiteError(f"{suite.where}: [[reference]] {number}: no cell has {key} {wanted!r}{near}")


def _words(wanted: object) -> list[str]:
    return [each for each in (wanted if isinstance(wanted, list) else [wanted]) if isinstance(each, str)]


def _check_cells(found: list[Cell], where: str) -> None:
    if not found:
        raise SuiteError(f"{where}: every cell is excluded")
    seen: dict[str, Cell] = {}
    for cell in found:
        twin = seen.setdefault(repr(list(cell.axes.values())), cell)
        if twin is not cell:
            raise SuiteError(f"{where}: two cells are called ({cell}); give one of them a label")


def _labelled(table: Table, where: str) -> dict[str, Any]:
    """Every choice with its label, which then stays whatever an override changes."""
    raw = dict(table)
    for key in CHOICES:
        if key in raw:
            try:
                raw[key] = {**as_table(raw[key]), "label": choose(key, raw[key]).label}
            except SuiteError as error:
                raise SuiteError(f"{where}: {error}") from None
    return raw


def nested(key: str, value: object) -> dict[str, Any]:
    """``("optimizer.lr", v)`` as ``{"optimizer": {"lr": v}}``."""
    head, _, rest = key.partition(".")
    return {head: nested(rest, value) if rest else value}


def _axis_label(key: str, raw: Table) -> Label:
    value: Any = raw
    for part in key.split("."):
        value = as_table(value)[part]
    if key == "penalty":
        return _joined(value if isinstance(value, list | tuple) else [value])
    return value if isinstance(value, str | int | float | bool) else str(_name(value))


def _joined(penalties: Sequence[object]) -> str:
    return " + ".join(str(_name(each)) for each in penalties) or "none"


def _name(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    details = ", ".join(f"{key}={each}" for key, each in value.items() if key not in ("name", "label"))
    return value.get("label") or " ".join([*filter(None, [value.get("name")]), *([f"({details})"] if details else [])])


def _matches(condition: Table, raw: Table) -> bool:
    return all(_fits(wanted, _current(key, raw)) for key, wanted in condition.items())


def _current(key: str, raw: Table) -> object:
    field = Training.model_fields[key]
    return raw.get(key, None if field.is_required() else field.default)


def _fits(wanted: object, value: object) -> bool:
    if isinstance(wanted, list):
        return any(_fits(each, value) for each in wanted)
    if isinstance(wanted, Mapping) and isinstance(value, Mapping):
        return all(_fits(each, value.get(key)) for key, each in wanted.items())
    if isinstance(value, Mapping):
        return wanted in (value.get("name"), value.get("label"))
    if isinstance(value, list | tuple):  # several penalties, called as their axis calls them
        return wanted == _joined(value)
    return wanted == value


def only(found: list[Cell], filters: Mapping[str, set[str]]) -> list[Cell]:
    """The cells whose place on each named axis is one of the values given for it, by name or by label.

    Raises:
        SuiteError: no such axis, or no such value on it; the text gives the nearest one.
    """
    everything = found
    for axis, wanted in filters.items():
        check_key(axis, tuple(everything[0].axes), "--only")
        known = {name for cell in everything for name in _names(cell, axis)}
        for value in wanted - known:
            raise SuiteError(f"--only: {axis} has no {value!r}{suggestion(value, known)}")
        found = [cell for cell in found if wanted & _names(cell, axis)]
    if not found:
        raise SuiteError("--only: no cell is left")
    return found


def _names(cell: Cell, axis: str) -> set[str]:
    value = getattr(cell.training, axis, None)
    return {str(cell.axes[axis]), *([value.name] if isinstance(value, Choice) else [])}
