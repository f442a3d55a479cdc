"""The style of figures: colours that survive greyscale and colour blindness, fonts, axes.

A figure is exactly as wide as a column or the text of the page, so it needs no scaling and its fonts have their nominal
size. All text is in DejaVu Sans, which comes with matplotlib and is the same everywhere.
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
import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from bench.escaping import MAX_IN_FIGURE, as_label, for_figure

MAX_HEIGHT = 8.0  # inches: the text height of these venues, 8.9 to 9.2, less a caption of four lines and its distance
LONGEST_WORD = 24  # characters
SIZE, SMALL, TINY = 8.0, 7.0, 6.0  # points: titles and labels; ticks and legends; annotations
PLAIN = 1e-3, 1e4  # the range of a logarithmic axis whose ticks are numbers, not powers of ten
REAL_LINE: dict[str, Any] = {"color": "0.55", "linewidth": 2, "alpha": 0.6}  # of the value of real data
DPI = 200  # of PNG files, and of raster images within PDF and SVG

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
    "pdf.fonttype": 42,  # TrueType; many publishers refuse Type 3, the default
    # Paths, because a viewer without the font would use another one, and labels would overlap. The PDF keeps text.
    "svg.fonttype": "path",
    "svg.hashsalt": "ganbench",  # the same element ids, and so the same bytes, every time
    "hatch.linewidth": 0.4,
    "text.hinting": "none",  # hinted text has other widths at other resolutions; PDF and PNG must agree
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
}

# The palette of Okabe & Ito (2008), safe for colour-blind readers, without its yellow, which is too light for lines
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
REAL_STYLE: dict[str, Any] = {"color": "0.55", "linewidth": 2.0, "alpha": 0.6}
UNTRAINED_STYLE: dict[str, Any] = {"color": "0.35", "linewidth": 0.8, "linestyle": (0, (1, 3))}


class SeriesStyle(NamedTuple):
    """The colour, line style and marker of a series; the first 64 styles are all different."""

    colour: str
    line: Any
    marker: str


def series_style(index: int) -> SeriesStyle:
    """Return the style of the series with this index; colours repeat with other lines and markers."""
    shift = index // len(COLOURS)
    return SeriesStyle(
        COLOURS[index % len(COLOURS)], LINES[(index + shift) % len(LINES)], MARKERS[(index + shift) % len(MARKERS)]
    )


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save figures in this style, whatever the user's matplotlib settings are.

    Characters that the font lacks, such as Chinese ones, are drawn as boxes. An axis whose values are all equal, up to
    rounding, is expanded; one that reaches the largest float ends there.
    """
    with mpl.rc_context(), warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        warnings.filterwarnings("ignore", "Attempting to set identical low and high")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)  # type: ignore[arg-type]
        yield


def escape_dollars(text: object, limit: int = MAX_IN_FIGURE) -> str:
    """Return wrapped text in which a dollar sign does not start a formula."""
    return "\n".join(for_figure(line, limit) for line in str(text).split("\n"))


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Return the width of one line of text in inches, at a font size in points."""
    font = FontProperties(family=STYLE["font.family"], size=size)
    return float(TextToPath().get_text_width_height_descent(text, font, False)[0]) / 72


def wrap_text(text: str, width: float, size: float, limit: int = MAX_IN_FIGURE) -> str:
    """Return text broken into lines of at most ``width`` inches, at a font size in points.

    Lines break at " · " first, then at spaces and at hyphens within words. A longer word stays on one line, unless it
    is longer than any word.

    Args:
        text: The text.
        width: The width in inches.
        size: The font size.
        limit: The number of characters between " · " above which they are shortened.
    """
    lines: list[str] = []
    for part in (as_label(part, limit) for part in text.split(" · ")):
        if lines and text_width(f"{lines[-1]} · {part}", size) <= width:
            lines[-1] = f"{lines[-1]} · {part}"
        else:
            lines += _wrap_words(part, width, size)
    return "\n".join(lines)


def _wrap_words(text: str, width: float, size: float) -> list[str]:
    lines: list[str] = []
    words = [piece for word in _BREAKS.split(text) for piece in _pieces(word, width, size)]
    for word in words:
        if lines and text_width(lines[-1] + word, size) <= width:
            lines[-1] += word
        else:
            lines.append(word.lstrip(" "))
    return lines


def _pieces(word: str, width: float, size: float) -> list[str]:
    """A word, or its parts of about ``width`` inches if it is longer than any word."""
    if len(word) <= LONGEST_WORD or text_width(word, size) <= width:
        return [word]
    length = max(8, int(len(word) * width / text_width(word, size)))
    return [word[start : start + length] for start in range(0, len(word), length)]


_BREAKS = re.compile(r"(?<=[^\W\d]-)(?=[^\W\d])|(?= )")


def set_log_scale(panel: Axes, axis: str, low: float, high: float) -> None:
    """Make an axis logarithmic, with ticks that suit its range of positive values.

    Ticks are numbers if the range lies within ``PLAIN``, else powers of ten.
    """
    (panel.set_xscale if axis == "x" else panel.set_yscale)("log")
    ticks = panel.xaxis if axis == "x" else panel.yaxis
    decades = math.log10(high) - math.log10(low) if high > low > 0 else 0.0
    shown: tuple[float, ...] = (1.0,)
    if decades <= 0.7:
        shown = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
    elif decades <= 1.7:
        shown = (1.0, 2.0, 5.0)
    elif decades <= 2.5:
        shown = (1.0, 3.0)
    ticks.set_major_locator(LogLocator(subs=shown, numticks=6 if len(shown) == 1 else 12))
    ticks.set_major_formatter(FuncFormatter(format_thousands if PLAIN[0] <= low and high <= PLAIN[1] else _power))
    ticks.set_minor_formatter(NullFormatter())
    if len(shown) == 1:
        ticks.set_minor_locator(NullLocator())  # eight more per decade do not help, and are slow to draw


def _power(value: float, _: object = None) -> str:
    """Write a number as a power of ten."""
    if not math.isfinite(value):  # a tick beyond the largest float
        return ""
    exponent = math.floor(math.log10(value) + 1e-9)
    factor = value / 10**exponent
    mantissa = "" if abs(factor - 1) < 1e-6 else f"{factor:.3g}·"
    return f"${mantissa}10^{{{exponent}}}$"


def format_thousands(value: float, _: object = None) -> str:
    """Return a number with commas between thousands."""
    return f"{value:,.10g}"
