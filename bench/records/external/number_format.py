"""How numbers are written in the cells of a table, and what a cell that is no number may mean."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bench.errors import TableError
from bench.records.external.possible_values import EXACT

MISSING = {"", "na", "n/a", "null", "none", "-", "–"}  # texts for a missing number, in lower case
MOST_DIGITS = 20  # of an integer of 64 bits
SHOWN = 60  # characters of a cell in a message


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """How numbers are written in text.

    Attributes:
        decimal: The decimal mark.
        thousands: The mark between groups of three digits; "" for none.
        percent: Columns or measures that are percentages: 93 or "93 %" becomes 0.93.
    """

    decimal: str = "."
    thousands: str = ""
    percent: Collection[str] = ()

    def __post_init__(self) -> None:
        """Check the marks.

        Raises:
            TableError: A mark is not one character, is part of a number, or stands for both.
        """
        for option, mark in (("--decimal", self.decimal), ("--thousands", self.thousands)):
            if (mark or option == "--decimal") and (len(mark) != 1 or mark.isalnum() or mark in "+-%"):
                raise TableError(f"{option} {mark}: expected one character, such as . or ,")
        if self.decimal == self.thousands:
            raise TableError(f"--decimal and --thousands are both {self.decimal!r}; they must differ")

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as in Python."""
        return self.decimal == "." and not self.thousands

    def plain(self, text: str) -> str:
        """Return the text of a number with a decimal point and without other marks.

        Raises:
            ValueError: The marks are not where they belong.
        """
        if self.is_plain:
            return text
        if self.thousands == " ":
            text = re.sub(r"[\u00a0\u2009\u202f]", " ", text)  # spaces at which no line ends
        thousands = re.escape(self.thousands)
        whole = rf"\d{{1,3}}(?:{thousands}\d{{3}})+|\d*" if self.thousands else r"\d*"
        pattern = rf"([+-]?)({whole})(?:{re.escape(self.decimal)}(\d*))?(e[+-]?\d+)?"
        match = re.fullmatch(pattern, text, flags=re.IGNORECASE)
        if match is None:
            if text.lstrip("+-").lower() in ("nan", "inf", "infinity"):
                return text
            raise ValueError(text)
        sign, digits, fraction, exponent = match.groups(default="")
        return f"{sign}{digits.replace(self.thousands, '') if self.thousands else digits}.{fraction}{exponent}"


def is_missing(cell: Any) -> bool:
    """Return whether a cell holds no number; the text nan is one."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def as_number(cell: Any, written: NumberFormat) -> float:
    """Return a cell as a number, which may be infinite or NaN.

    Raises:
        ValueError, TypeError, OverflowError: It is not a number.
    """
    if isinstance(cell, str):
        return float(written.plain(cell.strip()))
    if isinstance(cell, bool) or not isinstance(cell, int | float | Decimal):
        raise TypeError
    return float(cell)


def as_count(cell: Any, written: NumberFormat) -> int:
    """Return a cell as an integer, exactly: 9007199254740993 stays as it is.

    With a decimal mark or an exponent, it may come from a float, so it must be one that a float holds exactly.

    Raises:
        ValueError, TypeError, ArithmeticError: It is not an integer.
    """
    if isinstance(cell, bool) or not isinstance(cell, str | int | float | Decimal):
        raise TypeError
    if isinstance(cell, int):
        return cell
    number = Decimal(written.plain(cell.strip()) if isinstance(cell, str) else cell)
    is_exact = isinstance(cell, Decimal) or (isinstance(cell, str) and re.fullmatch(r"\s*[+-]?\d+\s*", cell))
    if not number.is_finite() or number.adjusted() > MOST_DIGITS or number != number.to_integral_value():
        raise ValueError
    if not is_exact and abs(number) >= EXACT:
        raise ValueError
    return int(number)


def shown(cell: Any) -> str:
    """Return a cell as messages show it."""
    text = repr(cell)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def is_huge(cell: Any, written: NumberFormat) -> bool:
    """Return whether a cell is a number too large for 64 bits."""
    try:
        number = Decimal(written.plain(cell.strip()) if isinstance(cell, str) else cell)
        return number.is_finite() and number.adjusted() >= MOST_DIGITS - 1
    except (TypeError, ValueError, ArithmeticError):
        return False


def hint(cell: Any, written: NumberFormat) -> str:
    """Return what could make a number of a cell, as the end of a message."""
    if not isinstance(cell, str):
        return ""
    text = cell.strip()
    if re.fullmatch(r"[+-]?[\d.,]+\s*%", text):
        return "; use --percent COLUMN for a column of percentages"
    if re.match(r"\d{4}-\d\d-\d\d", text):
        return ", which is a date"
    if not written.is_plain:
        grouped = re.fullmatch(r"[+-]?\d{1,3}(?:([.,' ])\d{3})+", text)
        return f"; if {grouped[1]!r} separates thousands, use --thousands {shlex.quote(grouped[1])}" if grouped else ""
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", text):
        return "; if the comma separates thousands, use --thousands ,"
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+(,\d*)?", text):
        return "; if this is a decimal comma, use --decimal , --thousands ."
    if re.fullmatch(r"[+-]?\d*,\d+(e[+-]?\d+)?", text, flags=re.IGNORECASE):
        return "; if this is a decimal comma, use --decimal ,"
    return ""
