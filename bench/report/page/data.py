"""The data of the report page as one JSON object: datasets with their cells and comparisons, and every run."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import pandas as pd

from bench.catalogue.metrics.measures import PROBES, Measure
from bench.escaping import MAX_LABEL, as_label, visible
from bench.evidence.learned import learned_from
from bench.evidence.results import Evidence, cells, real_data_value
from bench.evidence.states import State
from bench.evidence.step_times import step_times
from bench.evidence.suite_rules import versions_of
from bench.plan.identity import MAX_TITLE
from bench.report.captions import caption, provenance
from bench.report.contrasts import contrasts
from bench.report.explanations import note
from bench.report.figures.series_styles import style_numbers
from bench.report.figures.style import COLOURS, LINES
from bench.report.outcome_styles import OUTCOMES, STAGES
from bench.report.page.runs import DIGITS, FEW_DIGITS, Pool, encode_run, round_number, thin_traces
from bench.report.page.samples import encode_real, encode_samples, window_of
from bench.report.row_names import FAILED, SPEED
from bench.report.sample_views import Plane, describe_view, plane_of
from bench.report.tables.entries import with_wilson_interval
from bench.report.tables.layout import lay_out
from bench.report.tables.model import Column, Entry, Layout, Table

LOSSES = {"critic_loss": "critic loss", "generator_loss": "generator loss"}
MAX_TRACES = 2_300_000  # characters of all traces together
LONG_NAME = 5 * MAX_LABEL  # of a cell, which joins its labels
DASH = 1.5  # pixels per unit of the dashes in figures
JUDGED = [state for state in OUTCOMES if state != State.UNRESOLVED]
OUTCOME_ORDER = [*reversed(JUDGED), State.UNRESOLVED]  # the best first, and last the runs that cannot be judged


def page_data(evidence: Evidence) -> dict[str, Any]:
    """Return the data of the page, made of JSON types only; text is as in the records."""
    planes = {dataset: plane_of(evidence, dataset) for dataset in evidence.datasets()}
    tables = {table.datasets[0]: table for table in lay_out(evidence, Layout())}
    pool = Pool()
    runs = _runs(evidence, planes, pool)
    return {
        "title": as_label(evidence.title, MAX_TITLE),
        "suite": f"{evidence.runs['suite'].iloc[0]}, {versions_of(evidence.runs)}",
        "axes": [as_label(evidence.names.get(axis, axis)) for axis in evidence.axes],
        "outcomes": [
            {"name": state.value, "colour": OUTCOMES[state].colour, "symbol": OUTCOMES[state].symbol}
            for state in OUTCOME_ORDER
        ],
        "stages": [{"name": style.label, "colour": style.colour} for style in STAGES.values()],
        "series_styles": [{"colour": c, "dash": _dash(line)} for c, line in zip(COLOURS, LINES, strict=True)],
        "style_numbers": [
            {as_label(label): number for label, number in style_numbers(evidence, axis).items()}
            for axis in evidence.axes
        ],
        "datasets": [_dataset(evidence, name, plane, tables[name]) for name, plane in planes.items()],
        "runs": runs,
        "pool": pool.values,
        "note": note(evidence),
        "provenance": visible(provenance(evidence)),
    }


def _dash(line: Any) -> list[float]:
    return [] if line == "-" else [DASH * length for length in line[1]]


def _dataset(evidence: Evidence, dataset: str, plane: Plane | None, table: Table) -> dict[str, Any]:
    runs = evidence.runs.loc[evidence.runs["dataset"] == dataset]
    axes = evidence.varying(runs)
    measures = evidence.measures(dataset)
    traced = dict.fromkeys(name for run in runs["run"] for name in evidence.records[run].trace)
    probes = [name for name in traced if name not in (*measures, "step", "seconds", "samples")]
    return {
        "name": as_label(dataset),
        "caption": visible(caption(evidence, dataset)),
        "axes": [evidence.axes.index(axis) for axis in axes],
        "primary": evidence.primary(dataset),
        "measures": [_measure(evidence.describe(name), name, real_data_value(runs, name)) for name in measures],
        "probes": [_probe(name) for name in probes],
        "cells": [as_label(name, LONG_NAME) for name, _ in cells(evidence, dataset)],
        "table": _table(table) | {"axes": [evidence.axes.index(axis) for axis in table.row_axes]},
        "window": window._asdict() if (window := window_of(plane)) else None,
        "real_samples": encode_real(evidence, dataset),
        "samples_note": describe_view(evidence, dataset, plane),
        "contrasts": encode_contrasts(contrasts(evidence, dataset)),
    }


def _table(table: Table) -> dict[str, Any]:
    """Columns as [measure, final or best], and rows with one entry [text, bold] per column."""
    columns = [column for column in table.columns if column.which or column.measure in (FAILED, SPEED)]
    return {
        "columns": [[column.measure, column.which] for column in columns],
        "rows": [
            {
                "kind": row.kind,
                "labels": list(map(as_label, row.labels)),
                "entries": [_entry(column, row.entries.get(column)) for column in columns],
            }
            for row in table.rows
        ],
        "geometric": table.geometric,
    }


def _entry(column: Column, entry: Entry | None) -> tuple[str, bool]:
    if entry is None:
        return "", False
    return with_wilson_interval(entry.text) if column.measure == FAILED else entry.text, entry.bold


def _measure(about: Measure, name: str, of_real_data: float) -> dict[str, Any]:
    return {
        "name": name,
        "label": about.label,
        "higher": about.higher_is_better,
        "spec": about.spec,
        "scale": about.scale,
        "log": about.logarithmic,
        "real": round_number(of_real_data, DIGITS),
    }


def _probe(name: str) -> dict[str, Any]:
    label = LOSSES.get(name, name.replace("_", " "))
    return _measure(Measure(label, None, ".4g"), name, math.nan) | {"about": PROBES.get(name, label)}


def _runs(evidence: Evidence, planes: dict[str, Plane | None], pool: Pool) -> list[dict[str, Any]]:
    entries = []
    for index, dataset in enumerate(evidence.datasets()):
        runs = evidence.runs.loc[evidence.runs["dataset"] == dataset]
        times = step_times(evidence, dataset)
        cell_numbers = runs.groupby(evidence.varying(runs), sort=False, dropna=False).ngroup()
        for (_, run), cell in zip(runs.iterrows(), cell_numbers, strict=True):
            record = evidence.records[run["run"]]
            entries.append(
                encode_run(record, run, evidence, pool)
                | {"dataset": index, "cell": int(cell), "outcome": OUTCOME_ORDER.index(run["outcome"])}
                | {"seconds_per_step": round_number(times.get(run["run"], math.nan), DIGITS)}
                | {"learned_from": round_number(learned_from(record, evidence.rules), DIGITS)}
                | {"samples": encode_samples(record, planes[dataset], len(evidence.runs))}
            )
    return [
        {**entry, "evaluation_steps": pool.index(entry["evaluation_steps"])}
        for entry in thin_traces(entries, MAX_TRACES)
    ]


def encode_contrasts(frame: pd.DataFrame | None) -> dict[str, Any] | None:
    """Return comparisons of pairs of cells as columns and rows; None if there are none."""
    if frame is None:
        return None
    rows = [
        [
            round_number(value, FEW_DIGITS)
            if isinstance(value, Real)
            else None
            if value is None
            else as_label(value, LONG_NAME)
            for value in row
        ]
        for row in frame.itertuples(index=False)
    ]
    return {"columns": list(frame), "rows": rows}
