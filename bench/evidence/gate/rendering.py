"""Renders a comparison as JSON, as Markdown for a pull request, and as JUnit XML for CI."""

from __future__ import annotations

import json
import math
import re
from html import escape
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from bench.escaping import visible
from bench.evidence.gate.cell_tests import count_of
from bench.evidence.gate.compare import Comparison
from bench.evidence.gate.decision import MINIMUM_RUNS, CellVerdict, Finding, Verdict
from bench.evidence.gate.failure_tests import MINIMUM_PAIRS

INVALID_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SIGNS = {Verdict.REGRESSED: "🔴", Verdict.OK: "🟢", Verdict.INCONCLUSIVE: "⚪"}


def headline(comparison: Comparison) -> str:
    """Return the overall verdict and the number of cells with each verdict, in one line."""
    cells = [cell for cell in comparison.cells if not cell.pooled]
    counts = {verdict: sum(cell.verdict == verdict for cell in cells) for verdict in Verdict}
    count = counts.pop(comparison.verdict)
    others = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    text = f"{comparison.verdict}: {count} of {count_of(len(cells), 'cell')}" + (f" ({others})" if others else "")
    if len(cells) < len(comparison.cells):
        text += f"; the overall failure rate {'also ' if count else ''}rose"
    return f"{text}.{_forecast(comparison)}"


def _forecast(comparison: Comparison) -> str:
    forecasts, undecided = comparison.forecasts, comparison.undecided
    if not forecasts:
        return ""
    part = f"{len(forecasts)} of the {len(undecided)} INCONCLUSIVE cells"
    goal = f"to decide {'every cell' if len(forecasts) == len(undecided) else part}"
    return f" About {max(forecasts):,} {comparison.unit} per side would be needed {goal}."


def conditions(comparison: Comparison) -> str:
    """Return what was compared, by which tests, and what the verdicts mean."""
    gate, timed = comparison.gate, comparison.unit == "rounds"
    tests = (
        "Welch's t-test on the log scale (also Student's if the numbers of rounds differ), "
        "confirmed by a permutation test"
        if timed
        else f"a permutation test of the measure; Boschloo's test for failures (McNemar's from {MINIMUM_PAIRS} shared "
        f"seeds), and the Cochran–Mantel–Haenszel test for failures across cells"
    )
    failures = "" if timed else f" and to fail at most {100 * gate.failure_tolerance:g} percentage points more often"
    return (
        f"{comparison.suite}: candidate {comparison.candidate}, baseline {comparison.baseline}. Compared: "
        f"{comparison.protocol}. One-sided tests with Holm's correction over all cells: {tests}. "
        f"If candidate and baseline do not differ, the probability of a false REGRESSED is at most "
        f"{100 * gate.alpha:g}%. OK: shown to be at most {_tolerated(comparison)} worse{failures}. Intervals have "
        f"{100 * (1 - 2 * gate.alpha):g}% confidence.{_notes(comparison)}"
    )


def _tolerated(comparison: Comparison) -> str:
    """Return the tolerance as a percentage, and that of every dataset if they differ."""
    by_dataset = {
        str(cell.axes.get("dataset", "")): cell.tolerance for cell in comparison.cells if cell.tolerance is not None
    }
    shares = {tolerance: f"{100 * tolerance:g}%" for tolerance in by_dataset.values()}
    if len(shares) == 1:
        return next(iter(shares.values()))
    return " / ".join(f"{shares[tolerance]} ({dataset})" for dataset, tolerance in by_dataset.items())


def _notes(comparison: Comparison) -> str:
    """Return the caveats that apply to these runs and cells."""
    unit, notes = comparison.unit, ""
    runs = [cell.findings[-1].test.n for cell in comparison.cells if cell.findings and not cell.pooled]
    few = [min(n) for n in runs if min(n) >= MINIMUM_RUNS]
    if (
        few
        and unit == "seeds"
        and (smallest := 1 / math.comb(2 * min(few), min(few))) > comparison.gate.alpha / len(runs)
    ):
        notes += f" With {min(few)} seeds per side, no test of the measure in one cell can give p below {smallest:.2g}."
    fewer = sum(candidate < baseline for baseline, candidate in runs)
    if fewer:
        notes += f" The candidate has fewer {unit} than the baseline in {count_of(fewer, 'cell')}."
    if comparison.new:
        notes += f" Not compared, because the baseline does not have them: {', '.join(comparison.new)}."
    return notes


def unchecked(comparison: Comparison) -> str:
    """Return a sentence about what could not be checked, because records do not say it; empty if nothing."""
    return f"Not checked: {comparison.unchecked}." if comparison.unchecked else ""


def comparison_rows(comparison: Comparison) -> pd.DataFrame:
    """Return one row per cell: labels, verdict, effects with intervals, numbers of runs, seeds needed, and reason.

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
        row |= {"runs": _runs(cell), f"{comparison.unit} needed": str(cell.seeds or "–"), "why": cell.reason}
        rows.append(row)
    frame = pd.DataFrame(rows).fillna("–")
    tail = ["runs", f"{comparison.unit} needed", "why"]
    return frame[[*(column for column in frame if column not in tail), *tail]]


def _title(finding: Finding) -> str:
    family, subject = finding.test.family, finding.test.subject
    return subject if subject == family else f"{family}: {subject}"


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
    notable = [cell for cell in comparison.cells if cell.verdict == Verdict.REGRESSED] or [
        cell for cell in comparison.cells if cell.verdict == Verdict.INCONCLUSIVE
    ]
    why = "".join(f"- **{_for_markdown(cell.name)}**: {_for_markdown(cell.reason)}\n" for cell in notable[:20])
    note = f"{_for_markdown(unchecked(comparison))}\n\n" if comparison.unchecked else ""
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
        "baseline": str(comparison.baseline),
        "candidate": str(comparison.candidate),
        "suite": comparison.suite,
        "gate": comparison.gate.model_dump(),
        "compared": comparison.protocol,
        "unchecked": comparison.unchecked,
        "seeds_needed": comparison.seeds,
        "new_cells": comparison.new,
        "cells": [
            {
                "axes": {axis: str(value) for axis, value in cell.axes.items()},
                "verdict": cell.verdict,
                "reason": cell.reason,
                "tolerance": cell.tolerance,
                "seeds_needed": cell.seeds,
                "findings": [_as_dict(finding) for finding in cell.findings],
            }
            for cell in comparison.cells
        ],
    }
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _as_dict(finding: Finding) -> dict[str, Any]:
    test = finding.test
    numbers = {
        **dict(zip(("effect", "low", "high"), test.effect[:3], strict=True)),
        "tolerated": test.tolerated_effect,
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


def to_junit(comparison: Comparison) -> str:
    """Return one test case per finding: REGRESSED is a failure, and INCONCLUSIVE is skipped with its reason."""
    findings = [(cell, finding) for cell in comparison.cells for finding in cell.findings]
    missing = [cell for cell in comparison.cells if cell.missing]
    failed = sum(finding.verdict == Verdict.REGRESSED for _, finding in findings)
    skipped = sum(finding.verdict == Verdict.INCONCLUSIVE for _, finding in findings) + len(missing)
    counts = {"tests": len(findings) + len(missing), "failures": failed, "skipped": skipped, "errors": 0}
    root = ElementTree.Element("testsuites", {key: str(value) for key, value in counts.items()}, name="ganbench")
    suite = ElementTree.SubElement(root, "testsuite", root.attrib | {"name": comparison.suite})
    for cell, finding in findings:
        attributes = {"classname": cell.name, "name": _title(finding)}
        case = ElementTree.SubElement(suite, "testcase", attributes)
        if finding.verdict == Verdict.REGRESSED:
            ElementTree.SubElement(case, "failure", type="REGRESSED", message=finding.reason)
        elif finding.verdict == Verdict.INCONCLUSIVE:
            ElementTree.SubElement(case, "skipped", message=finding.reason)
        else:
            ElementTree.SubElement(case, "system-out").text = finding.reason
    for cell in missing:
        case = ElementTree.SubElement(suite, "testcase", classname=cell.name, name="runs")
        ElementTree.SubElement(case, "skipped", message=cell.missing)
    if comparison.unchecked:
        ElementTree.SubElement(suite, "system-out").text = unchecked(comparison)
    for element in root.iter():
        element.attrib.update({key: INVALID_IN_XML.sub("\ufffd", value) for key, value in element.attrib.items()})
        element.text = element.text and INVALID_IN_XML.sub("\ufffd", element.text)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
