"""Tables as LaTeX: booktabs rules, numbers aligned by siunitx, and headings that span columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined, Template

from bench.escaping import as_label, for_latex, latex_preamble
from bench.evidence.results import Evidence
from bench.notation import with_exponents
from bench.report.tables.fitting import label_widths, separation, table_width
from bench.report.tables.legend import legend, only_kind, with_arrow
from bench.report.tables.model import Column, Entry, Table
from bench.report.tables.print_widths import text_em
from bench.report.venues import Page

PACKAGES = "% needs \\usepackage{booktabs,siunitx}\n"
NUMBER = re.compile(r"^(-?)(\d+)(?:\.(\d+))?(?:e[+-]?(\d+))?$")  # with an exponent, and no commas
START_OF_ARGUMENT = ("[", "*")  # after \\\\ and \\midrule, these begin an argument


def escape_label(label: object) -> str:
    """Return a label as LaTeX prints it."""
    return for_latex(as_label(label))


class HeaderRow(NamedTuple):
    """A row above the numbers: its cells, and the first and last column of each thin rule below it."""

    cells: list[str]
    rules: Sequence[tuple[int, int]] = ()


def render_table(
    *,
    caption: str,
    label: str,
    column_format: str,
    header: Sequence[HeaderRow],
    blocks: Sequence[Sequence[Sequence[str]]],
    environment: str = "table*",
    siunitx: bool = True,
) -> str:
    """Return a LaTeX table from cells that are escaped already.

    Args:
        caption: Plain text.
        label: Its label; characters that LaTeX does not allow there are replaced.
        column_format: Of ``tabular``.
        header: Rows above the numbers.
        blocks: Rows of cells, with a rule above each block.
        environment: ``table``, or ``table*`` for both columns of a page.
        siunitx: Whether any column is aligned by siunitx.
    """
    return _template().render(
        caption=for_latex(caption),
        label="tab:" + re.sub("[^A-Za-z0-9:]+", "-", as_label(label)).strip("-"),
        column_format=column_format,
        header=[HeaderRow(_guarded(row.cells), row.rules) for row in header],
        blocks=[[_guarded(cells) for cells in rows] for rows in blocks],
        environment=environment,
        siunitx=siunitx,
    )


def _guarded(cells: Sequence[str]) -> list[str]:
    """Return a row whose first cell is no argument of the end of the row before it."""
    return ["{}" + cells[0] if cells and cells[0].startswith(START_OF_ARGUMENT) else "".join(cells[:1]), *cells[1:]]


@cache
def _template() -> Template:
    """The template; its marks differ from jinja's own because LaTeX uses braces and percent signs."""
    environment = Environment(
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        trim_blocks=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    source = resources.files("bench.report.tables").joinpath("table.tex.j2").read_text(encoding="utf-8")
    return environment.from_string(source)


def to_latex(evidence: Evidence, tables: list[Table], page: Page) -> str:
    """Return the content of a file for LaTeX to input, with all tables, none of them wider than the page."""
    content = [_render(evidence, table, page) for table in tables]
    return "\n".join([PACKAGES + latex_preamble("".join(content)), *content])


def _render(evidence: Evidence, table: Table, page: Page) -> str:
    cells = [row for row in table.rows if row.kind == "cell"]
    others = [row for row in table.rows if row.kind != "cell"]
    columns = {column: [row.entries.get(column) for row in table.rows] for column in table.columns}
    formats = [_column_format(entries) if column.which else "c" for column, entries in columns.items()]
    blocks = [
        [[*map(escape_label, row.labels), *(c for column in columns for c in _cells(column, row.entries.get(column)))]
         for row in rows]
        for rows in (cells, others) if rows
    ]  # fmt: skip
    return render_table(
        caption=legend(evidence, table),
        label=table.label,
        column_format="".join([*_label_formats(table, page), *formats]),
        header=_header(evidence, table),
        blocks=blocks,
        environment="table" if table_width(evidence, table, page) <= page.column else "table*",
    )


def _label_formats(table: Table, page: Page) -> list[str]:
    """Labels take one line, unless they take too much of the page."""
    widths = label_widths(table, page)
    texts = [[table.row_axes[index], *(row.labels[index] for row in table.rows)] for index in range(len(widths))]
    return [
        "l" if page.size * max(map(text_em, column)) <= width else wrapped(width)
        for column, width in zip(texts, widths, strict=True)
    ]


def wrapped(width: float) -> str:
    """Return the format of a column of text that is wrapped at a width in points."""
    return f">{{\\raggedright\\arraybackslash\\hspace{{0pt}}}}p{{{width:.0f}pt}}"


def _column_format(entries: list[Entry | None]) -> str:
    """A number, and its interval at a distance that bold digits do not use up."""
    return f"S[{_number_format(entries)}]@{{\\hspace{{{separation(entries):.2f}em}}}}l"


def _header(evidence: Evidence, table: Table) -> list[HeaderRow]:
    """Values on the column axes, then measures, then final and best beside the names of the row axes.

    The last row has the measures instead if all of them are of one kind, which the caption names.
    """

    def place(column: Column) -> str:
        return " · ".join(column.place)

    def measure(column: Column) -> str:
        return with_arrow(evidence, column.measure) if column.which else ""

    def name(column: Column) -> str:
        if not column.which:
            return f"{{{for_latex(column.measure)}}}"
        return rf"\multicolumn{{2}}{{c}}{{{escape_label(measure(column)) if only_kind(table) else column.which}}}"

    names = [f"{{{escape_label(evidence.axis_name(axis))}}}" for axis in table.row_axes]
    names += map(name, table.columns)
    rows = [_spanning_row(table, place)] if table.column_axes else []
    if not only_kind(table) and any(column.which for column in table.columns):
        rows.append(_spanning_row(table, lambda column: (*column.place, measure(column))))
    return [*rows, HeaderRow(names)]


def _spanning_row(table: Table, key: Callable[[Column], str | tuple[str, ...]]) -> HeaderRow:
    """One heading over each run of columns with the same key; of a key that is a tuple its last part is shown."""
    cells, rules = [""] * len(table.row_axes), []
    position = len(table.row_axes) + 1
    for value, group in groupby(table.columns, key):
        text = value if isinstance(value, str) else value[-1]
        width = sum(2 if column.which else 1 for column in group)
        if text:
            cells.append(f"\\multicolumn{{{width}}}{{c}}{{{escape_label(text)}}}")
            rules.append((position, position + width - 1))
        else:
            cells += [""] * width
        position += width
    return HeaderRow(cells, rules)


def _cells(column: Column, entry: Entry | None) -> list[str]:
    """A measure takes two columns, the number and its interval; anything else takes one."""
    if not column.which:
        return [for_latex(entry.value) if entry else ""]
    if entry is None:
        return ["", ""]
    number = _plain_number(entry.value)
    number = number if NUMBER.match(number) else f"{{{for_latex(entry.value)}}}"
    return [f"\\bfseries {number}" if entry.bold else number, for_latex(entry.interval)]


def _plain_number(value: str) -> str:
    """A number as siunitx reads it: with an exponent, and without commas."""
    return with_exponents(value).replace(",", "")


def _number_format(entries: list[Entry | None]) -> str:
    """Siunitx's table-format: digits before and after the point, and of the exponent."""
    matches = [match for entry in entries if entry and (match := NUMBER.match(_plain_number(entry.value)))]
    whole = max((len(match[2]) for match in matches), default=1)
    decimals = max((len(match[3] or "") for match in matches), default=0)
    exponent = max((len(match[4] or "") for match in matches), default=0)
    sign = "-" if any(match[1] for match in matches) else ""
    return f"table-format={sign}{whole}.{decimals}" + (f"e-{exponent}" if exponent else "")
