"""Widths of pages and columns of venues, for figures and for tables."""

from __future__ import annotations

from typing import NamedTuple

from bench.catalogue import suggestion
from bench.errors import GanbenchError

# In inches, from the style files of the venues: \textwidth, and (\textwidth − \columnsep) / 2.
WIDTHS = {
    "one-column": 3.25,  # the narrowest column below
    "two-column": 6.75,  # the narrowest two-column text below
    "neurips": 5.5,  # neurips_2025.sty: one column
    "iclr": 5.5,  # iclr2026_conference.sty: one column
    "jmlr": 6.0,  # jmlr2e.sty: one column
    "icml-column": 3.25,  # icml2025.sty: text 6.75, columns 0.25 apart
    "icml": 6.75,
    "cvpr-column": 3.28125,  # cvpr.sty: text 6.875, columns 0.3125 apart
    "cvpr": 6.875,
    "ieee-column": 21 * 12 / 72.27,  # IEEEtran.cls: text 43 pc, columns 1 pc apart
    "ieee": 43 * 12 / 72.27,
}
OF_NO_VENUE = ("one-column", "two-column")
COLUMNS = {"two-column": "one-column", "icml": "icml-column", "cvpr": "cvpr-column", "ieee": "ieee-column"}
NARROWEST, WIDEST = 2.5, 20.0
POINTS = 72.27  # per inch
FOOTNOTE = 8.0  # points of \footnotesize in a document of 10 points
LARGE_FOOTNOTE = ("neurips", "iclr", "jmlr")  # 9 points there


class Page(NamedTuple):
    r"""The page that tables are made for, in points.

    Attributes:
        text: The width that a table may have.
        column: The width up to which it takes one column of a page with two; the same as ``text`` on other pages.
        size: The size of ``\footnotesize``.
    """

    text: float
    column: float
    size: float


def width_in_inches(width: str | float) -> float:
    """Return the width of a figure, given as a name in ``WIDTHS`` or in inches.

    Raises:
        GanbenchError: There is no such name, or the number is out of range.
    """
    if width in WIDTHS:
        return WIDTHS[str(width)]
    try:
        number = float(width)
    except ValueError:
        raise GanbenchError(f"unknown width {width!r}{suggestion(str(width), WIDTHS)}, or give inches") from None
    if not NARROWEST <= number <= WIDEST:
        raise GanbenchError(f"figure width {number:g} inches: choose {NARROWEST:g} to {WIDEST:g} inches")
    return number


def page_of(width: str | float) -> Page:
    """Return the page of tables next to figures of this width.

    Raises:
        GanbenchError: There is no such width, as in ``width_in_inches``.
    """
    text = width_in_inches(width) * POINTS
    column = WIDTHS[COLUMNS[str(width)]] * POINTS if width in COLUMNS else text
    return Page(text, column, FOOTNOTE + (width in LARGE_FOOTNOTE))


def implies_captions(width: str | float) -> bool:
    """Return whether figures of this width are for a paper of a venue, where captions replace titles."""
    return width in WIDTHS and width not in OF_NO_VENUE
