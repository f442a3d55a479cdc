"""Tables in Markdown, CSV and LaTeX, and a JSON file with the runs behind every entry."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from bench.escaping import as_label, for_markdown, for_markdown_text
from bench.evidence.results import Evidence
from bench.files import atomic_write
from bench.plan.identity import MAX_TITLE
from bench.report.captions import caption, provenance
from bench.report.explanations import note
from bench.report.file_names import distinct, slug
from bench.report.row_names import FAILED, FAILURES
from bench.report.tables.across import sections
from bench.report.tables.appendix import NAME, appendix
from bench.report.tables.cell_summaries import summarise_cells
from bench.report.tables.entries import with_wilson_interval
from bench.report.tables.fitting import fit
from bench.report.tables.latex import to_latex
from bench.report.tables.layout import lay_out
from bench.report.tables.legend import heading
from bench.report.tables.model import Layout, Table
from bench.report.tables.plain_text import to_csv, to_markdown
from bench.report.tables.powers import with_powers_of_ten
from bench.report.venues import page_of

__all__ = [
    "Layout",
    "format_table",
    "summarise_cells",
    "write_tables",
]


def write_tables(
    evidence: Evidence, folder: Path, layout: Layout | None = None, width: str | float = "two-column"
) -> tuple[list[Path], dict[str, pd.DataFrame]]:
    """Write ``table.md``, ``table.tex``, ``table.csv``, ``table.json`` and ``notes.tex``.

    ``table.md`` and ``table.tex`` are formatted, ``table.csv`` has numbers, one row per cell. If there are several
    LaTeX tables, such as one per dataset, each is also in a file of its own, such as ``table-ring.tex``.
    ``table.json`` holds the text of every entry of the LaTeX tables, without scientific notation where others have
    none, and the identities of the runs behind it. ``notes.tex`` explains all tables and figures.

    Args:
        evidence: The records.
        folder: The folder to write to.
        layout: What the tables show.
        width: The width of the page of the LaTeX tables, a name in ``WIDTHS`` or in inches; a wider table is split.

    Returns:
        The paths, and the formatted Markdown tables by title.

    Raises:
        ResultsError: The records have no such axis or measure.
        OSError: The folder cannot be written.
    """
    layout = layout or Layout()
    page, wide = page_of(width), lay_out(evidence, layout)
    narrow = [with_powers_of_ten(evidence, table) for table in lay_out(evidence, layout, for_paper=True)]
    parts = [fit(evidence, table, page) for table in narrow]
    for_paper = [part for of_table in parts for part in of_table]
    formatted = {table.title: format_table(evidence, table) for table in wide}
    per_dataset = [summarise_cells(evidence, name, _measures(evidence, name, layout)) for name in evidence.datasets()]
    texts = {
        "table.md": _markdown(evidence, wide, formatted),
        "table.csv": to_csv(pd.concat(per_dataset, ignore_index=True)),
        "table.tex": to_latex(evidence, for_paper, page),
        "table.json": _runs_behind_entries(evidence, for_paper),
        NAME: appendix(evidence, [c.measure for table in for_paper for c in table.columns if c.which]),
    }
    if len(parts) > 1:
        names = distinct([f"table-{slug(table.title)}" for table in narrow])
        texts |= {f"{name}.tex": to_latex(evidence, part, page) for name, part in zip(names, parts, strict=True)}
    for name, text in texts.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    return [folder / name for name in texts], formatted


def _measures(evidence: Evidence, dataset: str, layout: Layout) -> list[str] | None:
    measured = evidence.measures(dataset)
    return None if layout.measures is None else [name for name in layout.measures if name in measured]


def format_table(evidence: Evidence, table: Table) -> pd.DataFrame:
    """Return a table as text: the row axes, then one column per column of the table."""
    rows = []
    for row in table.rows:
        texts = dict(zip(table.row_axes, row.labels, strict=True))
        for column, entry in row.entries.items():
            is_failed = column.measure == FAILED and not column.which
            texts[heading(evidence, column)] = with_wilson_interval(entry.text) if is_failed else entry.text
        rows.append(texts)
    columns = [*table.row_axes, *(heading(evidence, column) for column in table.columns)]
    return pd.DataFrame(rows, columns=columns).fillna("").rename(columns=evidence.names)


def _markdown(evidence: Evidence, tables: list[Table], formatted: dict[str, pd.DataFrame]) -> str:
    parts = [f"# {for_markdown(evidence.title, MAX_TITLE)}\n"]
    for table in tables:
        frame = _with_bold(evidence, table, formatted[table.title])
        axes = [evidence.names.get(axis, axis) for axis in table.row_axes]
        align = ["left" if column in axes or column.endswith(FAILURES) else "right" for column in frame]
        text = to_markdown(frame, axes, align)
        text += "\n\n" + " ".join(for_markdown_text(caption(evidence, dataset)) for dataset in table.datasets)
        parts.append(f"## {for_markdown(table.title)}\n\n{text}\n" if table.title else f"{text}\n")
    parts += sections(evidence)
    return "\n".join([*parts, f"{note(evidence)}\n", f"{for_markdown_text(provenance(evidence))}\n"])


def _with_bold(evidence: Evidence, table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    marked = frame.copy()
    for index, row in enumerate(table.rows):
        for column, entry in row.entries.items():
            if entry.bold:
                marked.loc[index, heading(evidence, column)] = f"**{entry.value}** {entry.interval}".strip()
    return marked


def _runs_behind_entries(evidence: Evidence, tables: list[Table]) -> str:
    content = [
        {
            "label": f"tab:{as_label(table.label)}",
            "fixed": {axis: as_label(label) for axis, label in table.fixed.items()},
            "entries": [
                {
                    "row": dict(zip(table.row_axes, map(as_label, row.labels), strict=True)),
                    "column": dict(zip(table.column_axes, map(as_label, column.place), strict=True)),
                    "shows": heading(evidence, column._replace(place=())),
                    "text": entry.text,
                    "bold": entry.bold,
                    "runs": list(entry.runs),
                }
                for row in table.rows
                if row.kind == "cell"
                for column, entry in row.entries.items()
            ],
        }
        for table in tables
    ]
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
