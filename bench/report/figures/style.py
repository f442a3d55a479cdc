"""How figures look: widths of the venues' pages, colours that survive print and colour blindness, fonts, axes.

A figure is exactly as wide as the column or the text that it stands in, so that it needs no scaling and its text has
the size that it says. Text is in DejaVu Sans, which comes with matplotlib: the same everywhere.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from bench.catalogue import suggestion
from bench.errors import GanbenchError
from bench.evidence.states import State

# Inches, as the style files of the venues set them: \textwidth, and (\textwidth − \columnsep) / 2.
WIDTHS = {
    "one-column": 3.25,  # the narrowest of the columns below
    "two-column": 6.75,  # the narrowest text of two columns below
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
NARROWEST, WIDEST = 2.5, 20.0
HEIGHT = 8.6  # inches: what the text height of these venues, 8.9 to 9.2, leaves beside a caption of two lines
SIZE, SMALL, TINY = 8.0, 7.0, 6.0  # points: titles and labels; ticks and legends; what stands at a mark
DOTS = 200  # an inch, of PNG, and of pictures within PDF and SVG

STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "axes.labelsize": SIZE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "figure.titlesize": SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "ytick.minor.size": 1.5,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.4,
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.h_pad": 0.03,
    "pdf.fonttype": 42,  # TrueType; Type 3, the default, is what publishers refuse
    # Paths, not text: a browser or an editor without the font would set other widths, and labels would collide. The
    # PDF holds the text as text.
    "svg.fonttype": "path",
    "svg.hashsalt": "ganbench",  # the same names of parts, and so the same bytes, every time
    "hatch.linewidth": 0.4,
    "text.hinting": "none",  # hinted text has other widths at other resolutions: what fits the PDF must fit the PNG
    "figure.dpi": DOTS,
    "savefig.dpi": DOTS,
}

# Okabe & Ito's palette (2008), safe for colour blindness, its yellow aside, which is too light for a line
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7A7A29")
LINES: tuple[Any, ...] = (
    "-",
    (0, (4, 1.5)),
    (0, (5, 1, 1, 1)),
    (0, (1, 1)),
    (0, (7, 1)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (2, 1)),
    (0, (7, 2, 2, 2)),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
REAL_LOOK: dict[str, Any] = {"color": "0.55", "linewidth": 2.0, "alpha": 0.6}
UNTRAINED_LOOK: dict[str, Any] = {"color": "0.35", "linewidth": 0.8, "linestyle": (0, (1, 3))}

HATCHES = {State.NEVER_LEARNED: "...", State.RELAPSED: "////", State.OSCILLATING: "\\\\\\\\"}  # neighbours, in grey


class Look(NamedTuple):
    """Of one series: its colour, its line and its marker; no two of the first 64 are alike."""

    colour: str
    line: Any
    marker: str


def look(place: int) -> Look:
    """Of the series with this number; where the colours are used up they come again with other lines."""
    again = place // len(COLOURS)
    return Look(
        COLOURS[place % len(COLOURS)], LINES[(place + again) % len(LINES)], MARKERS[(place + again) % len(MARKERS)]
    )


def inches(width: str | float) -> float:
    """The width of a figure: of a name in ``WIDTHS``, or a number of inches.

    Raises:
        GanbenchError: no such name, or a number that is no width of a page.
    """
    if width in WIDTHS:
        return WIDTHS[str(width)]
    try:
        number = float(width)
    except ValueError:
        raise GanbenchError(f"there is no width {width!r}{suggestion(str(width), WIDTHS)}, or give inches") from None
    if not NARROWEST <= number <= WIDEST:
        raise GanbenchError(f"a figure {number:g} inches wide: give {NARROWEST:g} to {WIDEST:g} inches")
    return number


@contextmanager
def styled() -> Iterator[None]:
    """Figures drawn and saved within look like this, whatever the user's own settings are.

    A letter that the font does not have, as of Chinese, is drawn as a box.
    """
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)  # type: ignore[arg-type]
        yield


def plain(text: object) -> str:
    """A label as it is written: a dollar is a dollar, no formula."""
    return str(text).replace("$", r"\$")


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Inches that a line of text takes at a size in points."""
    font = FontProperties(family=STYLE["font.family"], size=size)
    return float(TextToPath().get_text_width_height_descent(text, font, False)[0]) / 72


def fold(text: str, width: float, size: float) -> str:
    """Text in as many lines as it needs to be no wider, in inches; a word that is too long stays whole.

    Broken between the parts of a place, a · b; a part that is too wide at its spaces, and at hyphens within words.
    """
    lines: list[str] = []
    for part in text.split(" · "):
        if lines and text_width(f"{lines[-1]} · {part}", size) <= width:
            lines[-1] = f"{lines[-1]} · {part}"
        else:
            lines += _fold_words(part, width, size)
    return "\n".join(lines)


def _fold_words(text: str, width: float, size: float) -> list[str]:
    lines: list[str] = []
    for word in _BREAKS.split(text):
        if lines and text_width(lines[-1] + word, size) <= width:
            lines[-1] += word
        else:
            lines.append(word.lstrip(" "))
    return lines


_BREAKS = re.compile(r"(?<=[^\W\d]-)(?=[^\W\d])|(?= )")


def logarithmic(panel: Axes, axis: str, low: float, high: float) -> None:
    """Makes an axis logarithmic, with as many labels as its range of positive values asks for."""
    (panel.set_xscale if axis == "x" else panel.set_yscale)("log")
    ticks = panel.xaxis if axis == "x" else panel.yaxis
    decades = math.log10(high / low) if high > low > 0 else 0.0
    shown = (1.0,) if decades > 1.7 else (1.0, 2.0, 5.0) if decades > 0.7 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    ticks.set_major_locator(LogLocator(subs=shown, numticks=6 if len(shown) == 1 else 12))
    ticks.set_major_formatter(FuncFormatter(_power))
    ticks.set_minor_formatter(NullFormatter())
    if len(shown) == 1:
        ticks.set_minor_locator(NullLocator())  # eight more a decade are no help, and take longer than all else


def _power(value: float, _: object = None) -> str:
    """0.001 to 1,000 as numbers; beyond as powers of ten."""
    if 0.999e-3 < value < 9.99e3:
        return f"{value:,.10g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    factor = value / 10**exponent
    times = "" if abs(factor - 1) < 1e-6 else f"{factor:.3g}·"
    return f"${times}10^{{{exponent}}}$"


def thousands(value: float, _: object = None) -> str:
    """12,000; a number that is not whole keeps its decimals."""
    return f"{value:,.10g}"
