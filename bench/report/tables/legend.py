"""The caption of a table in a paper: what its numbers are, how many runs they come from, and what bold means."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.escaping import as_label
from bench.evidence.results import Evidence
from bench.evidence.states import State, count_unresolved
from bench.plan.identity import MAX_TITLE
from bench.report.captions import caption
from bench.report.row_names import PUBLISHED
from bench.report.tables.entries import ALPHA
from bench.report.tables.model import Column, Table


def legend(evidence: Evidence, table: Table) -> str:
    """Return a caption with which the table can be read on its own."""
    title = as_label(evidence.title, MAX_TITLE)
    return " ".join(
        [
            f"{' · '.join([title, *(as_label(v) for axis, v in table.fixed.items() if axis != 'dataset')])}.",
            *(caption(evidence, dataset, {column.measure for column in table.columns}) for dataset in table.datasets),
            *_describe_values(evidence, table),
            *_describe_runs(table),
            *_describe_bold(evidence, table),
            *_describe_reference_rows(table),
        ]
    )


def _describe_values(evidence: Evidence, table: Table) -> Iterable[str]:
    shown = list(dict.fromkeys(column.measure for column in table.columns if column.which))
    geometric = [evidence.describe(name).label for name in shown if name in table.geometric]
    arithmetic = [evidence.describe(name).label for name in shown if name not in table.geometric]
    if geometric:
        yield f"{', '.join(geometric)}: geometric mean over seeds [95% CI, computed on log values]."
    if arithmetic:
        yield f"{', '.join(arithmetic)}: mean ± half-width of the 95% CI over seeds."
    shown_values = {column.which for column in table.columns}
    definitions = {"final": "final: after the last step", "best": "best: over all evaluations"}
    text = "; ".join(definition for which, definition in definitions.items() if which in shown_values)
    yield f"{text.capitalize()}."


def _describe_runs(table: Table) -> Iterable[str]:
    sizes = sorted({len(entry.runs) for row in table.rows for entry in row.entries.values() if entry.runs})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    unresolved = any(State.UNRESOLVED in entry.text for row in table.rows for entry in row.entries.values())
    share = "all runs that can be judged" if unresolved else "all runs"
    yield f"Failed: runs that are not stable, out of {share}. n = {n} {'run' if n == '1' else 'runs'} per cell;"
    smallest = 2 / math.comb(2 * sizes[0], sizes[0])
    undetectable = f", so it cannot detect a difference at {100 * ALPHA:g}%" if smallest > ALPHA else ""
    of = f"with {sizes[0]} per cell, " if len(sizes) > 1 else ""
    yield f"{of}an exact two-sided permutation test cannot give p below {smallest:.2g}{undetectable}."


def _describe_bold(evidence: Evidence, table: Table) -> Iterable[str]:
    unresolved = "; nor are cells with runs that cannot be judged" if count_unresolved(evidence.runs) else ""
    if any(entry.bold for row in table.rows for entry in row.entries.values()):
        yield (
            f"Bold: the best of each column, and cells not significantly worse (one-sided Welch tests, Holm-corrected, "
            f"{100 * ALPHA:g}%). Cells in which at least half of the runs diverged are not bold unless this holds for "
            f"all cells{unresolved}."
        )


def _describe_reference_rows(table: Table) -> Iterable[str]:
    kinds = {row.kind for row in table.rows if row.entries}
    if "untrained" in kinds:
        yield "Untrained: mean at initialisation."
    if "real" in kinds:
        yield "Real data: the metric on held-out real samples, as a reference."
    if "published" in kinds:
        yield f"{PUBLISHED.strip(': ').capitalize()}: as printed in the source, not measured here."


def heading(evidence: Evidence, column: Column) -> str:
    """Return the heading of a column as one line of text."""
    text = f"{evidence.describe(column.measure).label} {column.which}" if column.which else column.measure
    return f"{' · '.join(column.place)}: {text}" if column.place else text
