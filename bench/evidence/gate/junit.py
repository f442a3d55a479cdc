"""Renders a comparison as JUnit XML for CI."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from bench.evidence.gate.comparison import Comparison
from bench.evidence.gate.decision import Finding, Verdict
from bench.evidence.gate.sentences import describe_need, remarks

INVALID_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(comparison: Comparison) -> str:
    """Return one test case per finding: REGRESSED is a failure, and INCONCLUSIVE is skipped with its reason.

    A cell without findings is one test case: a failure if the candidate has no run of it, otherwise skipped.
    """
    findings = [(cell, finding) for cell in comparison.cells for finding in cell.findings]
    missing = [cell for cell in comparison.cells if cell.missing]
    verdicts = [*(finding.verdict for _, finding in findings), *(cell.verdict for cell in missing)]
    counts = {
        "tests": len(verdicts),
        "failures": verdicts.count(Verdict.REGRESSED),
        "skipped": verdicts.count(Verdict.INCONCLUSIVE),
        "errors": 0,
    }
    root = ElementTree.Element("testsuites", {key: str(value) for key, value in counts.items()}, name="ganbench")
    suite = ElementTree.SubElement(root, "testsuite", root.attrib | {"name": comparison.suite})
    for cell, finding in findings:
        reason = finding.reason
        if finding.verdict == Verdict.INCONCLUSIVE:
            reason = f"{reason}; {describe_need(finding)}"
        _add_case(suite, {"classname": cell.name, "name": _title(finding)}, finding.verdict, reason)
    for cell in missing:
        _add_case(suite, {"classname": cell.name, "name": "runs"}, cell.verdict, cell.missing)
    if said := remarks(comparison):
        ElementTree.SubElement(suite, "system-out").text = "\n".join(said)
    for element in root.iter():
        element.attrib.update({key: INVALID_IN_XML.sub("\ufffd", value) for key, value in element.attrib.items()})
        element.text = element.text and INVALID_IN_XML.sub("\ufffd", element.text)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: ElementTree.Element, attributes: dict[str, str], verdict: Verdict, reason: str) -> None:
    case = ElementTree.SubElement(suite, "testcase", attributes)
    if verdict == Verdict.REGRESSED:
        ElementTree.SubElement(case, "failure", type="REGRESSED", message=reason)
    elif verdict == Verdict.INCONCLUSIVE:
        ElementTree.SubElement(case, "skipped", message=reason)
    else:
        ElementTree.SubElement(case, "system-out").text = reason


def _title(finding: Finding) -> str:
    family, subject = finding.test.family, finding.test.subject
    return subject if subject == family else f"{family}: {subject}"
