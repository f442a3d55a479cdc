"""Widths of text in print: of labels, numbers and intervals in a LaTeX table."""

from __future__ import annotations

# Widths in em of the upright letters of Computer Modern (cmr8), the widest of the usual text fonts, from its metrics
_WIDTHS = {
    0.30: "!',.:;<[]_`il ",
    0.42: "fj-I()rts",
    0.54: 'cez?"$*/0123456789\\^ago{}~',
    0.60: "Jkqvxybdhnpu",
    0.70: "ZLFS",
    0.85: "EPBCTwRAHNUVXYDK&+=@GOQ±×",
    0.90: "#%m",
    1.10: "M|W",
}
_OF_LETTER = {letter: width for width, letters in _WIDTHS.items() for letter in letters}
_OTHER = 1.0  # a letter that pdflatex lacks, or a symbol
BOLD = 1.16  # bold digits are wider by this factor
SUPERSCRIPTS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
COLUMN_SEPARATION = 6.0  # points between two columns: twice \\tabcolsep


def text_em(text: str) -> float:
    """Return the width of text in em."""
    return sum(0.4 if letter in SUPERSCRIPTS else _OF_LETTER.get(letter, _OTHER) for letter in text)
