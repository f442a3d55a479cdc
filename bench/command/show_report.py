"""Tables and comparisons on the terminal: what fits its width, the most telling first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.catalogue.metrics.measures import MEASURES
from bench.report.row_names import FAILED, FAILURES, PUBLISHED, REAL, UNTRAINED

if TYPE_CHECKING:
    from bench.evidence.gate.compare import Comparison
    from bench.report import Report

DETAILS = ("EMA", *(measure.label for measure in MEASURES.values() if measure.table == "details"))


def show_report(report: Report) -> None:
    """One table after the other, as many columns as the terminal is wide, then what was written."""
    console = Console()
    hidden: dict[str, None] = {}
    for title, given in report.formatted.items():
        frame = given.assign(**{name: given[name].str.partition(" ")[0] for name in given if name.endswith(FAILED)})
        columns = fitting_columns(frame, console.width)
        hidden |= dict.fromkeys(column for column in frame if column not in columns)
        table = Table(title=escape(title), title_justify="left", title_style="bold", box=None, padding=(0, 1))
        for column in columns:
            heading = "\n".join(column.rsplit(" ", 1)) if _is_measure(column) else column
            justify: Literal["left", "right"] = "right" if _is_measure(column) or column == "steps/s" else "left"
            table.add_column(escape(heading), justify=justify, no_wrap=True)
        for row in frame[columns].itertuples(index=False):
            table.add_row(*map(escape, row), style="dim" if row[0].startswith((REAL, UNTRAINED, PUBLISHED)) else None)
        console.print(table)
        console.print()
    console.print(
        escape(
            "mean ± 95 % t interval over seeds, or geometric mean [interval]; final: after the last step, best: over "
            "all evaluations; failed: any outcome but converged"
        ),
        highlight=False,
    )
    if hidden:
        console.print(f"in table.md, and in a wider terminal: {', '.join(hidden)}", highlight=False, markup=False)
    folders: dict[str, int] = {}
    for figure in report.figures:
        folders[str(figure.parent)] = folders.get(str(figure.parent), 0) + 1
    written = [
        *map(str, report.tables),
        *(f"{n} figures in {folder}" for folder, n in folders.items()),
        str(report.page),
    ]
    told = [f"wrote {path}" for path in written]
    if not report.anew:
        told = [f"nothing has changed since these were written: {', '.join(written)}"]
    for line in told:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _is_measure(column: str) -> bool:
    return column.endswith((" final", " best"))


def fitting_columns(frame: pd.DataFrame, width: int) -> list[str]:
    """The columns that a terminal has room for: the place in the matrix and failures first, then by importance."""

    def room(column: str) -> int:
        return 2 + max(len(line) for line in [*column.rsplit(" ", 1), *frame[column]])

    columns = list(frame)
    wanted = [column for column in columns if not _is_measure(column) and not column.endswith((FAILURES, "steps/s"))]
    left = width - sum(map(room, wanted))
    others = [column for column in columns if column not in wanted]
    others.sort(key=_importance)
    for column in others:
        if room(column) <= left:
            wanted.append(column)
            left -= room(column)
    return [column for column in columns if column in wanted]


def _importance(column: str) -> tuple[bool, bool, bool]:
    """Values after the last step before the best, the main measures before the others, words last."""
    return column.endswith((FAILURES, "steps/s")), column.endswith(" best"), any(w in column for w in DETAILS)


def show_comparison(comparison: Comparison) -> None:
    """The verdict, a line a cell, and why each that is not OK is not."""
    from bench.evidence.gate.rendering import comparison_rows, conditions, headline

    console = Console()
    colours = {"REGRESSED": "bold red", "OK": "green", "INCONCLUSIVE": "yellow"}
    rows = comparison_rows(comparison)
    table = Table(box=None, padding=(0, 1))
    table.add_column("cell")
    shown = [column for column in rows if column not in ("why", "runs", *comparison.axes)]
    for column in shown:
        table.add_column(column.replace(" ", "\n"), justify="left" if column == "verdict" else "right", no_wrap=True)
    for place, row in zip(
        rows[comparison.axes].itertuples(index=False), rows[shown].itertuples(index=False), strict=True
    ):
        texts = (f"[{colours[text]}]{text}[/]" if text in colours else escape(text) for text in row)
        table.add_row(escape(" · ".join(place)), *texts)
    console.print(table)
    console.print()
    for cell in comparison.cells:
        if cell.verdict != "OK":
            line = f"[{colours[cell.verdict]}]{cell.verdict}[/] {escape(cell.name)}: {escape(cell.reason)}"
            console.print(line, highlight=False)
    console.print(f"\n{escape(conditions(comparison))}", highlight=False, style="dim")
    console.print(f"\n[{colours[comparison.verdict]}]{escape(headline(comparison))}[/]", highlight=False)
