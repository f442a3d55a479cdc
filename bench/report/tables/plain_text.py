"""Frames as Markdown tables and as CSV, with labels that cannot break them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from bench.escaping import for_csv, for_markdown


def to_markdown(frame: pd.DataFrame, labels: Collection[str], align: Sequence[str]) -> str:
    """Return a frame of text as a Markdown table.

    Args:
        frame: The text of every entry.
        labels: The columns with labels, which are escaped; the others hold numbers and Markdown.
        align: "left" or "right" for every column.
    """
    columns = [frame[name].map(for_markdown if name in labels else _escape_bars) for name in frame]
    escaped = pd.concat(columns, axis=1).set_axis([for_markdown(name) for name in frame], axis=1)
    return str(escaped.to_markdown(index=False, colalign=align, disable_numparse=True))


def _escape_bars(text: str) -> str:
    return text.replace("|", "\\|")


def to_csv(frame: pd.DataFrame) -> str:
    """Return a frame of labels and numbers as CSV; a spreadsheet takes no label for a formula."""
    labels = [name for name in frame if frame[name].map(lambda value: isinstance(value, str)).any()]
    escaped = frame.assign(
        **{name: frame[name].map(lambda value: for_csv(value) if isinstance(value, str) else value) for name in labels}
    )
    named = escaped.rename(columns=for_csv)
    return str(named.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
