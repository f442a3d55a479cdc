"""Tables and comparisons on the terminal, with the most important columns that fit its width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd
from rich.markup import escape
from rich.table import Table

from bench.catalogue.metrics.measures import MEASURES
from bench.command.terminal import Terminal
from bench.escaping import as_label, as_message
from bench.evidence.states import State
from bench.report.row_names import FAILED, FAILURES, PUBLISHED, REAL, UNTRAINED

if TYPE_CHECKING:
    from bench.evidence.gate.comparison import Comparison
    from bench.report import Report

DETAILS = ("EMA", *(measure.label for measure in MEASURES.values() if measure.table == "details"))


def show_report(report: Report) -> None:
    """Print the tables of a report, with as many columns as fit the terminal, then the files written."""
    console = Terminal()
    hidden: dict[str, None] = {}
    for title, given in report.formatted.items():
        rates = {name: given[name].str.replace(r" \(.*?%\)", "", regex=True) for name in given if name.endswith(FAILED)}
        frame = given.assign(**rates).map(as_label).rename(columns=as_label)
        columns = fitting_columns(frame, console.width, report.details, report.primary)
        hidden |= dict.fromkeys(column for column in frame if column not in columns)
        table = Table(title=escape(as_label(title)), title_justify="left", title_style="bold", box=None, padding=(0, 1))
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
            "mean [95% CI] or mean ± 95% CI over seeds, geometric mean for positive distances; final: after the last "
            "step, best: over all evaluations; failed: not stable"
        ),
        highlight=False,
    )
    if any(State.UNRESOLVED in text for frame in report.formatted.values() for text in frame.to_numpy().ravel()):
        console.print("unresolved: the run cannot be judged; the reason is in table.md", highlight=False)
    if hidden:
        console.print(f"columns not shown (see table.md): {', '.join(hidden)}", highlight=False, markup=False)
    for notice in report.notices:
        console.print(notice, highlight=False, markup=False)
    folders: dict[str, int] = {}
    for figure in report.figures:
        folders[str(figure.parent)] = folders.get(str(figure.parent), 0) + 1
    written = [
        *map(str, report.tables),
        *(f"{n} figures in {folder}" for folder, n in folders.items()),
        *([str(report.page)] if report.page else []),
    ]
    lines = [f"wrote {path}" for path in written]
    if not report.anew:
        lines = [f"already up to date: {', '.join(written)}"]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _is_measure(column: str) -> bool:
    return column.endswith((" final", " best"))


def fitting_columns(
    frame: pd.DataFrame, width: int, details: tuple[str, ...] = (), primary: tuple[str, ...] = ()
) -> list[str]:
    """Return the columns that fit a terminal: the axes and failures first, then the others by importance.

    Args:
        frame: A formatted table.
        width: Of the terminal.
        details: Labels of more measures that are left out first.
        primary: Labels of the measures that come first.
    """

    def column_width(column: str) -> int:
        return 2 + max(len(line) for line in [*column.rsplit(" ", 1), *frame[column]])

    columns = list(frame)
    shown = [column for column in columns if not _is_measure(column) and not column.endswith((FAILURES, "steps/s"))]
    left = width - sum(map(column_width, shown))
    others = [column for column in columns if column not in shown]
    others.sort(key=lambda column: _importance(column, (*DETAILS, *details), primary))
    for column in others:
        if column_width(column) <= left:
            shown.append(column)
            left -= column_width(column)
    return [column for column in columns if column in shown]


def _importance(column: str, details: tuple[str, ...], primary: tuple[str, ...]) -> tuple[bool, bool, bool, bool]:
    """Return a sort key: final before best values, primary before main before secondary measures, the rest last."""
    first = column.rsplit(" ", 1)[0] in primary
    secondary = not first and any(label in column for label in details)
    return column.endswith((FAILURES, "steps/s")), column.endswith(" best"), secondary, not first


def show_comparison(comparison: Comparison) -> None:
    """Print one row per cell, how to read it, the reasons of all verdicts other than OK, and the overall verdict."""
    from bench.evidence.gate.rendering import comparison_rows
    from bench.evidence.gate.sentences import conditions, headline, reasons, remarks

    console = Terminal()
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
        texts = (f"[{colours[text]}]{text}[/]" if text in colours else escape(as_label(text)) for text in row)
        table.add_row(escape(" · ".join(map(as_label, place))), *texts)
    console.print(table)
    console.print(f"\n{escape(conditions(comparison))}\n", highlight=False, style="dim")
    for verdict, cells, reason in reasons(comparison):
        text = escape(as_message(f"{cells}: {reason}"))
        console.print(f"[{colours[verdict]}]{verdict}[/] {text}", highlight=False)
    for text in remarks(comparison):
        console.print(escape(as_message(text)), highlight=False)
    console.print(f"[{colours[comparison.verdict]}]{escape(headline(comparison))}[/]", highlight=False)
