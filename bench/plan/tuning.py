"""The cells of a search: every technique (a cell of the matrix) with every drawn setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.errors import SuiteError
from bench.escaping import quote
from bench.plan.draws import unit_points, value_at
from bench.plan.filters import narrowed, only
from bench.plan.identity import Label
from bench.plan.limits import MAX_CELLS, check_count
from bench.plan.matrix import Cell, Setter, cells, matches
from bench.plan.search import DRAW, Parameter, Place, Search
from bench.plan.specification import TomlTable
from bench.plan.suite import Suite
from bench.plan.tables import as_table


def tuning_cells(
    suite: Suite, search: Search, settings: TomlTable | None, filters: Mapping[str, set[str]]
) -> list[Cell]:
    """Return the cells of a search, ordered by technique and then by draw.

    A draw that repeats the training of an earlier one, because its technique has few parameters, is left out.

    Args:
        suite: The suite.
        search: Its search.
        settings: Training keys set for every cell; what they set is not drawn.
        filters: Axis → the values to keep.

    Raises:
        SuiteError: A cell is not valid, a parameter applies to no cell, or there are too many cells.
    """
    suite = narrowed(suite, settings, filters)
    techniques = cells(suite, settings)
    try:
        count = len(techniques) * search.draws
        check_count(count, MAX_CELLS, f"cells ({len(techniques):,} × {search.draws:,} draws)")
    except ValueError as error:
        raise SuiteError(f"{suite.where}: [search]: draws: {error}") from None
    used: set[int] = set()
    rows: dict[str, list[Cell]] = {}
    for draw, point in enumerate(unit_points(search)):
        drawn: dict[str, dict[str, Any]] = {}
        for cell in cells(suite, settings, _setter(suite, search, settings or {}, point, drawn, used)):
            place = Place(phase="tuning", draw=draw, setting=drawn[repr(cell.axes)])
            rows.setdefault(repr(cell.axes), []).append(replace(cell, search=place))
    for number, parameter in enumerate(search.space):
        if number not in used and not settings:  # a setting may leave nothing to draw
            raise SuiteError(
                f"{suite.where}: [search.space]: {parameter.key}: applies to no cell: {quote(parameter.when)}"
            )
    kept = only([row[0] for row in rows.values()], filters)
    return [_with_draw(cell) for first in kept for cell in _distinct(rows[repr(first.axes)])]


def _setter(
    suite: Suite,
    search: Search,
    settings: TomlTable,
    point: Any,
    drawn: dict[str, dict[str, Any]],
    used: set[int],
) -> Setter:
    """Return what sets the values of a point; note them in ``drawn`` by cell, and the parameters in ``used``."""

    def draw(raw: TomlTable, axes: Mapping[str, Label]) -> TomlTable:
        values = drawn.setdefault(repr(axes), {})
        for number, parameter in enumerate(search.space):
            if parameter.key in values or not matches(parameter.when, raw):
                continue
            used.add(number)
            if not any(_covers(key, parameter.key) for key in settings):
                name = " · ".join(map(str, axes.values()))
                _check_applies(parameter, raw, f"{suite.where}: [search.space]: {parameter.key}: cell ({name})")
                values[parameter.key] = value_at(parameter, point[search.keys.index(parameter.key)])
        return values

    return draw


def _covers(key: str, other: str) -> bool:
    return other == key or other.startswith(f"{key}.")


def _check_applies(parameter: Parameter, raw: TomlTable, where: str) -> None:
    """Check that a cell can take the option that a parameter sets: a list, or ``none``, has no options."""
    head, _, option = parameter.key.partition(".")
    value = raw.get(head)
    if option and (isinstance(value, list | tuple) or (head == "penalty" and as_table(value).get("name") == "none")):
        what = "several penalties" if isinstance(value, list | tuple) else "no penalty"
        raise SuiteError(f"{where} has {what}, so it has no {option}; say which cells have it with when = {{...}}")


def _distinct(row: list[Cell]) -> list[Cell]:
    kept: dict[str, Cell] = {}
    for cell in row:
        kept.setdefault(cell.training.model_dump_json(), cell)
    return list(kept.values())


def _with_draw(cell: Cell) -> Cell:
    assert cell.search is not None
    return replace(cell, axes={**cell.axes, DRAW: cell.search.draw})
