"""LaTeX tables of text, such as those of a search or of speed, split into parts that fit the page."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from bench.report.tables.fitting import LABEL_SHARE, limited
from bench.report.tables.latex import HeaderRow, escape_label, render_table, wrapped
from bench.report.tables.print_widths import COLUMN_SEPARATION, text_em
from bench.report.venues import Page

PACKAGES = "% needs \\usepackage{array,booktabs}\n"


def render_text(frame: pd.DataFrame, labels: Collection[str], caption: str, label: str, page: Page) -> str:
    """Return a frame of text as LaTeX tables that are no wider than the page.

    Args:
        frame: The text of every entry.
        labels: The columns with labels of rows, which come first and are repeated in every part.
        caption: Plain text.
        label: Of the first part.
        page: The page.
    """
    natural = {
        column: page.size * max(text_em(text) for text in (str(column), *frame[column].astype(str))) for column in frame
    }
    first = [column for column in frame if column in labels]
    widths = dict(zip(first, limited([natural[column] for column in first], LABEL_SHARE * page.text), strict=True))
    room = page.text - sum(widths.values()) - COLUMN_SEPARATION * max(len(first) - 1, 0)
    others = [column for column in frame if column not in labels]
    widths |= {column: min(natural[column], room - COLUMN_SEPARATION) for column in others}
    parts = _split(others, widths, room)
    return "\n".join(
        _render_part(frame[[*first, *part]], natural, widths, caption, label, page, (number, len(parts)))
        for number, part in enumerate(parts, 1)
    )


def _split(columns: Sequence[str], widths: dict[str, float], room: float) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for column in columns:
        used = sum(widths[each] + COLUMN_SEPARATION for each in parts[-1])
        if parts[-1] and used + widths[column] + COLUMN_SEPARATION > room:
            parts.append([])
        parts[-1].append(column)
    return parts


def _render_part(
    frame: pd.DataFrame,
    natural: dict[str, float],
    widths: dict[str, float],
    caption: str,
    label: str,
    page: Page,
    part: tuple[int, int],
) -> str:
    number, count = part
    subject, _, rest = caption.partition(". ")
    total = sum(widths[column] + COLUMN_SEPARATION for column in frame)
    return render_table(
        caption=f"{subject} (part {number} of {count}). {rest if number == 1 else ''}".strip()
        if count > 1
        else caption,
        label=f"{label}-{number}" if number > 1 else label,
        column_format="".join("l" if natural[c] <= widths[c] else wrapped(widths[c]) for c in frame),
        header=[HeaderRow([escape_label(column) for column in frame])],
        blocks=[[[escape_label(entry) for entry in row] for row in frame.itertuples(index=False)]],
        environment="table" if total <= page.column else "table*",
        siunitx=False,
    )
