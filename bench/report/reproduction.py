"""Published numbers beside ours: does our interval contain them, and can a test tell shares of runs apart?"""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from bench.escaping import for_markdown, for_markdown_text
from bench.evidence.measure_bounds import measure_bounds
from bench.evidence.results import Evidence, cell_labels
from bench.evidence.statistics import boschloo, bounded_mean, wilson_interval
from bench.files import atomic_write
from bench.plan.identity import MAX_TITLE
from bench.plan.published import PublishedResult
from bench.records.frames import axis_value
from bench.report.tables.plain_text import to_csv, to_markdown

NOTE = (
    "Ours: mean over the runs with a 95% interval within the bounds of the measure, or share of the runs with Wilson's "
    "95% interval; a diverged run has the values of its last evaluation. Published: as printed in the source, with ± "
    "if it is given. Inside: whether our interval contains the published value. p: Boschloo's exact test of the two "
    "shares, two-sided; means are not tested, because sources seldom say what ± is."
)
NUMBERS = ["ours", "low", "high", "n", "published", "plus_minus", "inside", "p"]
COLUMNS = ["cell", "quantity", "measure", *NUMBERS, "source"]
LABELS = ["cell", "quantity", "source"]


def write_reproduction(evidence: Evidence, folder: Path) -> list[Path]:
    """Write ``reproduction.md`` and ``reproduction.csv`` if the suite has published numbers; return the paths.

    Raises:
        OSError: The folder cannot be written.
    """
    frame = compare_with_published(evidence)
    if frame.empty:
        return []
    text = _as_text(evidence, frame)
    table = to_markdown(text, LABELS, ["left" if name in LABELS else "right" for name in text])
    heading = f"# Published numbers: {for_markdown(evidence.title, MAX_TITLE)}"
    notes = dict.fromkeys(f"{each.source}: {each.note}." for each in evidence.references if each.note)
    texts = {
        "reproduction.md": "\n\n".join([heading, table, *map(for_markdown_text, (NOTE, *notes))]) + "\n",
        "reproduction.csv": to_csv(frame),
    }
    for name, text in texts.items():
        with atomic_write(folder / name) as partial:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")
    return [folder / name for name in texts]


def compare_with_published(evidence: Evidence) -> pd.DataFrame:
    """Return one row per published number and cell that it is for.

    Columns: cell, quantity, measure ("" for a share of runs), ours, low and high (ends of the 95% interval), n,
    published, plus_minus (NaN if unknown), inside, p (NaN without a test), source. All are in the units of records.
    """
    rows = []
    for reference in evidence.references:
        runs = _runs_for(evidence, reference)
        of_datasets = runs.groupby("dataset", sort=False) if len(runs) else ()
        several = len(of_datasets) > 1
        cells = [
            (f"{dataset} · {cell}" if several else str(cell), group)
            for dataset, in_dataset in of_datasets
            for cell, group in in_dataset.groupby(cell_labels(evidence, in_dataset), sort=False)
        ]
        for cell, group in cells:
            common = {"cell": cell, "source": reference.source}
            rows += [common | row for row in (*_values(evidence, group, reference), *_shares(group, reference))]
    columns = [
        "cell",
        "quantity",
        "measure",
        "ours",
        "low",
        "high",
        "n",
        "published",
        "plus_minus",
        "inside",
        "p",
        "source",
    ]
    return pd.DataFrame(rows, columns=columns)


def _runs_for(evidence: Evidence, reference: PublishedResult) -> pd.DataFrame:
    """Return the runs that a published result is for; of what is no axis, the settings of their records count."""
    runs = evidence.runs
    for key in reference.when:
        values = runs[key] if key in runs else [axis_value(evidence.metadata[run], key) for run in runs["run"]]
        runs = runs[pd.Series(list(map(str, values)), index=runs.index, dtype=object).isin(reference.words(key))]
    return runs


def _values(evidence: Evidence, runs: pd.DataFrame, reference: PublishedResult) -> list[dict[str, object]]:
    rows = []
    for name, published in reference.values.items():
        column = f"{name}_{reference.at}" if f"{name}_{reference.at}" in runs else f"{name}_final"
        if column not in runs or runs[column].isna().all():
            continue
        mean, low, high, n = bounded_mean(runs[column].to_numpy(float), *measure_bounds(evidence, runs, name))
        rows.append(
            _row(f"{evidence.describe(name).label} {reference.at}", (mean, low, high), n, published)
            | {"measure": name, "plus_minus": reference.plus_minus.get(name, math.nan)}
        )
    return rows


def _shares(runs: pd.DataFrame, reference: PublishedResult) -> list[dict[str, object]]:
    rows = []
    for share in reference.shares:
        column = f"{share.measure}_{reference.at}"
        if column not in runs or runs[column].isna().all():
            continue
        values = runs[column].dropna()
        count, n = int(share.holds(values).sum()), len(values)
        row = _row(share.words(), (count / n, *wilson_interval(count, n)), n, share.share)
        if reference.runs is not None:
            row["p"] = boschloo(count, n, round(share.share * reference.runs), reference.runs).p
        rows.append(row)
    return rows


def _row(quantity: str, ours: tuple[float, float, float], n: int, published: float) -> dict[str, object]:
    value, low, high = ours
    inside = bool(low <= published <= high) if math.isfinite(low) else None
    row = {"quantity": quantity, "ours": value, "low": low, "high": high, "n": n, "published": published}
    return row | {"measure": "", "plus_minus": math.nan, "inside": inside, "p": math.nan}


def _as_text(evidence: Evidence, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows as text: measures in their own format, shares in percent."""

    def number(measure: str, value: float) -> str:
        if math.isnan(value):
            return "–"
        return evidence.describe(measure).format(value) if measure else f"{100 * value:.0f}%"

    rows = []
    for row in frame.itertuples():
        ours, low, high, published, spread = (
            number(str(row.measure), value) for value in (row.ours, row.low, row.high, row.published, row.plus_minus)
        )
        rows.append(
            {
                "cell": row.cell,
                "quantity": row.quantity,
                "ours": f"{ours} [{low}, {high}], n = {row.n}",
                "published": published if math.isnan(row.plus_minus) else f"{published} ± {spread}",
                "inside": {True: "yes", False: "no"}.get(row.inside, "–"),
                "p": "–" if math.isnan(row.p) else f"{row.p:.2g}",
                "source": row.source,
            }
        )
    return pd.DataFrame(rows)
