"""What the columns of a table of runs mean: the place of a run, its settings, the step, and what was measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from bench.catalogue import suggestion
from bench.catalogue.metrics.measures import MEASURES, PROBES, plain_name
from bench.errors import TableError
from bench.plan.specification import TRAINING_KEYS
from bench.records.external.external_run import LOSSES, PLACE, Ways, is_dynamic, is_known
from bench.records.external.spreadsheet import Table
from bench.records.schema import Label

SETTINGS = ("steps", "batch_size", "critic_steps")
NEEDED = (*PLACE, "seed", "step")
LONG = ("measure", "value")
NO_AXES = ("seed", "step", "seconds", "outcome", "reason", *LONG)
AXIS = "axis:"  # before the name of an axis that looks like something else


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The meaning of a table.

    Attributes:
        columns: Role → column.
        fixed: Role → value, of what has no column.
        axes: Names of the axes: dataset, architecture, loss, then others.
        measures: Those with a column each; none in long form.
        ways: Of measures, whether more is better.
        meant: Axes that are axes without doubt.
    """

    columns: Mapping[str, str]
    fixed: Mapping[str, Label]
    axes: tuple[str, ...]
    measures: tuple[str, ...]
    ways: Ways
    meant: Collection[str]

    @property
    def is_long(self) -> bool:
        """Whether the table has a row for every value, with the measure in a column."""
        return "value" in self.columns


def assign_roles(
    table: Table,
    mapped: Collection[tuple[str, str]],
    fixed: Mapping[str, Label],
    lower: Iterable[str] = (),
    higher: Iterable[str] = (),
) -> Roles:
    """The roles of the columns of a table.

    Args:
        table: The table.
        mapped: Pairs of column and role.
        fixed: Role → value.
        lower: Measures of which less is better.
        higher: Measures of which more is better.

    Raises:
        TableError: a column that is not there, a role that is given twice, is missing, or cannot be meant.
    """
    ways: dict[str, bool | None] = {**dict.fromkeys(lower, False), **dict.fromkeys(higher, True)}
    if both := sorted({*lower} & {*higher}):
        raise TableError(f"--lower and --higher: both have {both[0]!r}")
    columns = _columns(table, mapped, fixed, ways)
    for role in fixed:
        if role not in NEEDED and not _is_axis(role, ways):
            raise TableError(f"--set {role}: only a column can say that; --map COLUMN={role}")
    for role in NEEDED:
        if role not in columns and role not in fixed:
            raise TableError(f"nothing says what {role!r} is: --map COLUMN={role}, or --set {role}=VALUE")
    measures = tuple(role for role in columns if is_known(role, ways))
    _check_form(columns, measures)
    named = {plain_name(name) for name in measures}
    for name in ways if "value" not in columns else ():
        if name not in named:
            raise TableError(f"--lower, --higher: no column is mapped to {name!r}{suggestion(name, named)}")
    others = [role for role in (*fixed, *columns) if _is_axis(role, ways) and role not in PLACE]
    meant = {*TRAINING_KEYS, *(given.removeprefix(AXIS) for _, given in mapped if given.startswith(AXIS))}
    axes = (*PLACE, *(role for role in others if role not in SETTINGS or role in columns))
    return Roles(columns=columns, fixed=fixed, axes=axes, measures=measures, ways=ways, meant=meant)


def _columns(table: Table, mapped: Iterable[tuple[str, str]], fixed: Mapping[str, Label], ways: Ways) -> dict[str, str]:
    """Role → column."""
    columns: dict[str, str] = {}
    for column, given in mapped:
        role = given.removeprefix(AXIS)
        table.column(column)
        if given == role:
            _check_meant(column, role, ways)
        elif not _is_axis(role, ways):
            raise TableError(
                f"--map {column}={given}: no axis can be called {role!r}: it is the name of something else"
            )
        if role in columns or role in fixed:
            raise TableError(f"--map {column}={given}: {role!r} is given twice")
        columns[role] = column
    return columns


def _is_axis(role: str, ways: Ways) -> bool:
    return role not in NO_AXES and not is_known(role, ways)


def _check_meant(column: str, role: str, ways: Ways) -> None:
    """That a role which is nothing known was not to be something known."""
    known = {*NO_AXES, *PLACE, *SETTINGS, *ways, *MEASURES, *LOSSES, *PROBES}
    if role in known or is_dynamic(role) or role.partition(".")[0] in TRAINING_KEYS or not _is_axis(role, ways):
        return
    near = get_close_matches(role.lower(), known, n=1, cutoff=0.8)
    if near:
        raise TableError(
            f"--map {column}={role}: unknown role; did you mean {near[0]!r}? {AXIS}{role} makes an axis of that name"
        )


def _check_form(columns: Mapping[str, str], measures: tuple[str, ...]) -> None:
    there = [role for role in LONG if role in columns]
    if not there and not measures:
        raise TableError("no column is mapped to a measure, as in --map FID=fid; nor to 'measure' and 'value'")
    if len(there) == 1:
        raise TableError(f"a column is mapped to {there[0]!r} alone: 'measure' and 'value' go together")
    if there and measures:
        raise TableError(f"columns are mapped to 'measure' and 'value', and one to {measures[0]!r}: either, not both")
