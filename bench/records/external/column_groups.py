"""Which columns of which tables --map names: by their name, by a file and a name, or by a pattern."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from bench.catalogue.metrics.measures import Directions
from bench.errors import TableError
from bench.records.external.event_folders import RUN, SECONDS, STEP
from bench.records.external.external_run import is_known_column
from bench.records.external.number_format import shown
from bench.records.external.role_patterns import has_roles, role_pattern
from bench.records.external.spreadsheet import Spreadsheet

NAMES_SHOWN = 8  # columns in a message
NAMED = "measure:"  # prefix of a role that stands for the measure that a column has in its name
Named = tuple[Spreadsheet, Mapping[str, str]]  # a table, and role → text in the name of its file


@dataclass(frozen=True, kw_only=True)
class ColumnGroup:
    """Columns of a table that belong together: all that are mapped, or those of one run in a table of many.

    Attributes:
        table: The table.
        columns: Role → column.
        labels: Role → text, from the name of the file and the names of the columns.
    """

    table: Spreadsheet
    columns: Mapping[str, str]
    labels: Mapping[str, str]


def column_groups(
    tables: Sequence[Named], mapped: Collection[tuple[str, str]], fixed: Collection[str], directions: Directions
) -> list[ColumnGroup]:
    """Return the groups of columns of all tables.

    Args:
        tables: The tables.
        mapped: Pairs of column and role. A column may be that of one file (``fid.csv:Value``), or a pattern with roles
            (``{loss}-s{seed} - fid``), which makes a group of the columns with the same text for each role.
        fixed: Roles without a column.
        directions: The directions of measures that ganbench does not define.

    Raises:
        TableError: A column does not exist in any table, or a role is given twice.
    """
    chosen = [(column, role, _scope([table for table, _ in tables], column)) for column, role in mapped]
    for column, role, (scope, name) in chosen:
        everywhere = [table for table, _ in tables if scope is None or _is_of(table, scope)]
        if not any(_names(table, name) for table in everywhere):
            if has_roles(name):
                first = everywhere[0]
                raise TableError(f"{first.name} has no column that matches {name!r} (--map {column}={role})")
            find_column(everywhere[0], name)
    groups: list[ColumnGroup] = []
    for table, labels in tables:
        if twice := sorted({*labels} & {*fixed}):
            raise TableError(f"{table.name}: {twice[0]!r} is given twice, by the name of the file and by --set")
        pairs = [
            (column, role, name) for column, role, (scope, name) in chosen if scope is None or _is_of(table, scope)
        ]
        found = _groups_of(table, labels, pairs, fixed)
        plain = [role for role in found[0].columns if is_known_column(role, directions)]
        alone = [role for role in plain if len(found) > 1 and len({group.columns[role] for group in found}) == 1]
        if alone:
            raise TableError(f"{table.name}: {alone[0]!r} has one column, but other columns are mapped by a pattern")
        groups += found
    return groups


def unused_columns(groups: Iterable[ColumnGroup | Any]) -> list[str]:
    """Return notices about columns that are mapped to no role."""
    used: dict[int, set[str]] = {}
    tables: dict[int, Spreadsheet] = {}
    for group in groups:
        tables[id(group.table)] = group.table
        used.setdefault(id(group.table), set()).update(group.columns.values())
    names = dict.fromkeys(
        name
        for key, table in tables.items()
        for name in table.columns
        if name and name not in used[key] and not (table.path.is_dir() and name in (STEP, SECONDS, RUN))
    )
    extremes = [name for name in names if name.endswith(("__MIN", "__MAX"))]
    others = [shown(name) for name in names if name not in extremes]
    notices = []
    if extremes:
        notices.append(f"ignored {len(extremes)} column{'s' * (len(extremes) > 1)} that end in __MIN or __MAX")
    if others:
        more = f" and {len(others) - NAMES_SHOWN} more" if len(others) > NAMES_SHOWN else ""
        notices.append(f"not imported, because no --map names them: {', '.join(others[:NAMES_SHOWN])}{more}")
    return notices


def _scope(tables: Sequence[Spreadsheet], column: str) -> tuple[str | None, str]:
    """Return the file that a column is restricted to (None: none), and the column's own name."""
    if any(column in table.columns for table in tables):
        return None, column
    places = [place for place, character in enumerate(column) if character == ":"]
    for place in places:
        if any(_is_of(table, column[:place]) for table in tables):
            return column[:place], column[place + 1 :]
    return None, column


def _is_of(table: Spreadsheet, scope: str) -> bool:
    return fnmatchcase(table.path.name, scope) or fnmatchcase(str(table.path), scope)


def _names(table: Spreadsheet, name: str) -> bool:
    if name in table.columns:
        return True
    return has_roles(name) and any(role_pattern(name, is_path=False).match(other) for other in _main(table))


def _main(table: Spreadsheet) -> list[str]:
    """Return the columns that a pattern may match: all but the extremes that W&B adds to each column."""
    return [name for name in table.columns if not name.endswith(("__MIN", "__MAX"))]


def _groups_of(
    table: Spreadsheet, labels: Mapping[str, str], pairs: Iterable[tuple[str, str, str]], fixed: Collection[str]
) -> list[ColumnGroup]:
    shared: dict[str, str] = {}
    groups: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    own = {role for role in labels if role != "measure"}
    for column, role, name in pairs:
        where = f"--map {column}={role}"
        if name in table.columns:
            _add(shared, role, find_column(table, name), where, {*fixed, *own})
        elif has_roles(name):
            pattern = role_pattern(name, is_path=False)
            for other in _main(table):
                found = pattern.match(other)
                if found is not None:
                    for text in found:
                        if text in fixed or text in own:
                            raise TableError(f"{where}: {text!r} is given twice")
                    given = f"{NAMED}{found.pop('measure')}" if role == "value" and "measure" in found else role
                    group = groups.setdefault(tuple(sorted(found.items())), {})
                    _add(group, given, find_column(table, other), where, {*fixed, *own, *found})
    if table.path.is_dir() and not {"step"} & {*shared, *fixed, *own}:
        shared["step"] = STEP  # event files always have steps
    if not groups:
        return [ColumnGroup(table=table, columns=shared, labels=labels)]
    found_groups = []
    for texts, columns in groups.items():
        roles = {**shared, **columns}
        if twice := sorted({role for role, _ in texts} & {*shared}):
            raise TableError(f"{table.name}: {twice[0]!r} is given twice, by a column and by a pattern")
        found_groups.append(ColumnGroup(table=table, columns=roles, labels={**labels, **dict(texts)}))
    return found_groups


def _add(columns: dict[str, str], role: str, column: str, where: str, taken: Collection[str]) -> None:
    if role in columns or role in taken:
        raise TableError(f"{where}: {role!r} is given twice")
    columns[role] = column


def find_column(table: Spreadsheet, name: str) -> str:
    """Return the name of a column, which must exist and must not be doubled.

    Raises:
        TableError: There is no such column, or another one differs only by case or blanks.
    """
    if name not in table.columns:
        raise TableError(f"{table.name} has no column {name!r}{table.hint() or _nearest(name, table.columns)}")
    twins = [other for other in table.columns if _plain(other) == _plain(name) and other != name]
    if twins:
        both = f"{shown(name)} and {shown(twins[0])}"
        raise TableError(f"{table.name} has the columns {both}, which differ only by case or blanks: rename one")
    return name


def _nearest(name: str, columns: Sequence[str]) -> str:
    nearest = get_close_matches(name, columns, n=1, cutoff=0.5)
    if nearest:
        return f"; did you mean {shown(nearest[0])}?"
    more = f" and {len(columns) - NAMES_SHOWN} more" if len(columns) > NAMES_SHOWN else ""
    return f"; its columns: {', '.join(map(shown, columns[:NAMES_SHOWN]))}{more}"


def _plain(name: str) -> str:
    return "".join(name.split()).lower()
