"""The roles of the columns of imported tables: axes, settings, seed, step, and measures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from bench.catalogue import suggestion
from bench.catalogue.metrics.measures import (
    LOSSES,
    MEASURES,
    PROBES,
    Directions,
    averaged,
    known_name,
    measure_name,
    plain_name,
)
from bench.errors import TableError
from bench.plan.identity import MAIN_AXES, Label
from bench.plan.specification import TRAINING_KEYS
from bench.records.external.column_groups import NAMED, ColumnGroup, column_groups
from bench.records.external.external_run import is_known_column, is_loss_or_probe, unknown_measure
from bench.records.external.possible_values import as_integer
from bench.records.external.role_patterns import WHOLE_NUMBERS
from bench.records.external.spreadsheet import Spreadsheet

SETTINGS = ("steps", "batch_size", "critic_steps")
REQUIRED = (*MAIN_AXES, "seed", "step")
LONG_FORM = ("measure", "value")
NO_AXES = ("seed", "step", "seconds", "outcome", "reason", *LONG_FORM)
AXIS = "axis:"  # prefix that makes a role an axis, although its name resembles another role


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The roles of those columns of a table that belong together; most tables have one such group.

    Attributes:
        table: The table.
        columns: Role → column.
        fixed: Role → value, for roles without a column.
        labels: Role → text, for roles in the name of the file or of the columns.
        axes: Names of the axes: dataset, architecture, loss, then the others.
        directions: The directions of measures that ganbench does not define.
        explicit_axes: Names of axes that cannot be mistaken for measures.
    """

    table: Spreadsheet
    columns: Mapping[str, str]
    fixed: Mapping[str, Label]
    labels: Mapping[str, str]
    axes: tuple[str, ...]
    directions: Directions
    explicit_axes: Collection[str]

    @property
    def is_long(self) -> bool:
        """Whether the table is in long form: one row per value, with the name of the measure in a column."""
        return "value" in self.columns

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures with a column of their own; empty in long form."""
        return tuple(role for role in self.columns if is_known_column(role, self.directions))


def assign_roles(
    tables: Sequence[tuple[Spreadsheet, Mapping[str, str]]],
    mapped: Collection[tuple[str, str]],
    fixed: Mapping[str, Label],
    lower: Iterable[str] = (),
    higher: Iterable[str] = (),
) -> list[Roles]:
    """Assign roles to the columns of tables.

    Args:
        tables: The tables, each with the roles in the name of its file.
        mapped: Pairs of column and role.
        fixed: Role → value.
        lower: Measures for which lower is better.
        higher: Measures for which higher is better.

    Raises:
        TableError: A column does not exist, or a role is missing, given twice or not valid.
    """
    lower, higher = ([measure_name(name) for name in names] for names in (lower, higher))
    directions: dict[str, bool | None] = {**dict.fromkeys(lower, False), **dict.fromkeys(higher, True)}
    if both := sorted({*lower} & {*higher}):
        raise TableError(f"--lower and --higher: {both[0]!r} is given to both")
    given, fixed = fixed, {known_role(role, directions): _fixed_value(role, value) for role, value in fixed.items()}
    if len(fixed) < len(given):
        raise TableError(f"--set: a role is given twice in {', '.join(given)}")
    for role, value in fixed.items():
        _check_fixed(role, value, directions)
    roles = [(column, _role(column, given, directions)) for column, given in mapped]
    explicit = {*TRAINING_KEYS, *(role.removeprefix(AXIS) for _, role in mapped if role.startswith(AXIS))}
    several = len(tables) > 1
    found = [
        _roles(group, fixed, directions, explicit, f"{group.table.name}: " if several else "")
        for group in column_groups(tables, roles, fixed, directions)
    ]
    named = {plain_name(name) for each in found for name in each.measures}
    for name in directions if not any(each.is_long for each in found) else ():
        if name not in named:
            raise TableError(f"--lower, --higher: no column is mapped to {name!r}{suggestion(name, named)}")
    for each in found:
        if {*each.axes} != {*found[0].axes}:
            axis = sorted({*each.axes} ^ {*found[0].axes})[0]
            name = (each if axis in found[0].axes else found[0]).table.name
            raise TableError(f"{name} gives no value of {axis!r}, which other tables give")
    return found


def _roles(
    group: ColumnGroup, fixed: Mapping[str, Label], directions: Directions, explicit: Collection[str], where: str
) -> Roles:
    columns, labels = _with_named_measure(group, directions)
    for role in REQUIRED:
        if role not in columns and role not in fixed and role not in labels:
            remedy = f", or a pattern of names of files such as '{{{role}}}.csv'" if where else ""
            raise TableError(f"{where}role {role!r} is missing: use --map COLUMN={role} or --set {role}=VALUE{remedy}")
    _check_form(columns, tuple(role for role in columns if is_known_column(role, directions)), where)
    given = (*fixed, *labels, *columns)
    others = [role for role in given if _is_axis(role, directions) and role not in MAIN_AXES]
    return Roles(
        table=group.table,
        columns=columns,
        fixed={**fixed, **{role: int(text) for role, text in labels.items() if role in WHOLE_NUMBERS}},
        labels={role: text for role, text in labels.items() if role not in ("seed", "step")},
        axes=(*MAIN_AXES, *(role for role in others if role not in SETTINGS or role not in fixed)),
        directions=directions,
        explicit_axes={*explicit, *labels},
    )


def _with_named_measure(group: ColumnGroup, directions: Directions) -> tuple[dict[str, str], dict[str, str]]:
    """Return the columns and labels of a group; a measure in the name of the file is the role of the value column."""
    columns: dict[str, str] = {}
    labels = dict(group.labels)
    for role, column in group.columns.items():
        if role.startswith(NAMED):  # from the name of the column
            name = measure_name(role.removeprefix(NAMED), directions)
            check_measure(name, directions, f"{group.table.name}: column {column!r}")
            if name in columns:
                raise TableError(f"{group.table.name}: columns {columns[name]!r} and {column!r} are both {name!r}")
            columns[name] = column
        else:
            columns[role] = column
    for role in labels:
        if role != "measure" and role not in ("seed", "step") and not _is_axis(role, directions):
            raise TableError(f"{group.table.name}: {{{role}}} cannot be the name of an axis")
    if "measure" in labels:
        name = measure_name(labels.pop("measure"), directions)
        if "value" not in columns:
            raise TableError(f"{group.table.name}: with {{measure}} in its name, use --map COLUMN=value")
        check_measure(name, directions, group.table.name)
        columns[name] = columns.pop("value")
    return columns, labels


def check_measure(name: str, directions: Directions, where: str) -> None:
    """Check that a name in a table is that of a measure whose direction is known.

    Raises:
        TableError: It is not; the message begins with ``where``.
    """
    if not is_known_column(name, directions):
        remedy = f"--lower {name} or --higher {name}"
        raise TableError(f"{where}: {unknown_measure(name, directions, remedy)}")


def known_role(role: str, directions: Directions) -> str:
    """Return the role that is meant, without regard to case: ``fid`` for ``FID``."""
    own = {*directions, *map(averaged, directions)}
    return known_name(measure_name(role), {*NO_AXES, *MAIN_AXES, *SETTINGS, *own})


def _known(directions: Directions) -> dict[str, None]:
    return dict.fromkeys((*NO_AXES, *MAIN_AXES, *SETTINGS, *directions, *MEASURES, *LOSSES, *PROBES))


def _role(column: str, given: str, directions: Directions) -> str:
    role = given.removeprefix(AXIS)
    if not given.startswith(AXIS):
        role = known_role(role, directions)
        _check_spelling(column, role, directions)
    elif not _is_axis(role, directions):
        raise TableError(f"--map {column}={given}: {role!r} is reserved and cannot be the name of an axis")
    return role


def _is_axis(role: str, directions: Directions) -> bool:
    return role not in NO_AXES and not is_known_column(role, directions)


def _fixed_value(role: str, value: Label) -> Label:
    try:
        return as_integer(value)
    except ValueError as error:
        raise TableError(f"--set {role}={value}: {error}") from None


def _check_fixed(role: str, value: Any, directions: Directions) -> None:
    if role not in REQUIRED and not _is_axis(role, directions):
        raise TableError(f"--set {role}: it needs a column; use --map COLUMN={role}")
    if role in ("seed", "step", *SETTINGS):
        least = 0 if role in ("seed", "step") else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise TableError(f"--set {role}={value}: expected an integer ≥ {least}")
    elif not isinstance(value, str | int | float | bool) or value != value:  # NaN is no label
        raise TableError(f"--set {role}={value}: expected a name or a number")


def _check_spelling(column: str, role: str, directions: Directions) -> None:
    """Check that an unknown role, which makes an axis, is not a misspelt known one."""
    known = _known(directions)
    if (
        role in known
        or is_loss_or_probe(role)
        or role.partition(".")[0] in TRAINING_KEYS
        or not _is_axis(role, directions)
    ):
        return
    near = get_close_matches(role.lower(), known, n=1, cutoff=0.8)
    if near:
        raise TableError(
            f"--map {column}={role}: unknown role; did you mean {near[0]!r}? Use {AXIS}{role} for an axis of this name"
        )


def _check_form(columns: Mapping[str, str], measures: tuple[str, ...], where: str) -> None:
    long_form = [role for role in LONG_FORM if role in columns]
    if not long_form and not measures:
        raise TableError(f"{where}no column is mapped to a measure (--map FID=fid), nor to 'measure' and 'value'")
    if len(long_form) == 1:
        raise TableError(f"{where}a column is mapped to {long_form[0]!r} only: 'measure' and 'value' go together")
    if long_form and measures:
        raise TableError(
            f"{where}columns are mapped to 'measure' and 'value' and to {measures[0]!r}: use one form or the other"
        )
