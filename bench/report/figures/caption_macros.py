"""Captions of figures as macros of LaTeX: a file to input once, and a command for each figure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bench.escaping import as_label, for_latex, latex_preamble
from bench.plan.identity import MAX_TITLE

DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
HEAD = (
    "% The caption of each figure. \\input this file before the figures, and write for example\n"
    "% \\includegraphics{{figures/{name}.pdf}} \\caption{{{macro}}}\n"
)


def caption_macros(suite: str, descriptions: Mapping[str, str]) -> str:
    """Return the content of ``captions.tex``, which prints nothing when LaTeX inputs it.

    Args:
        suite: Its name, with which macros begin, so that a paper can input the captions of several suites.
        descriptions: Name of a figure's file, without suffix → what it shows.
    """
    names = dict(zip(descriptions, macro_names(suite, list(descriptions)), strict=True))
    lines = [
        f"\\newcommand{{{names[name]}}}{{{for_latex(as_label(text, 3 * MAX_TITLE)).removesuffix('.')}.}}% {name}\n"
        for name, text in descriptions.items()
    ]
    first = next(iter(descriptions), "")
    head = HEAD.format(name=first, macro=names[first]) if first else ""
    content = "".join(lines)
    return f"{latex_preamble(content)}{head}{content}"


def macro_names(suite: str, figures: list[str]) -> list[str]:
    r"""Return a macro for each figure: of letters only, and no two alike.

    ``curves-ring-2`` of the suite ``quick`` is ``\captionQuickCurvesRingTwo``. Of names that differ only in characters
    that a macro cannot have, those after the first end in ``B``, ``C`` and so on.
    """
    taken: set[str] = set()
    names = []
    for figure in figures:
        plain = f"\\caption{_letters(suite)}{_letters(figure)}"
        number, name = 1, plain
        while name in taken:
            number += 1
            name = f"{plain}{_letter_number(number)}"
        taken.add(name)
        names.append(name)
    return names


def _letters(text: str) -> str:
    words = re.findall(r"[A-Za-z]+|[0-9]", text)
    return "".join(DIGITS[int(word)] if word.isdigit() else word[0].upper() + word[1:] for word in words)


def _letter_number(number: int) -> str:
    """A number from 1 as letters: A to Z, then AA."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
