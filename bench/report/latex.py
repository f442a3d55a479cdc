"""What all LaTeX tables share: spelling, and a width that fits the page."""

from __future__ import annotations

NEEDS = "% needs \\usepackage{booktabs,graphicx}\n"
NO_WIDER = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}"

SPELLED = {
    **{character: f"\\{character}" for character in "%&_#${}"},
    "\\": "\\textbackslash{}",
    "±": "\\ensuremath{\\pm}",
    "×": "\\ensuremath{\\times}",
    "σ": "\\ensuremath{\\sigma}",
    "–": "--",
    "−": "\\ensuremath{-}",
    "·": "\\ensuremath{\\cdot}",
    "τ": "\\ensuremath{\\tau}",
    "θ": "\\ensuremath{\\theta}",
    "ψ": "\\ensuremath{\\psi}",
    "λ": "\\ensuremath{\\lambda}",
    "|": "\\ensuremath{|}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}


def no_wider(latex: str) -> str:
    """A table that pandas wrote, in small type and no wider than the page."""
    latex = latex.replace("\\centering", "\\centering\\scriptsize\\setlength{\\tabcolsep}{3pt}", 1)
    latex = latex.replace("\\begin{tabular}", f"{NO_WIDER}{{!}}{{%\n\\begin{{tabular}}", 1)
    return latex.replace("\\end{tabular}", "\\end{tabular}}", 1)


def escape(text: object) -> str:
    """Text as LaTeX has it."""
    return "".join(SPELLED.get(character, character) for character in str(text))
