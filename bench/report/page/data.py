"""What the report page holds, as one JSON object: datasets with their cells and comparisons, and every run."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import pandas as pd

from bench.catalogue.metrics.measures import PROBES, Measure
from bench.evidence.results import Evidence, cells, real_data_value
from bench.evidence.states import State
from bench.report.captions import caption, note, provenance
from bench.report.contrasts import contrasts
from bench.report.figures.style import COLOURS as PALETTE
from bench.report.figures.style import LINES
from bench.report.outcome_styles import COLOURS as STAGES
from bench.report.page.runs import DIGITS, FEW, Pool, number, run_entry, thinned
from bench.report.page.samples import Window, shown_samples, window
from bench.report.row_names import FAILED, SPEED
from bench.report.tables.entries import wilson_text
from bench.report.tables.layout import lay_out
from bench.report.tables.model import Layout, Table

OUTCOMES = {  # colours of the timeline's stages; a glyph too, for print in grey
    State.CONVERGED: ("#CFE6F5", "●"),
    State.OSCILLATING: ("#F0D23C", "≈"),
    State.RELAPSED: ("#E08A00", "▼"),
    State.COLLAPSED: ("#8C3B83", "◆"),
    State.NEVER_LEARNED: ("#BFBFBF", "○"),
    State.DIVERGED: ("#141414", "✕"),
}
LOSSES = {"critic_loss": "critic loss", "generator_loss": "generator loss"}
ROOM = 2_300_000  # characters that all traces together may take
DASH = 1.5  # pixels of a unit of the figures' dashes


def page_data(evidence: Evidence) -> dict[str, Any]:
    """All that the page shows, of None, bool, int, float, str, list and dict alone; text is as the records have it."""
    windows = {dataset: window(evidence, dataset) for dataset in evidence.datasets()}
    tables = {table.datasets[0]: table for table in lay_out(evidence, Layout())}
    pool = Pool()
    return {
        "title": evidence.title,
        "suite": f"{evidence.runs['suite'].iloc[0]} version {evidence.runs['version'].iloc[0]}",
        "axes": evidence.axes,
        "outcomes": [{"name": state.value, "colour": c, "glyph": g} for state, (c, g) in OUTCOMES.items()],
        "stages": [{"name": stage.value, "colour": colour} for stage, colour in STAGES.items()],
        "looks": [{"colour": c, "dash": _dash(line)} for c, line in zip(PALETTE, LINES, strict=True)],
        "datasets": [_dataset(evidence, name, shown, tables[name]) for name, shown in windows.items()],
        "runs": _runs(evidence, windows, pool),
        "pool": pool.kept,
        "note": note(evidence),
        "provenance": provenance(evidence),
    }


def _dash(line: Any) -> list[float]:
    return [] if line == "-" else [DASH * length for length in line[1]]


def _dataset(evidence: Evidence, dataset: str, shown: Window | None, table: Table) -> dict[str, Any]:
    here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    axes = evidence.varying(here)
    measures = evidence.measures(dataset)
    traced = dict.fromkeys(name for run in here["run"] for name in evidence.records[run].trace)
    others = [name for name in traced if name not in (*measures, "step", "seconds", "samples")]
    return {
        "name": dataset,
        "caption": caption(evidence, dataset),
        "axes": [evidence.axes.index(axis) for axis in axes],
        "primary": evidence.primary(dataset),
        "measures": [_measure(evidence.describe(name), name, real_data_value(here, name)) for name in measures],
        "probes": [_probe(name) for name in others],
        "cells": [name for name, _ in cells(evidence, dataset)],
        "table": _table(table),
        "window": None if shown is None else shown._asdict(),
        "contrasts": comparison(contrasts(evidence, dataset)),
    }


def _table(table: Table) -> dict[str, Any]:
    """Its columns as [measure, final or best], and its lines in the same order; an entry is [text, whether bold]."""
    columns = [column for column in table.columns if column.which or column.measure in (FAILED, SPEED)]
    lines = []
    for line in table.lines:
        there = [line.entries.get(column) for column in columns]
        texts = [
            [wilson_text(entry.text) if column.measure == FAILED else entry.text, entry.bold] if entry else ["", False]
            for column, entry in zip(columns, there, strict=True)
        ]
        lines.append({"kind": line.kind, "heads": list(line.heads), "entries": texts})
    return {"columns": [[c.measure, c.which] for c in columns], "lines": lines, "geometric": table.geometric}


def _measure(about: Measure, name: str, of_real: float) -> dict[str, Any]:
    return {
        "name": name,
        "label": about.label,
        "higher": about.higher_is_better,
        "spec": about.spec,
        "scale": about.scale,
        "log": about.logarithmic,
        "real": number(of_real, DIGITS),
    }


def _probe(name: str) -> dict[str, Any]:
    label = LOSSES.get(name, name.replace("_", " "))
    return _measure(Measure(label, None, ".4g"), name, math.nan) | {"about": PROBES.get(name, label)}


def _runs(evidence: Evidence, windows: dict[str, Window | None], pool: Pool) -> list[dict[str, Any]]:
    datasets, states = evidence.datasets(), [state.value for state in OUTCOMES]
    entries = []
    for place, dataset in enumerate(datasets):
        here = evidence.runs.loc[evidence.runs["dataset"] == dataset]
        places = here.groupby(evidence.varying(here), sort=False, dropna=False).ngroup()
        for (_, run), cell in zip(here.iterrows(), places, strict=True):
            record = evidence.records[run["run"]]
            entries.append(
                run_entry(record, run, evidence, pool)
                | {"dataset": place, "cell": int(cell), "outcome": states.index(run["outcome"])}
                | {"samples": shown_samples(record, windows[dataset], len(evidence.runs))}
            )
    return [{**entry, "grid": pool.place(entry["grid"])} for entry in thinned(entries, ROOM)]


def comparison(frame: pd.DataFrame | None) -> dict[str, Any] | None:
    """Comparisons of pairs of cells as the page has them; None where there are none."""
    if frame is None:
        return None
    rows = [
        [number(value, FEW) if isinstance(value, Real) else None if value is None else str(value) for value in row]
        for row in frame.itertuples(index=False)
    ]
    return {"columns": list(frame), "rows": rows}
