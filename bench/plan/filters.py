"""Filters: which cells of a suite are kept, by their values on its axes."""

from __future__ import annotations

from collections.abc import Mapping

from bench.catalogue import suggestion
from bench.errors import SuiteError
from bench.escaping import quote
from bench.plan.labels import axis_label
from bench.plan.matrix import Cell, labelled, nested
from bench.plan.specification import DEFAULTS, Choice, TomlTable
from bench.plan.suite import Suite
from bench.plan.tables import check_key, merge


def narrowed(suite: Suite, settings: TomlTable | None, filters: Mapping[str, set[str]]) -> Suite:
    """Return a suite without the values of its axes that filters leave out, so that settings need not fit them.

    Without settings, the suite is returned as it is: then all of it is to be valid.

    Args:
        suite: The suite.
        settings: Training keys set for every cell.
        filters: Axis → the values to keep. Where one is not on its axis, the axis is left as it is.
    """
    if not settings:
        return suite
    matrix = dict(suite.matrix)
    for axis, wanted in filters.items():
        if axis in matrix and axis not in settings:
            named = [(value, _names(suite, axis, value)) for value in matrix[axis]]
            if wanted <= {name for _, names in named for name in names}:
                matrix[axis] = tuple(value for value, names in named if names & wanted)
    return suite.model_copy(update={"matrix": matrix})


def only(all_cells: list[Cell], filters: Mapping[str, set[str]]) -> list[Cell]:
    """Return the cells that have one of the given values on every given axis.

    Args:
        all_cells: The cells.
        filters: Axis → the values to keep, as labels or names. What is a label on the axis does not mean the other
            cells of this name, which have labels of their own.

    Raises:
        SuiteError: There is no such axis, no such value on it, or no cell remains. The message suggests the closest
            valid name.
    """
    kept = all_cells
    for axis, wanted in filters.items():
        check_key(axis, tuple(all_cells[0].axes), "--only")
        known = {name for cell in all_cells for name in _axis_names(cell, axis)}
        for value in wanted - known:
            raise SuiteError(f"--only: axis {axis!r} has no value {quote(value)}{suggestion(value, known)}")
        labels = {str(cell.axes[axis]) for cell in all_cells}
        kept = [cell for cell in kept if str(cell.axes[axis]) in wanted or (wanted - labels) & _axis_names(cell, axis)]
    if not kept:
        raise SuiteError("--only: no cell matches all of these filters")
    return kept


def _axis_names(cell: Cell, axis: str) -> set[str]:
    value = getattr(cell.training, axis, None)
    return {str(cell.axes[axis]), *([value.name] if isinstance(value, Choice) else [])}


def _names(suite: Suite, axis: str, value: object) -> set[str]:
    """Return the label of a value on an axis, and its name; nothing if the value is not valid."""
    try:
        raw = labelled(merge(DEFAULTS, suite.training), suite.where)
        raw = labelled(merge(raw, nested(axis, value)), suite.where)
    except SuiteError:
        return set()
    entry = raw.get(axis)
    return {str(axis_label(axis, raw)), *([str(entry["name"])] if isinstance(entry, Mapping) else [])}
