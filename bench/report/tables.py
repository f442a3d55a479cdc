"""One table a dataset: rows loss × architecture, columns metrics final and best; as Markdown, CSV and LaTeX."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from bench.files import written_whole
from bench.report.captions import caption, note, provenance
from bench.report.evidence import Evidence, count_outcomes, real
from bench.report.latex import NEEDS, escape, no_wider
from bench.rules import Reference
from bench.statistics import t_interval, wilson_interval
from bench.verdicts import State

REAL = "real data"
UNTRAINED = "untrained"
PUBLISHED = "published: "
OTHERS = "other outcomes"


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

    Columns: dataset, the axes, n, finished (runs that came to their last step), n_diverged and so on for every outcome;
    for each measure and each of final and best its mean, the half-width of the 95 % t interval and the number of
    values, the same measure of the untrained generators and of real data; steps_per_second.
    """
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    axes = evidence.varying(here)
    rows = []
    for cell, runs in here.groupby(axes, sort=False, dropna=False):
        row: dict[str, Any] = {"dataset": dataset, **dict(zip(axes, cell, strict=True))}
        row |= {"n": len(runs), "finished": int((runs["ending"] == "finished").sum())}
        row |= {f"n_{_word(state)}": count for state, count in count_outcomes(runs).items()}
        for name in evidence.measures(dataset):
            for which in evidence.kinds(name):
                interval = t_interval(runs[f"{name}_{which}"])
                row[f"{name}_{which}"], row[f"{name}_{which}_half_width"], row[f"{name}_{which}_count"] = interval
            row[f"{name}_untrained"] = evidence.untrained(runs, name)
            row[f"{name}_real"] = real(runs, name)
        row["steps_per_second"] = runs["steps_per_second"].median()
        rows.append(row)
    return pd.DataFrame(rows)


def format_cells(evidence: Evidence, dataset: str) -> pd.DataFrame:
    """The table of a dataset as text; the last rows are the untrained generators, real data and published numbers."""
    numbers = summarise_cells(evidence, dataset)
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    axes = evidence.varying(here)
    table = numbers[axes].astype(str)
    untrained, of_real = {axes[0]: UNTRAINED}, {axes[0]: REAL}
    for name in evidence.measures(dataset):
        about = evidence.about(name)
        for which in evidence.kinds(name):
            column = f"{about.label} {which}"
            table[column] = [
                _interval(cell, f"{name}_{which}", about.scale, about.spec) for _, cell in numbers.iterrows()
            ]
            of_real[column] = _number(real(here, name), about.scale, about.spec)
        untrained[f"{about.label} final"] = _number(evidence.untrained(here, name), about.scale, about.spec)
    table["n"] = numbers["n"].astype(str)
    table["converged"] = [_rate(cell["n_converged"], cell["n"]) for _, cell in numbers.iterrows()]
    table[OTHERS] = [_other_outcomes(cell) for _, cell in numbers.iterrows()]
    table["steps/s"] = [_number(value, 1, ".3g") for value in numbers["steps_per_second"]]
    published = [
        _published(evidence, reference, axes) for reference in evidence.references if _about(reference, dataset)
    ]
    return pd.concat([table, pd.DataFrame([untrained, of_real, *published])], ignore_index=True)[list(table)].fillna("")


def _rate(count: int, n: int) -> str:
    low, high = wilson_interval(count, n)
    return f"{count}/{n} ({100 * low:.0f}–{100 * high:.0f} %)"


def _word(state: State) -> str:
    return state.value.replace("-", "_")


def _other_outcomes(cell: pd.Series) -> str:
    counts = [(cell[f"n_{_word(state)}"], state.value) for state in State if state != State.CONVERGED]
    return ", ".join(f"{count} {state}" for count, state in counts if count) or "–"


def _about(reference: Reference, dataset: str) -> bool:
    return dataset in (reference.words("dataset") or (dataset,))


def _published(evidence: Evidence, reference: Reference, axes: list[str]) -> dict[str, str]:
    """A row for published numbers: in the first column the source and its place there, the others as they are."""
    place = {axis: " or ".join(reference.words(axis)) for axis in reference.when if axis != "dataset"}
    aside = ", ".join(word for axis, word in place.items() if axis == axes[0] or axis not in axes)
    row = {axis: place.get(axis, "") for axis in axes}
    row[axes[0]] = f"{PUBLISHED}{reference.source}" + (f" ({aside})" if aside else "")
    for name, value in reference.values.items():
        about = evidence.about(name)
        spread = reference.plus_minus.get(name)
        text = _number(value, about.scale, about.spec)
        text += "" if spread is None else f" ± {_number(spread, about.scale, about.spec)}"
        row[f"{about.label} {reference.at if reference.at in evidence.kinds(name) else 'final'}"] = text
    return row


def _number(value: float, scale: float, spec: str) -> str:
    return "" if pd.isna(value) else format(value * scale, spec)


def _interval(cell: pd.Series, column: str, scale: float, spec: str) -> str:
    mean, half_width, count = cell[column] * scale, cell[f"{column}_half_width"] * scale, cell[f"{column}_count"]
    if pd.isna(mean):
        return "–"
    text = format(mean, spec) + ("" if pd.isna(half_width) else f" ± {format(half_width, spec)}")
    lacking = count < cell["finished"]  # a run that finished, with a value that is not finite
    return f"{text} ({count} of {cell['n']})" if lacking else text


def _markdown(evidence: Evidence, formatted: dict[str, pd.DataFrame]) -> str:
    parts = [f"# {evidence.title}\n"]
    for dataset, table in formatted.items():
        align = ["left" if _is_text(column, evidence) else "right" for column in table]
        text = table.to_markdown(index=False, colalign=align, disable_numparse=True)
        parts.append(f"## {dataset}\n\n{text}\n\n{caption(evidence, dataset)}\n")
    return "\n".join([*parts, f"{note(evidence)}\n", f"{provenance(evidence)}\n"])


def _latex(evidence: Evidence, formatted: dict[str, pd.DataFrame]) -> str:
    """A booktabs table for each dataset, no wider than the page; a measure stands over its two columns."""
    parts = [NEEDS]
    for dataset, table in formatted.items():
        text = table.copy()
        text.columns = pd.MultiIndex.from_tuples([_header(column, evidence.axes) for column in table])
        style = text.style.hide(axis="index").format(escape).format_index(escape, axis=1)
        latex = style.to_latex(
            hrules=True,
            column_format="".join("l" if _is_text(column, evidence) else "r" for column in table),
            multicol_align="c",
            caption=escape(f"{evidence.title}. {caption(evidence, dataset)} {note(evidence)}"),
            label=re.sub("[^A-Za-z0-9:]+", "-", f"tab:{evidence.runs['suite'].iloc[0]}-{dataset}"),
            position="t",
            position_float="centering",
            environment="table*",
        )
        parts.append(no_wider(latex).replace(f"\n{UNTRAINED} &", f"\n\\midrule\n{UNTRAINED} &"))
    return "\n".join(parts)


def _is_text(column: str, evidence: Evidence) -> bool:
    return column in evidence.axes or column == OTHERS


def _header(column: str, axes: list[str]) -> tuple[str, str]:
    label, _, which = column.rpartition(" ")
    return (label, which) if which in ("final", "best") and column not in axes else ("", column)
