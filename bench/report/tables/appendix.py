"""Notes for the appendix of a paper: protocol, outcomes with their thresholds, statistics, provenance."""

from __future__ import annotations

from collections.abc import Collection

from bench.escaping import as_label, for_latex, latex_preamble
from bench.evidence.results import Evidence
from bench.plan.identity import MAX_TITLE
from bench.report.captions import caption, provenance
from bench.report.definitions import definitions
from bench.report.explanations import Explanation, explanations
from bench.report.training_settings import training

NAME = "notes.tex"
MEASURES = "Those of the tables, and those by which runs are classified:"


def appendix(evidence: Evidence, measures: Collection[str]) -> str:
    """Return the content of ``notes.tex``: paragraphs for LaTeX to input, without packages.

    Args:
        evidence: The records.
        measures: Those of the LaTeX tables, which are defined together with the primary measures.
    """
    primary = [name for dataset in evidence.datasets() if (name := evidence.primary(dataset))]
    defined = definitions(evidence, dict.fromkeys([*primary, *measures]))
    paragraphs = [
        Explanation("Training", training(evidence)),
        Explanation("Evaluation", " ".join(f"Dataset {caption(evidence, name)}" for name in evidence.datasets())),
        *([Explanation("Measures", MEASURES, defined)] if defined else []),
        *explanations(evidence),
        Explanation("Records", provenance(evidence)),
    ]
    # Ragged, because some words, such as hashes and labels, are too long for lines of equal length in a narrow column.
    content = "\n".join(["{\\raggedright", *map(_paragraph, paragraphs), "\\par}\n"])
    title = for_latex(as_label(evidence.title, MAX_TITLE))
    return f"{latex_preamble(content)}% Notes on all tables and figures, for an appendix\n% {title}\n{content}"


def _paragraph(each: Explanation) -> str:
    own = _sentence(each.text.removeprefix(f"{each.heading}: "))
    lines = [f"\\paragraph{{{for_latex(each.heading)}.}} {for_latex(own)}"]
    if each.definitions:
        lines.append("\\begin{description}")
        lines += [
            rf"\item[{{{for_latex(name)}}}] {for_latex(_sentence(meaning))}" for name, meaning in each.definitions
        ]
        lines.append("\\end{description}")
    return "\n".join(lines) + "\n"


def _sentence(text: str) -> str:
    """Text that begins with a capital and ends with a full stop, or a colon."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else ".")
