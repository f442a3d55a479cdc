"""Notes for the appendix of a paper: protocol, outcomes with their thresholds, statistics, provenance."""

from __future__ import annotations

from bench.escaping import as_label, for_latex, latex_preamble
from bench.evidence.results import Evidence
from bench.plan.identity import MAX_TITLE
from bench.report.captions import caption, provenance
from bench.report.explanations import explanations

NAME = "notes.tex"


def appendix(evidence: Evidence) -> str:
    """Return the content of ``notes.tex``: paragraphs for LaTeX to input, without packages."""
    paragraphs = [
        ("Evaluation", " ".join(caption(evidence, dataset) for dataset in evidence.datasets()), ()),
        *explanations(evidence),
        ("Records", provenance(evidence), ()),
    ]
    content = "\n".join(_paragraph(heading, text, definitions) for heading, text, definitions in paragraphs)
    title = for_latex(as_label(evidence.title, MAX_TITLE))
    return f"{latex_preamble(content)}% Notes on all tables and figures, for an appendix\n% {title}\n{content}"


def _paragraph(heading: str, text: str, definitions: tuple[tuple[str, str], ...]) -> str:
    own = text.removeprefix(f"{heading}: ").removeprefix(f"{heading} ")
    lines = [f"\\paragraph{{{for_latex(heading)}.}} {for_latex(own)}"]
    if definitions:
        lines.append("\\begin{description}")
        lines += [rf"\item[{{{for_latex(name)}}}] {for_latex(meaning)}" for name, meaning in definitions]
        lines.append("\\end{description}")
    return "\n".join(lines) + "\n"
