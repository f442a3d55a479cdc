"""What stands below a table in a paper: what its numbers are, of how many runs, and what bold means."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.evidence.results import Evidence
from bench.report.captions import caption
from bench.report.row_names import PUBLISHED
from bench.report.tables.entries import ALPHA
from bench.report.tables.model import Column, Table


def legend(evidence: Evidence, table: Table) -> str:
    """All that a reader of the table alone must know."""
    return " ".join(
        [
            f"{' · '.join([evidence.title, *(v for axis, v in table.fixed.items() if axis != 'dataset')])}.",
            *(caption(evidence, dataset, {column.measure for column in table.columns}) for dataset in table.datasets),
            *_numbers(evidence, table),
            *_runs(table),
            *_bold(table),
            *_below(table),
        ]
    )


def _numbers(evidence: Evidence, table: Table) -> Iterable[str]:
    shown = list(dict.fromkeys(column.measure for column in table.columns if column.which))
    logs, plain = ([evidence.describe(n).label for n in shown if (n in table.geometric) is on] for on in (True, False))
    if logs:
        yield f"{' and '.join(logs)}: geometric mean over seeds [95 % t interval, of the logarithms]."
    if plain:
        yield f"{', '.join(plain)}: mean ± half-width of the 95 % t interval over seeds."
    kinds = {column.which for column in table.columns}
    told = [
        text
        for which, text in (("final", "Final: after the last step"), ("best", "best: over all evaluations"))
        if which in kinds
    ]
    yield "; ".join(told) + "."


def _runs(table: Table) -> Iterable[str]:
    sizes = sorted({len(entry.runs) for line in table.lines for entry in line.entries.values() if entry.runs})
    yield f"Failed: how many of all runs had another outcome than converged; none is left out. n = {_span(sizes)}"
    least = 2 / math.comb(2 * sizes[0], sizes[0])
    cannot = f", so that it cannot detect a difference at {100 * ALPHA:g} %" if least > ALPHA else ""
    yield f"runs each; the smallest p of an exact two-sided permutation test of two cells is {least:.2g}{cannot}."


def _span(sizes: list[int]) -> str:
    return str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"


def _bold(table: Table) -> Iterable[str]:
    if any(entry.bold for line in table.lines for entry in line.entries.values()):
        yield (
            f"Bold: the best of a column, and what is not significantly worse (one-sided Welch tests, Holm, "
            f"{100 * ALPHA:g} %); a cell in which half or more of the runs diverged only where all are so."
        )


def _below(table: Table) -> Iterable[str]:
    kinds = {line.kind for line in table.lines if line.entries}
    if "untrained" in kinds:
        yield "Untrained: the generators before the first step, mean."
    if "real" in kinds:
        yield "Real data: the same measurement of real data, which is what a perfect generator would have."
    if "published" in kinds:
        yield f"{PUBLISHED.strip(': ').capitalize()}: as printed in the source, not measured here."


def heading(evidence: Evidence, column: Column) -> str:
    """A column as one line of text."""
    what = f"{evidence.describe(column.measure).label} {column.which}" if column.which else column.measure
    return f"{' · '.join(column.place)}: {what}" if column.place else what
