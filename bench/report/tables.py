"""One table a dataset: rows loss × architecture, columns metrics final and best; as Markdown, CSV and LaTeX."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from bench.files import written_whole
from bench.report.evidence import Evidence, measure
from bench.statistics import t_interval

REAL = "real data"
NOTE = (
    "Mean ± half-width of the 95 % t interval over runs with different seeds; without ± where there is one run. "
    "n: runs; failed: runs that diverged, which have no final value and are counted, not dropped. "
    "Final: after the last step; best: over all evaluations. Real data: the test split under the same protocol, the "
    "floor of a distance and the ceiling of a coverage. steps/s: median of the generator steps per second of the runs."
)


def write_tables(evidence: Evidence, folder: Path) -> tuple[list[Path], dict[str, pd.DataFrame]]:
    """Writes ``table.md``, ``table.tex`` (formatted) and ``table.csv`` (numbers, one row a cell)."""
    formatted = {dataset: format_cells(evidence, dataset) for dataset in evidence.datasets()}
    paths = [folder / "table.md", folder / "table.csv", folder / "table.tex"]
    numbers = pd.concat([summarise_cells(evidence, dataset) for dataset in formatted], ignore_index=True)
    csv = numbers.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    for path, text in zip(paths, (_markdown(evidence, formatted), csv, _latex(evidence, formatted)), strict=True):
        with written_whole(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return paths, formatted


def summarise_cells(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """Numbers of every cell of a dataset.

    Columns: dataset, the axes, n, failed, and for each measure and each of final and best its mean, the half-width of
    the 95 % t interval and the number of values; the same measure of real data; steps_per_second.
    """
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    axes = evidence.varying(here)
    rows = []
    for cell, runs in here.groupby(axes, sort=False, dropna=False):
        row: dict[str, Any] = {"dataset": dataset, **dict(zip(axes, cell, strict=True))}
        row |= {"n": len(runs), "failed": int((runs["ending"] == "diverged").sum())}
        for name in evidence.measures(dataset):
            for which in ("final", "best"):
                interval = t_interval(runs[f"{name}_{which}"])
                row[f"{name}_{which}"], row[f"{name}_{which}_half_width"], row[f"{name}_{which}_count"] = interval
            row[f"{name}_real"] = runs[f"{name.removesuffix('_ema')}_real"].iloc[0]
        row["steps_per_second"] = runs["steps_per_second"].median()
        rows.append(row)
    return pd.DataFrame(rows)


def format_cells(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """The table of a dataset as text, a last row for real data."""
    numbers = summarise_cells(evidence, dataset)
    axes = evidence.varying(evidence.runs.loc[evidence.runs["dataset"] == dataset])
    table = numbers[axes].astype(str)
    real = dict.fromkeys(axes, "") | {axes[0]: REAL}
    for name in evidence.measures(dataset):
        about = measure(name)
        for which in ("final", "best"):
            column = f"{about.label} {which}"
            table[column] = [
                _interval(cell, f"{name}_{which}", about.scale, about.spec) for _, cell in numbers.iterrows()
            ]
            real[column] = format(numbers[f"{name}_real"].iloc[0] * about.scale, about.spec)
    table["n"], real["n"] = numbers["n"].astype(str), ""
    table["failed"], real["failed"] = numbers["failed"].astype(str), ""
    table["steps/s"], real["steps/s"] = [f"{value:.3g}" for value in numbers["steps_per_second"]], ""
    return pd.concat([table, pd.DataFrame([real])], ignore_index=True)


def _interval(cell: pd.Series, column: str, scale: float, spec: str) -> str:
    mean, half_width, count = cell[column] * scale, cell[f"{column}_half_width"] * scale, cell[f"{column}_count"]
    if pd.isna(mean):
        return "–"
    text = format(mean, spec) + ("" if pd.isna(half_width) else f" ± {format(half_width, spec)}")
    lacking = count < cell["n"] - cell["failed"]  # a run that finished, with a value that is not finite
    return f"{text} ({count} of {cell['n']})" if lacking else text


def caption(evidence: Evidence, dataset: str) -> str:
    """What a reader must know of the values of a dataset: features, samples, splits."""
    each = next(m for m in evidence.metadata.values() if m["axes"]["dataset"] == dataset)
    protocol, version = each["protocol"], f"{each['suite']} version {each['version']}"
    extractor = protocol["extractor"]
    known = "" if extractor == "coordinates" else f" ({protocol['extractor_sha256'][:12]})"
    return (
        f"{dataset}: {protocol['samples']:,} samples; features: {extractor}{known}; reference: training split, "
        f"{protocol['reference_samples']:,}; real data: test split, {protocol['real_samples']:,}; suite {version}."
    )


def provenance(evidence: Evidence) -> str:
    """What made the records: versions, machine, date; every value that occurs."""
    environments = [each["environment"] for each in evidence.metadata.values()]

    def all_of(key: str, length: int = 40) -> str:
        return " and ".join(sorted({str(each[key])[:length] for each in environments}))

    commit = "" if all_of("commit") == "None" else f" (commit {all_of('commit', 10)})"
    return (
        f"Made by ganbench {all_of('ganbench')}{commit} with torch {all_of('torch')} on {all_of('device_name')} "
        f"({all_of('device')}), threads a run: {all_of('threads')}, workers: {all_of('workers')}, {all_of('date')}. "
        f"Timings are of runs beside each other on a machine that may have had more to do."
    )


def _markdown(evidence: Evidence, formatted: dict[str, pd.DataFrame]) -> str:
    parts = [f"# {evidence.title}\n"]
    for dataset, table in formatted.items():
        align = ["left" if column in evidence.axes else "right" for column in table]
        text = table.to_markdown(index=False, colalign=align, disable_numparse=True)
        parts.append(f"## {dataset}\n\n{text}\n\n{caption(evidence, dataset)}\n")
    return "\n".join([*parts, f"{NOTE}\n", f"{provenance(evidence)}\n"])


def _latex(evidence: Evidence, formatted: dict[str, pd.DataFrame]) -> str:
    """A booktabs table over the page's width for each dataset; a measure stands over its two columns."""
    parts = ["% needs \\usepackage{booktabs}\n"]
    for dataset, table in formatted.items():
        text = table.copy()
        text.columns = pd.MultiIndex.from_tuples([_header(column, evidence.axes) for column in table])
        style = text.style.hide(axis="index").format(_escape).format_index(_escape, axis=1)
        latex = style.to_latex(
            hrules=True,
            column_format="".join("l" if column in evidence.axes else "r" for column in table),
            multicol_align="c",
            caption=_escape(f"{evidence.title}. {caption(evidence, dataset)} {NOTE}"),
            label=re.sub("[^A-Za-z0-9:]+", "-", f"tab:{evidence.runs['suite'].iloc[0]}-{dataset}"),
            position="t",
            position_float="centering",
            environment="table*",
        )
        latex = latex.replace("\\centering", "\\centering\\scriptsize\\setlength{\\tabcolsep}{3pt}", 1)
        parts.append(latex.replace(f"\n{REAL} &", f"\n\\midrule\n{REAL} &"))
    return "\n".join(parts)


def _header(column: str, axes: list[str]) -> tuple[str, str]:
    label, _, which = column.rpartition(" ")
    return (label, which) if which in ("final", "best") and column not in axes else ("", column)


_LATEX = {
    **{character: f"\\{character}" for character in "%&_#${}"},
    "\\": "\\textbackslash{}",
    "±": "\\ensuremath{\\pm}",
    "×": "\\ensuremath{\\times}",
    "σ": "\\ensuremath{\\sigma}",
    "–": "--",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}


def _escape(text: object) -> str:
    return "".join(_LATEX.get(character, character) for character in str(text))
