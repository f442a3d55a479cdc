"""Tables as LaTeX: booktabs rules, numbers aligned by siunitx, a measure over its columns."""

from __future__ import annotations

import re

import pandas as pd

from bench.evidence.results import Evidence
from bench.report.tables.legend import legend
from bench.report.tables.model import Entry, Table

PACKAGES = "% needs \\usepackage{booktabs,graphicx,siunitx}\n"
NO_WIDER = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}"
SMALL = (
    r"\setlength{\belowcaptionskip}{4pt}\scriptsize\setlength{\tabcolsep}{3pt}"
    r"\sisetup{detect-weight=true,mode=text,group-minimum-digits=9}"
)
NARROW = 48  # characters that a column of a two-column page has room for, in small print
NUMBER = re.compile(r"^(-?)(\d+)(?:\.(\d+))?(?:e[+-]?(\d+))?$")
_ESCAPED = {
    **{character: f"\\{character}" for character in "%&_#${}"},
    "\\": "\\textbackslash{}",
    "±": "\\ensuremath{\\pm}",
    "×": "\\ensuremath{\\times}",
    "σ": "\\ensuremath{\\sigma}",
    "–": "--",
    "−": "\\ensuremath{-}",
    "·": "\\ensuremath{\\cdot}",
    "τ": "\\ensuremath{\\tau}",
    "θ": "\\ensuremath{\\theta}",
    "ψ": "\\ensuremath{\\psi}",
    "λ": "\\ensuremath{\\lambda}",
    "|": "\\ensuremath{|}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}


def escape(text: object) -> str:
    """Text as LaTeX prints it."""
    return "".join(_ESCAPED.get(character, character) for character in str(text))


def to_latex(evidence: Evidence, tables: list[Table]) -> str:
    """All tables of a file, ready for LaTeX's input."""
    return "\n".join([PACKAGES, *(_float(evidence, table) for table in tables)])


def _float(evidence: Evidence, table: Table) -> str:
    frame, form = _frame(evidence, table)
    style = frame.style.hide(axis="index").hide(axis="columns", level=frame.columns.nlevels - 1)
    environment = "table" if _width(table) <= NARROW else "table*"
    latex = style.format(str).to_latex(
        hrules=True,
        column_format=form,
        multicol_align="c",
        siunitx=True,
        caption=escape(legend(evidence, table)),
        label="tab:" + re.sub("[^A-Za-z0-9:]+", "-", table.label).strip("-"),
        position="t",
        position_float="centering",
        environment=environment,
    )
    latex = latex.replace("\\centering", f"\\centering{SMALL}", 1)
    latex = latex.replace("\\begin{tabular}", f"{NO_WIDER}{{!}}{{%\n\\begin{{tabular}}", 1)
    latex = latex.replace("\\end{tabular}", "\\end{tabular}}", 1)
    return _ruled(latex, table, frame.columns.nlevels - 1)


def _width(table: Table) -> int:
    """Characters of the widest row, about."""
    heads = sum(max(len(line.heads[place]) for line in table.lines) for place in range(len(table.axes)))
    entries = [
        max([len(line.entries[c].text) for line in table.lines if c in line.entries], default=0) for c in table.columns
    ]
    return heads + sum(entries) + len(entries) + len(table.axes)


def _frame(evidence: Evidence, table: Table) -> tuple[pd.DataFrame, str]:
    """The text of every cell, and the format of the columns: of an estimate a number and, beside it, its interval."""
    labels: list[tuple[str, ...]] = [
        ("", "", escape(axis.replace("_", " ")), str(place)) for place, axis in enumerate(table.axes)
    ]
    texts = [[escape(line.heads[place]) for line in table.lines] for place in range(len(table.axes))]
    form = ["l"] * len(table.axes)
    for column in table.columns:
        entries = [line.entries.get(column) for line in table.lines]
        place = escape(" · ".join(column.place))
        if not column.which:
            labels.append((place, "", column.measure, "only"))
            texts.append([escape(entry.value) if entry else "" for entry in entries])
            form.append("c")
            continue
        label = escape(evidence.describe(column.measure).label)
        labels += [(place, label, column.which, part) for part in ("number", "interval")]
        texts += [[_number(entry) for entry in entries], [_interval(entry) for entry in entries]]
        form.append(f"S[{_format(entries)}]@{{\\,}}l")
    names = labels if table.column_axes else [label[1:] for label in labels]
    frame = pd.DataFrame(dict(enumerate(texts)))
    frame.columns = pd.MultiIndex.from_tuples(names)
    return frame, "".join(form)


def _interval(entry: Entry | None) -> str:
    text = escape(entry.interval) if entry else ""
    return re.sub(r"e([+-])0*(\d+)", lambda m: f"\\ensuremath{{\\times10^{{{m[1].strip('+')}{m[2]}}}}}", text)


def _number(entry: Entry | None) -> str:
    if entry is None:
        return ""
    if not NUMBER.match(entry.value):
        return f"{{{escape(entry.value)}}}"
    return f"\\bfseries {entry.value}" if entry.bold else entry.value


def _format(entries: list[Entry | None]) -> str:
    """Siunitx's table-format: digits before and after the point, and of an exponent."""
    found = [match for entry in entries if entry and (match := NUMBER.match(entry.value))]
    whole = max((len(match[2]) for match in found), default=1)
    parts = max((len(match[3] or "") for match in found), default=0)
    exponent = max((len(match[4] or "") for match in found), default=0)
    sign = "-" if any(match[1] for match in found) else ""
    return f"table-format={sign}{whole}.{parts}" + (f"e-{exponent}" if exponent else "")


def _ruled(latex: str, table: Table, levels: int) -> str:
    """Thin rules below what spans several columns, and one above what is no cell."""
    lines = latex.splitlines()
    top = lines.index("\\toprule")
    spans = list(_spans(table, levels))
    for row, rules in reversed(list(enumerate(spans))):
        if rules:
            lines.insert(top + 2 + row, " ".join(f"\\cmidrule(lr){{{first}-{last}}}" for first, last in rules))
    first_level = next((place for place, line in enumerate(table.lines) if line.kind != "cell"), None)
    if first_level is not None:
        body = lines.index("\\midrule") + 1
        lines.insert(body + first_level, "\\midrule")
    return "\n".join(lines) + "\n"


def _spans(table: Table, levels: int) -> list[list[tuple[int, int]]]:
    """Of every row of the header but the last, the columns from and to which its entries span."""
    at, physical = len(table.axes) + 1, []
    for column in table.columns:
        physical.append((at, at + (1 if column.which else 0), column))
        at = physical[-1][1] + 1
    keys = [lambda column: column.place, lambda column: (column.place, column.measure if column.which else None)]
    found: list[list[tuple[int, int]]] = []
    for key in keys[-(levels - 1) :] if levels > 1 else []:
        spans: dict[object, tuple[int, int]] = {}
        for first, last, column in physical:
            if key(column)[-1:] != (None,) and key(column):
                start = spans.get(key(column), (first, last))[0]
                spans[key(column)] = (start, last)
        found.append(list(spans.values()))
    return found
