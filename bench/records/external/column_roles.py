"""The roles of the columns of an imported table: axes, settings, seed, step, and measures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

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
from bench.records.external.external_run import is_known_column, is_loss_or_probe
from bench.records.external.spreadsheet import Spreadsheet

SETTINGS = ("steps", "batch_size", "critic_steps")
REQUIRED = (*MAIN_AXES, "seed", "step")
LONG_FORM = ("measure", "value")
NO_AXES = ("seed", "step", "seconds", "outcome", "reason", *LONG_FORM)
AXIS = "axis:"  # prefix that makes a role an axis, although its name resembles another role


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The roles of the columns of a table.

    Attributes:
        columns: Role → column.
        fixed: Role → value, for roles without a column.
        axes: Names of the axes: dataset, architecture, loss, then the others.
        measures: Measures with a column of their own; empty in long form.
        directions: The directions of measures that ganbench does not define.
        explicit_axes: Names of axes that cannot be mistaken for measures.
    """

    columns: Mapping[str, str]
    fixed: Mapping[str, Label]
    axes: tuple[str, ...]
    measures: tuple[str, ...]
    directions: Directions
    explicit_axes: Collection[str]

    @property
    def is_long(self) -> bool:
        """Whether the table is in long form: one row per value, with the name of the measure in a column."""
        return "value" in self.columns


def assign_roles(
    table: Spreadsheet,
    mapped: Collection[tuple[str, str]],
    fixed: Mapping[str, Label],
    lower: Iterable[str] = (),
    higher: Iterable[str] = (),
) -> Roles:
    """Assign roles to the columns of a table.

    Args:
        table: The table.
        mapped: Pairs of column and role.
        fixed: Role → value.
        lower: Measures for which lower is better.
        higher: Measures for which higher is better.

    Raises:
        TableError: A column does not exist, or a role is missing, given twice or not valid.
    """
    lower, higher = ([measure_name(name) for name in names] for names in (lower, higher))
    directions: dict[str, bool | None] = {**dict.fromkeys(lower, False), **dict.fromkeys(higher, True)}
    given, fixed = fixed, {_known_role(role, directions): value for role, value in fixed.items()}
    if len(fixed) < len(given):
        raise TableError(f"--set: a role is given twice in {', '.join(given)}")
    if both := sorted({*lower} & {*higher}):
        raise TableError(f"--lower and --higher: {both[0]!r} is given to both")
    columns = _columns(table, mapped, fixed, directions)
    for role in fixed:
        if role not in REQUIRED and not _is_axis(role, directions):
            raise TableError(f"--set {role}: it needs a column; use --map COLUMN={role}")
    for role in REQUIRED:
        if role not in columns and role not in fixed:
            raise TableError(f"role {role!r} is missing: use --map COLUMN={role} or --set {role}=VALUE")
    measures = tuple(role for role in columns if is_known_column(role, directions))
    _check_form(columns, measures)
    named = {plain_name(name) for name in measures}
    for name in directions if "value" not in columns else ():
        if name not in named:
            raise TableError(f"--lower, --higher: no column is mapped to {name!r}{suggestion(name, named)}")
    others = [role for role in (*fixed, *columns) if _is_axis(role, directions) and role not in MAIN_AXES]
    explicit = {*TRAINING_KEYS, *(role.removeprefix(AXIS) for _, role in mapped if role.startswith(AXIS))}
    axes = (*MAIN_AXES, *(role for role in others if role not in SETTINGS or role in columns))
    return Roles(
        columns=columns, fixed=fixed, axes=axes, measures=measures, directions=directions, explicit_axes=explicit
    )


def _columns(
    table: Spreadsheet, mapped: Iterable[tuple[str, str]], fixed: Mapping[str, Label], directions: Directions
) -> dict[str, str]:
    """Return role → column."""
    columns: dict[str, str] = {}
    for column, given in mapped:
        role = given.removeprefix(AXIS) if given.startswith(AXIS) else _known_role(given, directions)
        table.column(column)
        if not given.startswith(AXIS):
            _check_spelling(column, role, directions)
        elif not _is_axis(role, directions):
            raise TableError(f"--map {column}={given}: {role!r} is reserved and cannot be the name of an axis")
        if role in columns or role in fixed:
            raise TableError(f"--map {column}={given}: {role!r} is given twice")
        columns[role] = column
    return columns


def _known_role(role: str, directions: Directions) -> str:
    """Return the role that is meant, without regard to case: ``fid`` for ``FID``."""
    own = {*directions, *map(averaged, directions)}
    return known_name(measure_name(role), {*NO_AXES, *MAIN_AXES, *SETTINGS, *own})


def _is_axis(role: str, directions: Directions) -> bool:
    return role not in NO_AXES and not is_known_column(role, directions)


def _check_spelling(column: str, role: str, directions: Directions) -> None:
    """Check that an unknown role, which makes an axis, is not a misspelt known one."""
    known = {*NO_AXES, *MAIN_AXES, *SETTINGS, *directions, *MEASURES, *LOSSES, *PROBES}
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


def _check_form(columns: Mapping[str, str], measures: tuple[str, ...]) -> None:
    long_form = [role for role in LONG_FORM if role in columns]
    if not long_form and not measures:
        raise TableError("no column is mapped to a measure (--map FID=fid), nor to 'measure' and 'value'")
    if len(long_form) == 1:
        raise TableError(f"a column is mapped to {long_form[0]!r} only: 'measure' and 'value' go together")
    if long_form and measures:
        raise TableError(
            f"columns are mapped to 'measure' and 'value' and to {measures[0]!r}: use one form or the other"
        )
