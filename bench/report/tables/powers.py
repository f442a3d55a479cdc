"""Scientific notation for columns whose values span many orders of magnitude."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from bench.evidence.results import Evidence
from bench.notation import with_commas, with_exponents, with_powers
from bench.report.tables.model import Column, Entry, Table

MANY_ORDERS = 4  # with fewer, such as 31.2 beside 0.0312, three digits of each are easy to read
SMALL = -3  # the order of values from which on one order less is enough: 0.000590 beside 0.945 has many zeros
_SIGNIFICANT = re.compile(r"\.(\d+)g")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def with_powers_of_ten(evidence: Evidence, table: Table) -> Table:
    """Return a table with its columns of many orders of magnitude in scientific notation.

    These are columns of a measure that is written with a number of significant digits, which stays the same. An
    interval has the power of ten of its value, which follows it: ``4.12 [3.10, 5.44]·10⁻⁴``.
    """
    entries = {column: [row.entries.get(column) for row in table.rows] for column in table.columns if column.which}
    wide = {column: any(map(_has_interval, of_column)) for column, of_column in entries.items()
            if _spans_many_orders(evidence, column, of_column)}  # fmt: skip
    digits = {column: _digits(evidence, column) or 1 for column in wide}
    rows = [
        replace(
            row, entries={c: _scientific(e, digits[c], wide[c]) if c in wide else e for c, e in row.entries.items()}
        )
        for row in table.rows
    ]
    return replace(table, rows=rows, has_powers=any(wide.values()))


def _digits(evidence: Evidence, column: Column) -> int | None:
    """The number of significant digits of a measure; None if it is written with a number of decimals."""
    match = _SIGNIFICANT.fullmatch(evidence.describe(column.measure).spec)
    return int(match[1]) if match else None


def _spans_many_orders(evidence: Evidence, column: Column, entries: Sequence[Entry | None]) -> bool:
    if _digits(evidence, column) is None:
        return False
    values = [value for entry in entries if entry and (value := _as_number(entry.value)) is not None]
    orders = [value.adjusted() for value in values if value]
    return bool(orders) and max(orders) - min(orders) >= MANY_ORDERS - (min(orders) < SMALL)


def _as_number(text: str) -> Decimal | None:
    plain = with_exponents(text).replace(",", "")
    return Decimal(plain) if _NUMBER.fullmatch(plain) else None


def _has_interval(entry: Entry | None) -> bool:
    return entry is not None and entry.interval.startswith(("[", "±"))


def _scientific(entry: Entry, digits: int, apart: bool) -> Entry:
    """The entry in scientific notation; its power follows the interval if it is set apart."""
    value = _as_number(entry.value)
    if not value:  # no number, or 0
        return entry
    order = value.adjusted()
    power = with_powers(f"1e{order}").removeprefix("1") if order else ""
    number = _scaled(value, order, digits)
    if not apart:
        return entry._replace(value=number + power, plain=entry.text)
    ends, bracket, count = entry.interval.partition(" (")  # of runs with a value
    ends = with_exponents(re.sub(r",(?=\d)", "", ends))
    ends = _NUMBER.sub(lambda match: _scaled(Decimal(match[0]), order, digits), ends)
    return entry._replace(value=number, interval=f"{ends}{power}{bracket}{count}", plain=entry.text)


def _scaled(value: Decimal, order: int, digits: int) -> str:
    """A number in units of 10 to the power of ``order``, with this number of significant digits."""
    scaled = value.scaleb(-order)
    last = scaled.adjusted() - digits + 1 if scaled else 1 - digits
    return with_commas(f"{scaled.quantize(Decimal(1).scaleb(min(last, 0))):f}")
