"""The columns of imported tables as arrays, each table read once."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.catalogue import suggestion
from bench.catalogue.metrics.measures import measure_name, plain_name, possible_range
from bench.errors import TableError
from bench.plan.identity import MAIN_AXES
from bench.records.external.cells import CellError, Counts, Labels, Numbers, Values, as_flags
from bench.records.external.column_roles import SETTINGS, Roles, check_measure
from bench.records.external.number_format import NumberFormat
from bench.records.external.possible_values import MAX_INTEGER, MAX_STEPS, why_impossible
from bench.records.external.spreadsheet import Spreadsheet

Reader = TypeVar("Reader", Numbers, Counts, Labels)


@dataclass(frozen=True, kw_only=True)
class Words:
    """A column of names: indices into its different cells.

    Attributes:
        codes: Rows that are not empty, and the index of each.
        words: The different cells.
    """

    codes: Values
    words: list[str | bool]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Columns of a table that belong together, as arrays.

    Attributes:
        roles: Their roles.
        size: Number of rows.
        axes: Axis → labels, for axes with a column.
        counts: Seed, step and settings, for those with a column, [size].
        values: Measure → the cells that are not empty.
        seconds: Training time, or time since 1970.
        flags: Whether the run failed; None if no column says so.
        reasons: Why it failed.
        written: How numbers are written.
    """

    roles: Roles
    size: int
    axes: Mapping[str, Words]
    counts: Mapping[str, NDArray[Any]]
    values: dict[str, Values]
    seconds: Values | None
    flags: Values | None
    reasons: Words | None
    written: NumberFormat

    def place(self, row: int) -> str:
        """Return where a row is: "log.csv: line 7"."""
        return f"{self.roles.table.name}: {self.roles.table.place(row)}"


def read_parts(roles: Iterable[Roles], written: NumberFormat) -> Iterator[Part]:
    """Read the columns that have a role.

    Args:
        roles: The roles of each part.
        written: How numbers are written.

    Raises:
        TableError: A cell is empty or not valid, or a table has no rows.
    """
    groups: dict[int, list[Roles]] = {}
    for each in roles:
        groups.setdefault(id(each.table), []).append(each)
    for parts in groups.values():
        columns = _Columns(parts[0].table, written)
        for part in parts:
            columns.request(part)
        columns.read()
        for part in parts:
            yield columns.part(part)


class _Columns:
    """The columns of a table, each read once, even if several parts need it."""

    def __init__(self, table: Spreadsheet, written: NumberFormat) -> None:
        self._table, self._written = table, written
        self._readers: dict[tuple[str, str], Numbers | Counts | Labels] = {}
        self._finished: dict[tuple[str, str], Any] = {}
        self._size = 0
        self._all_rows: NDArray[np.int32] | None = None

    def request(self, part: Roles) -> None:
        """Create the readers of the columns of a part."""
        for role, column in part.columns.items():
            for key, reader in self._kinds(part, role, column):
                self._readers.setdefault(key, reader)

    def _kinds(self, part: Roles, role: str, column: str) -> Iterator[tuple[tuple[str, str], Any]]:
        percent = {column, role} & {*self._written.percent}
        if role in part.axes:
            needed = "a name" if role in MAIN_AXES else "a name or a number, because an axis needs a value in every row"
            yield ("labels", column), Labels(needed)
        if role in ("seed", "step", *SETTINGS):
            limits = {"least": 1 if role in SETTINGS else 0, "most": MAX_INTEGER if role == "seed" else MAX_STEPS}
            yield (role, column), Counts(self._written, **limits)
        elif role == "measure":
            yield ("labels", column), Labels("the name of a measure")
        elif role in ("outcome", "reason"):
            yield (role, column), Labels("text", may_be_empty=True)
        elif role not in part.axes:
            yield ("numbers", column), Numbers(self._written, is_percent=bool(percent))

    def read(self) -> None:
        """Read the table."""
        names = [column for _, column in self._readers]
        for piece in self._table.pieces(names):
            for (_, column), reader, cells in zip(self._readers, self._readers.values(), piece, strict=True):
                try:
                    reader.add(self._size, cells)
                except CellError as error:
                    place = self._table.place(error.row)
                    raise TableError(f"{self._table.name}: {place}, column {column!r}: {error.problem}") from None
            self._size += len(piece[0])
        if not self._size:
            raise TableError(f"{self._table.path} has no rows")

    def _column(self, kind: str, column: str) -> Any:
        key = kind, column
        if key not in self._finished:
            found: Any = self._readers[key].finish()
            if isinstance(found, Values) and len(found.rows) == self._size:  # columns without empty cells share this
                self._all_rows = found.rows if self._all_rows is None else self._all_rows
                found = found._replace(rows=self._all_rows)
            self._finished[key] = found
        return self._finished[key]

    def _words(self, kind: str, column: str) -> Words:
        codes, reader = self._column(kind, column), self._readers[kind, column]
        assert isinstance(reader, Labels)
        return Words(codes=codes, words=reader.words)

    def part(self, roles: Roles) -> Part:
        """Return a part as arrays."""
        columns = roles.columns
        flags = None
        if "outcome" in columns:
            words = self._words("outcome", columns["outcome"])
            try:
                flags = as_flags(words.words, words.codes)
            except CellError as error:
                place = self._table.place(error.row)
                where = f"{self._table.name}: {place}, column {columns['outcome']!r}"
                raise TableError(f"{where}: {error.problem}") from None
        if roles.is_long:
            values = self._long(roles)
        else:
            values = {name: self._column("numbers", columns[name]) for name in roles.measures}
        for name, column in values.items():
            self._check_possible(name, column, roles)
        return Part(
            roles=roles,
            size=self._size,
            axes={axis: self._words("labels", columns[axis]) for axis in roles.axes if axis in columns},
            counts={
                role: self._column(role, columns[role]) for role in columns if (role, columns[role]) in self._counts
            },
            values=values,
            seconds=self._column("numbers", columns["seconds"]) if "seconds" in columns else None,
            flags=flags,
            reasons=self._words("reason", columns["reason"]) if "reason" in columns else None,
            written=self._written,
        )

    def _check_possible(self, name: str, column: Values, roles: Roles) -> None:
        """Check that a measure can have its values, such as a precision between 0 and 1."""
        least, most, slack = possible_range(name)
        with np.errstate(invalid="ignore"):
            outside = np.isfinite(column.values) & ((column.values < least - slack) | (column.values > most + slack))
        if outside.any():
            first = int(np.argmax(outside))
            reason = why_impossible(name, float(column.values[first]))
            header = roles.columns.get(name) or roles.columns["value"]
            remedy = f", or use --percent {shlex.quote(name if roles.is_long else header)}"
            place = self._table.place(int(column.rows[first]))
            raise TableError(
                f"{self._table.name}: {place}, column {header!r}: {name} {reason}{remedy * ('percent' in reason)}"
            )

    @property
    def _counts(self) -> set[tuple[str, str]]:
        return {key for key, reader in self._readers.items() if isinstance(reader, Counts)}

    def _long(self, roles: Roles) -> dict[str, Values]:
        """Return the values of each measure of a table in long form."""
        words = self._words("labels", roles.columns["measure"])
        numbers = self._column("numbers", roles.columns["value"])
        names = []
        for code, word in enumerate(words.words):
            name = measure_name(str(word), roles.directions)
            first = int(np.argmax(words.codes.values == code))
            where = f"{self._table.name}: {self._table.place(first)}, column {roles.columns['measure']!r}"
            check_measure(name, roles.directions, where)
            names.append(name)
        measure = words.codes.values[numbers.rows]
        values: dict[str, Values] = {}
        for name in dict.fromkeys(names):
            chosen = np.isin(measure, [code for code, other in enumerate(names) if other == name])
            scale = 100.0 if name in self._written.percent else 1.0
            values[name] = Values(numbers.rows[chosen], numbers.values[chosen] / scale)
        return values


def check_measures(parts: Sequence[Part]) -> None:
    """Check that each measure whose direction is given is in a table, and so are all measures of percentages.

    Raises:
        TableError: One is not.
    """
    measures = {name for part in parts for name in part.values}
    tables = " and ".join(dict.fromkeys(part.roles.table.name for part in parts))
    for name in parts[0].roles.directions:
        if name not in map(plain_name, measures):
            raise TableError(f"--lower, --higher: {tables} has no measure {name!r}")
    check_percent([part.roles for part in parts], parts[0].written, measures)


def check_percent(roles: Iterable[Roles], written: NumberFormat, measures: Collection[str]) -> None:
    """Check that each name of percentages is that of a measure, or of a column of measures.

    Raises:
        TableError: One is not.
    """
    columns = [
        (role, each.columns[role]) for each in roles for role in (*each.measures, "value") if role in each.columns
    ]
    known = {*measures, *(name for pair in columns for name in pair)}
    for name in written.percent:
        if name not in known:
            nearest = suggestion(name, known)
            raise TableError(f"--percent {name}: no measure and no column of a measure has this name{nearest}")
