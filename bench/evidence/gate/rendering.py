"""A comparison as JSON, as Markdown for a pull request, and as JUnit XML for CI."""

from __future__ import annotations

import json
import math
import re
from html import escape
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from bench.evidence.gate.compare import Comparison
from bench.evidence.gate.decision import LEAST, CellVerdict, Finding, Verdict

NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what no XML file may hold
FEW = 5  # runs a side from which on even values in two groups raise few false alarms: docs/gate.md
SIGNS = {Verdict.REGRESSED: "🔴", Verdict.OK: "🟢", Verdict.INCONCLUSIVE: "⚪"}


def headline(comparison: Comparison) -> str:
    """The verdict in one sentence."""
    cells = [cell for cell in comparison.cells if not cell.pooled]
    counts = {verdict: sum(cell.verdict == verdict for cell in cells) for verdict in Verdict}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    everywhere = "; all together fail more often" if len(cells) < len(comparison.cells) else ""
    return f"{comparison.verdict}: {told} of {len(cells)} cells{everywhere}.{_forecast(comparison)}"


def _forecast(comparison: Comparison) -> str:
    known, undecided = comparison.forecasts, comparison.undecided
    if not known:
        return ""
    which = "" if len(known) == len(undecided) else f" {len(known)} of the {len(undecided)} that are INCONCLUSIVE"
    return f" About {max(known)} {comparison.unit} a side would decide{which}."


def conditions(comparison: Comparison) -> str:
    """What was compared, how, and what the verdicts mean."""
    gate, percent = comparison.gate, 100
    timed = comparison.unit == "rounds"
    tests = "" if timed else "; Boschloo for failures, and Mantel and Haenszel for those of all cells together"
    failures = "" if timed else f" and to fail at most {percent * gate.failure_tolerance:g} points more often"
    return (
        f"{comparison.suite}, {comparison.candidate} against {comparison.baseline}: {comparison.protocol}. One-sided "
        f"tests (Welch on the log scale, and Student where numbers differ, held against a permutation test{tests}), "
        f"Holm's correction over all cells: on results that do not differ, the chance of a false REGRESSED is at most "
        f"{percent * gate.alpha:g} %. OK: shown to be at most {percent * gate.tolerance:g} % worse{failures}; "
        f"intervals are of {percent * (1 - 2 * gate.alpha):g} %.{_notes(comparison)}"
    )


def _notes(comparison: Comparison) -> str:
    """What of these runs, or of their cells, must be known to read the verdict right."""
    unit, notes = comparison.unit, ""
    runs = [cell.findings[-1].test.n for cell in comparison.cells if cell.findings and not cell.pooled]
    if any(LEAST <= min(n) < FEW for n in runs):
        notes += (
            f" That is so of values whose logarithms form one group; below {FEW} {unit} a side, two groups can alarm."
        )
    fewer = sum(candidate < baseline for baseline, candidate in runs)
    if fewer:
        notes += f" The candidate has fewer {unit} than the baseline in {fewer} of the cells."
    if comparison.new:
        notes += f" Not judged, for the baseline has no such cells: {', '.join(comparison.new)}."
    return notes


def comparison_rows(comparison: Comparison) -> pd.DataFrame:
    """One row a cell: its place, the verdict, the effects with their intervals, runs, seeds still needed and why."""
    rows = []
    for cell in comparison.cells:
        row = {axis: str(cell.axes[axis]) for axis in comparison.axes} | {"verdict": str(cell.verdict)}
        for finding in cell.findings:
            row[finding.test.subject if finding.test.family == "speed" else finding.test.family] = _effect(finding)
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
        return "the same"
    if test.counts is not None:
        return " → ".join(f"{count}/{n}" for count, n in zip(test.counts, test.n, strict=True))
    value, low, high, _ = test.effect
    if math.isnan(value):
        return "–"
    subject = "" if test.family == "speed" else f"{test.subject} "  # which heads the column
    ends = [test.format_effect(end).lstrip("×") for end in (low, high)]
    return f"{subject}{test.format_effect(value)}" + ("" if math.isnan(low) else f" [{ends[0]}, {ends[1]}]")


def _runs(cell: CellVerdict) -> str:
    numbers = [finding.test.n for finding in cell.findings]
    return "–" if not numbers else " and ".join(str(max(each)) for each in zip(*numbers, strict=True))


def to_markdown(comparison: Comparison) -> str:
    """For a comment on a pull request: the verdict first, what is not OK next, all cells folded below."""
    rows = comparison_rows(comparison)
    sign = [SIGNS[cell.verdict] for cell in comparison.cells]
    shown = rows.assign(verdict=[f"{mark} {verdict}" for mark, verdict in zip(sign, rows["verdict"], strict=True)])
    escaped = shown.map(_for_markdown).rename(columns=_for_markdown)
    table = escaped.drop(columns="why").to_markdown(index=False, disable_numparse=True)
    notable = [cell for cell in comparison.cells if cell.verdict == Verdict.REGRESSED] or [
        cell for cell in comparison.cells if cell.verdict == Verdict.INCONCLUSIVE
    ]
    why = "".join(f"- **{_for_markdown(cell.name)}**: {_for_markdown(cell.reason)}\n" for cell in notable[:20])
    if len(notable) > 20:
        why += f"- and {len(notable) - 20} more, below\n"
    return (
        f"### ganbench: {SIGNS[comparison.verdict]} {headline(comparison)}\n\n{why}\n"
        f"<details><summary>All cells</summary>\n\n{table}\n\n</details>\n\n"
        f"{_for_markdown(conditions(comparison))}\n"
    )


def _for_markdown(text: Any) -> str:
    """Text that neither ends a cell or a line of a table nor is taken for HTML."""
    return escape(" ".join(str(text).split()), quote=False).replace("|", "\\|")


def to_json(comparison: Comparison) -> str:
    """Everything, for programs; a number that is not finite is null."""
    content = {
        "verdict": comparison.verdict,
        "baseline": str(comparison.baseline),
        "candidate": str(comparison.candidate),
        "suite": comparison.suite,
        "gate": comparison.gate.model_dump(),
        "compared": comparison.protocol,
        "seeds_needed": comparison.seeds,
        "new_cells": comparison.new,
        "cells": [
            {
                "axes": {axis: str(value) for axis, value in cell.axes.items()},
                "verdict": cell.verdict,
                "reason": cell.reason,
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
    """A test case for each finding: REGRESSED is a failure, INCONCLUSIVE is skipped with its reason."""
    findings = [(cell, finding) for cell in comparison.cells for finding in cell.findings]
    lost = [cell for cell in comparison.cells if cell.missing]
    failed = sum(finding.verdict == Verdict.REGRESSED for _, finding in findings)
    open_ = sum(finding.verdict == Verdict.INCONCLUSIVE for _, finding in findings) + len(lost)
    counts = {"tests": len(findings) + len(lost), "failures": failed, "skipped": open_, "errors": 0}
    root = ElementTree.Element("testsuites", {key: str(value) for key, value in counts.items()}, name="ganbench")
    suite = ElementTree.SubElement(root, "testsuite", root.attrib | {"name": comparison.suite})
    for cell, finding in findings:
        place = {"classname": cell.name, "name": _title(finding)}
        case = ElementTree.SubElement(suite, "testcase", place)
        if finding.verdict == Verdict.REGRESSED:
            ElementTree.SubElement(case, "failure", type="REGRESSED", message=finding.reason)
        elif finding.verdict == Verdict.INCONCLUSIVE:
            ElementTree.SubElement(case, "skipped", message=finding.reason)
        else:
            ElementTree.SubElement(case, "system-out").text = finding.reason
    for cell in lost:
        case = ElementTree.SubElement(suite, "testcase", classname=cell.name, name="runs")
        ElementTree.SubElement(case, "skipped", message=cell.missing)
    for element in root.iter():
        element.attrib.update({key: NO_XML.sub("\ufffd", value) for key, value in element.attrib.items()})
        element.text = element.text and NO_XML.sub("\ufffd", element.text)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
