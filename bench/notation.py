"""Numbers as a paper prints them: powers of ten, and commas between thousands."""

from __future__ import annotations

import re

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_MINUS = "⁻"
_EXPONENT = re.compile(r"(?<=\d)\.?e([+-]?)0*(\d+)\b")
_POWER = re.compile(rf"·10({_MINUS}?[{SUPERSCRIPTS}]+)")
_WHOLE = re.compile(r"^(-?)(\d{4,})(?=\.|$)")
_TO_SUPERSCRIPT = str.maketrans("-0123456789", _MINUS + SUPERSCRIPTS)
_FROM_SUPERSCRIPT = str.maketrans(_MINUS + SUPERSCRIPTS, "-0123456789")


def with_powers(text: str) -> str:
    """Return text with powers of ten in place of Python's exponents: ``1.1·10⁻⁵`` for ``1.1e-05``."""
    return _EXPONENT.sub(lambda match: f"·10{(match[1].strip('+') + match[2]).translate(_TO_SUPERSCRIPT)}", text)


def with_exponents(text: str) -> str:
    """Return text with exponents in place of powers of ten: the inverse of ``with_powers``."""
    return _POWER.sub(lambda match: f"e{match[1].translate(_FROM_SUPERSCRIPT)}", text)


def with_commas(number: str) -> str:
    """Return a number with commas between thousands; a number that is written otherwise is unchanged."""
    return _WHOLE.sub(lambda match: f"{match[1]}{int(match[2]):,}", number)
