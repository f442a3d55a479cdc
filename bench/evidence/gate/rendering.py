"""Renders a comparison as rows of a table, as JSON, and as Markdown for a pull request."""

from __future__ import annotations

import json
import math
from html import escape
from typing import Any

import pandas as pd

from bench.escaping import visible
from bench.evidence.gate.comparison import Comparison
from bench.evidence.gate.decision import CellVerdict, Finding, Verdict
from bench.evidence.gate.next_steps import cheapest_way
from bench.evidence.gate.sample_sizes import describe_smallest, smallest_found
from bench.evidence.gate.sentences import conditions, headline, reasons, remarks
from bench.records.addresses import place_of

SIGNS = {Verdict.REGRESSED: "🔴", Verdict.OK: "🟢", Verdict.INCONCLUSIVE: "⚪"}


def comparison_rows(comparison: Comparison) -> pd.DataFrame:
    """Return one row per cell: labels, verdict, effects with intervals, numbers of runs, and reason.

    The column ``finds`` is the smallest regression that these runs find, and the one after it the seeds that would
    decide the cell.
    There is a column of tolerances if they differ.
    """
    rows = []
    several = len({cell.tolerance for cell in comparison.cells if not cell.pooled}) > 1
    for cell in comparison.cells:
        row = {axis: str(cell.axes[axis]) for axis in comparison.axes} | {"verdict": str(cell.verdict)}
        for finding in cell.findings:
            row[finding.test.subject if finding.test.family == "speed" else finding.test.family] = _effect(finding)
        if several:
            row["tolerance"] = "–" if cell.tolerance is None else f"{100 * cell.tolerance:g}%"
        row |= {
            "finds": _finds(cell, comparison),
            "runs": _runs(cell),
            f"{comparison.unit} needed": f"{cell.seeds:,}" if cell.seeds else "–",
            "why": cell.reason,
        }
        rows.append(row)
    frame = pd.DataFrame(rows).fillna("–")
    tail = ["finds", "runs", f"{comparison.unit} needed", "why"]
    return frame[[*(column for column in frame if column not in tail), *tail]]


def _effect(finding: Finding) -> str:
    test = finding.test
    if test.identical:
        return "identical"
    if test.counts is not None:
        return " → ".join(f"{count}/{n}" for count, n in zip(test.counts, test.n, strict=True))
    if math.isnan(test.effect.value):
        return "–"
    subject = "" if test.family == "speed" else f"{test.subject} "  # of timings, it is the column's heading
    return f"{subject}{test.format_effect(test.effect.value)}{test.format_interval()}"


def _finds(cell: CellVerdict, comparison: Comparison) -> str:
    """Return the smallest regression of each test that the runs of a cell find."""
    alpha = comparison.gate.alpha
    found = [
        describe_smallest(each.test, smallest_found(each.test, alpha / each.tests, alpha))
        for each in cell.findings
        if not each.test.identical
    ]
    return ", ".join(each for each in found if each != "–") or "–"


def _runs(cell: CellVerdict) -> str:
    numbers = [finding.test.n for finding in cell.findings]
    return "–" if not numbers else " and ".join(str(max(each)) for each in zip(*numbers, strict=True))


def to_markdown(comparison: Comparison) -> str:
    """Return a comment for a pull request: the verdict, the cells that decide it, and all cells in a folded table."""
    rows = comparison_rows(comparison)
    sign = [SIGNS[cell.verdict] for cell in comparison.cells]
    shown = rows.assign(verdict=[f"{mark} {verdict}" for mark, verdict in zip(sign, rows["verdict"], strict=True)])
    escaped = shown.map(_for_markdown).rename(columns=_for_markdown)
    table = escaped.drop(columns="why").to_markdown(index=False, disable_numparse=True)
    notable = reasons(comparison)
    regressed = [each for each in notable if each[0] == Verdict.REGRESSED]
    notable = regressed or notable
    why = "".join(f"- **{_for_markdown(cells)}**: {_for_markdown(reason)}\n" for _, cells, reason in notable[:20])
    note = "".join(f"{_for_markdown(text)}\n\n" for text in remarks(comparison))
    if len(notable) > 20:
        why += f"- and {len(notable) - 20} more in the table below\n"
    return (
        f"### ganbench: {SIGNS[comparison.verdict]} {headline(comparison)}\n\n{why}\n{note}"
        f"<details><summary>All cells</summary>\n\n{table}\n\n</details>\n\n"
        f"{_for_markdown(conditions(comparison))}\n"
    )


def _for_markdown(text: Any) -> str:
    """Return text escaped for a Markdown table: one line, without HTML or cell separators."""
    return escape(" ".join(visible(text).split()), quote=False).replace("|", "\\|")


def to_json(comparison: Comparison) -> str:
    """Return everything as JSON, with null for numbers that are not finite."""
    content = {
        "verdict": comparison.verdict,
        "baseline": place_of(comparison.baseline),
        "candidate": place_of(comparison.candidate),
        "suite": comparison.suite,
        "gate": comparison.gate.model_dump(),
        "compared": comparison.protocol,
        "unchecked": comparison.unchecked,
        "allowed_differences": list(comparison.differences),
        "remarks": remarks(comparison),
        "seeds_needed": comparison.seeds,
        "advice": cheapest_way(comparison),
        "new_cells": comparison.new,
        "missing_cells": list(comparison.gone),
        "cells": [
            {
                "axes": {axis: str(value) for axis, value in cell.axes.items()},
                "verdict": cell.verdict,
                "reason": cell.reason,
                "tolerance": cell.tolerance,
                "seeds_needed": cell.seeds,
                "findings": [_as_dict(finding, comparison.gate.alpha) for finding in cell.findings],
            }
            for cell in comparison.cells
        ],
    }
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _as_dict(finding: Finding, alpha: float) -> dict[str, Any]:
    test = finding.test
    found = None if test.identical else smallest_found(test, alpha / finding.tests, alpha)
    numbers = {
        **dict(zip(("effect", "low", "high"), test.effect[:3], strict=True)),
        "tolerated": test.tolerated_effect,
        "smallest_found": math.nan if found is None else test.as_effect(found),
        "p": test.significance.p,
        "p_holm": finding.p_holm,
        "smallest_p": test.significance.smallest,
    }
    return {
        "family": test.family,
        "compared": test.subject,
        "verdict": finding.verdict,
        "reason": finding.reason,
        **{key: value if math.isfinite(value) else None for key, value in numbers.items()},
        "n_baseline": test.n[0],
        "n_candidate": test.n[1],
        **({"failed_baseline": test.counts[0], "failed_candidate": test.counts[1]} if test.counts else {}),
        "seeds_needed": finding.seeds,
    }
