"""Tables: Markdown, CSV, LaTeX, and a sidecar that leads from every entry to the runs behind it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from bench.evidence.results import Evidence
from bench.files import atomic_write
from bench.report.captions import caption, note, provenance
from bench.report.row_names import FAILED, FAILURES
from bench.report.tables.across import sections
from bench.report.tables.cell_summaries import summarise_cells
from bench.report.tables.entries import wilson_text
from bench.report.tables.latex import to_latex
from bench.report.tables.layout import lay_out
from bench.report.tables.legend import heading
from bench.report.tables.model import Layout, Table

__all__ = [
    "Layout",
    "format_table",
    "summarise_cells",
    "write_tables",
]


def write_tables(
    evidence: Evidence, folder: Path, layout: Layout | None = None
) -> tuple[list[Path], dict[str, pd.DataFrame]]:
    """Writes ``table.md``, ``table.tex`` (formatted), ``table.csv`` (numbers, one row a cell) and ``table.json``.

    The last has, for every entry of the LaTeX tables, its text and the identities of the runs that it is of.

    Args:
        evidence: The records.
        folder: Where to write.
        layout: What the tables show.

    Returns:
        The paths, and the formatted tables of Markdown by their titles.

    Raises:
        ResultsError: an axis or a measure that the records have not.
        OSError: the folder cannot be written.
    """
    layout = layout or Layout()
    wide, for_paper = lay_out(evidence, layout), lay_out(evidence, layout, for_paper=True)
    formatted = {table.title: format_table(evidence, table) for table in wide}
    numbers = [summarise_cells(evidence, dataset, _of(evidence, dataset, layout)) for dataset in evidence.datasets()]
    texts = {
        "table.md": _markdown(evidence, wide, formatted),
        "table.csv": pd.concat(numbers, ignore_index=True).to_csv(
            index=False, float_format="%.6g", lineterminator="\n"
        ),
        "table.tex": to_latex(evidence, for_paper),
        "table.json": _sidecar(evidence, for_paper),
    }
    for name, text in texts.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    return [folder / name for name in texts], formatted


def _of(evidence: Evidence, dataset: str, layout: Layout) -> list[str] | None:
    there = evidence.measures(dataset)
    return None if layout.measures is None else [name for name in layout.measures if name in there]


def format_table(evidence: Evidence, table: Table) -> pd.DataFrame:
    """A table as text: a column for every axis that rows tell, then one for every column."""
    rows = []
    for line in table.lines:
        row = dict(zip(table.axes, line.heads, strict=True))
        for column, entry in line.entries.items():
            failed = column.measure == FAILED and not column.which
            row[heading(evidence, column)] = wilson_text(entry.text) if failed else entry.text
        rows.append(row)
    columns = [*table.axes, *(heading(evidence, column) for column in table.columns)]
    return pd.DataFrame(rows, columns=columns).fillna("")


def _markdown(evidence: Evidence, tables: list[Table], formatted: dict[str, pd.DataFrame]) -> str:
    parts = [f"# {evidence.title}\n"]
    for table in tables:
        frame = _with_bold(evidence, table, formatted[table.title]).map(lambda text: text.replace("|", "\\|"))
        align = ["left" if column in table.axes or column.endswith(FAILURES) else "right" for column in frame]
        text = frame.to_markdown(index=False, colalign=align, disable_numparse=True)
        told = " ".join(caption(evidence, dataset) for dataset in table.datasets)
        parts.append(f"## {table.title}\n\n{text}\n\n{told}\n" if table.title else f"{text}\n\n{told}\n")
    parts += sections(evidence)
    return "\n".join([*parts, f"{note(evidence)}\n", f"{provenance(evidence)}\n"])


def _with_bold(evidence: Evidence, table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    marked = frame.copy()
    for row, line in enumerate(table.lines):
        for column, entry in line.entries.items():
            if entry.bold:
                name = heading(evidence, column)
                marked.loc[row, name] = f"**{entry.value}** {entry.interval}".strip()
    return marked


def _sidecar(evidence: Evidence, tables: list[Table]) -> str:
    content = [
        {
            "label": f"tab:{table.label}",
            "fixed": dict(table.fixed),
            "entries": [
                {
                    "row": dict(zip(table.axes, line.heads, strict=True)),
                    "column": dict(zip(table.column_axes, column.place, strict=True)),
                    "shows": heading(evidence, column._replace(place=())),
                    "text": entry.text,
                    "bold": entry.bold,
                    "runs": list(entry.runs),
                }
                for line in table.lines
                if line.kind == "cell"
                for column, entry in line.entries.items()
            ],
        }
        for table in tables
    ]
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
