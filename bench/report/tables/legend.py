"""The caption of a table in a paper: what it shows, how many runs, what the numbers are, and what bold means."""

from __future__ import annotations

from collections.abc import Iterable

from bench.escaping import as_label
from bench.evidence.measure_bounds import measure_bounds
from bench.evidence.results import Evidence
from bench.evidence.states import State
from bench.plan.identity import MAX_TITLE
from bench.report.row_names import FAILED, PUBLISHED
from bench.report.tables.entries import ALPHA, could_tell
from bench.report.tables.model import Column, Table

GEOMETRIC = "geometric mean [95% CI]"
BOUNDED = "mean [95% CI]"
SYMMETRIC = "mean ± half-width of the 95% CI"
WHEN = {"final": "after the last step", "best": "at the best evaluation"}
ARROWS = {True: "↑", False: "↓"}


def legend(evidence: Evidence, table: Table) -> str:
    """Return a short caption; ``notes.tex`` has everything else."""
    return " ".join(
        [_describe_subject(evidence, table), *_describe_numbers(evidence, table), *_describe_bold(evidence, table)]
    )


def _describe_subject(evidence: Evidence, table: Table) -> str:
    subject = ", ".join(map(as_label, table.fixed.values()))
    constant = ", ".join(f"{evidence.axis_name(axis)} {as_label(label)}" for axis, label in table.constant.items())
    number, count = table.part
    parts = [f"part {number} of {count}"] if count > 1 else []
    in_brackets = ", ".join(filter(None, [subject, constant, *parts]))
    return f"{as_label(evidence.title, MAX_TITLE)}" + (f" ({in_brackets})." if in_brackets else ".")


def _describe_numbers(evidence: Evidence, table: Table) -> Iterable[str]:
    sizes = _sizes(table)
    n = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    kinds: dict[str, list[str]] = {}
    runs = evidence.runs[evidence.runs["dataset"].isin(table.datasets)]
    for name in dict.fromkeys(column.measure for column in table.columns if column.which):
        bounded = measure_bounds(evidence, runs, name)[0] > float("-inf")
        kind = GEOMETRIC if name in table.geometric else BOUNDED if bounded else SYMMETRIC
        kinds.setdefault(kind, []).append(evidence.describe(name).label)
    which = only_kind(table)
    if which:
        yield f"Values {WHEN[which]}."
    texts = [kind if len(kinds) == 1 else f"{', '.join(labels)}: {kind}" for kind, labels in kinds.items()]
    over = "" if n == "1" else " over seeds"
    yield f"{'; '.join([f'n = {n} per cell', *(f'{text}{over}' for text in texts)])}."
    entries = [entry for row in table.rows for entry in row.entries.values()]
    if table.has_powers:
        yield "Powers of ten apply to the value and its interval."
    if any(" of " in entry.interval for entry in entries):
        yield "(k of n): over the k runs with a value."
    if any(column.measure == FAILED and not column.which for column in table.columns):
        unresolved = any(State.UNRESOLVED in entry.text for entry in entries)
        yield "Failed: runs that are not stable" + (", of those that can be judged." if unresolved else ".")
    if any(row.kind == "published" and row.entries for row in table.rows):
        yield f"{PUBLISHED.strip(': ').capitalize()}: as printed in the source, not measured here."


def _sizes(table: Table) -> list[int]:
    return sorted({len(entry.runs) for row in table.rows for entry in row.entries.values() if entry.runs})


def _describe_bold(evidence: Evidence, table: Table) -> Iterable[str]:
    sizes = _sizes(table)
    compared = [
        column
        for column in table.columns
        if column.which
        and evidence.describe(column.measure).higher_is_better is not None
        and sum(column in row.entries for row in table.rows if row.kind == "cell") > 1
    ]
    if any(entry.bold for row in table.rows for entry in row.entries.values()):
        yield (
            "Bold: the best of each column where fewer than half of the runs failed, and what is in its interval and "
            f"not significantly worse ({100 * ALPHA:g}%)."
        )
    elif compared and not could_tell(sizes[-1], sizes[-1]):
        yield f"Nothing is bold: with {sizes[-1]} per cell no test can show a difference at {100 * ALPHA:g}%."


def only_kind(table: Table) -> str:
    """Return "final" or "best" if all measures of a table are of this kind; empty if there are both, or none."""
    kinds = {column.which for column in table.columns if column.which}
    return kinds.pop() if len(kinds) == 1 else ""


def with_arrow(evidence: Evidence, name: str) -> str:
    """Return the label of a measure, with an arrow up if higher values are better, and down if lower ones are."""
    about = evidence.describe(name)
    return about.label if about.higher_is_better is None else f"{about.label} {ARROWS[about.higher_is_better]}"


def heading(evidence: Evidence, column: Column) -> str:
    """Return the heading of a column as one line of text."""
    text = f"{evidence.describe(column.measure).label} {column.which}" if column.which else column.measure
    return f"{' · '.join(column.place)}: {text}" if column.place else text
