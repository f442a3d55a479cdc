"""Text from outside (labels, titles, names of files, values in messages) made safe for whatever shows it.

Control characters, such as the escape sequences of a terminal, change what a reader sees; so do the characters that
reverse the direction of text. Both are shown as escapes. Line breaks and tabs become spaces.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Callable

MAX_LABEL = 200  # characters; longer labels are refused, and shortened where a record has one
MAX_IN_FIGURE = 80  # characters of a label in a figure, where there is less room
MAX_MESSAGE = 4000  # characters of an error message, on its one line
_BLANK = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_MARKDOWN = re.compile(r"[\\`*|~\[\]]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_FORMULA = re.compile(r"[=+\-@\t\r]")


def visible(text: object) -> str:
    r"""Return text in one line, with an escape in place of every character that has no shape of its own.

    A byte of a file name that is not valid text is shown as ``\xe9``.
    """
    return _HIDDEN.sub(_as_escape, _BLANK.sub(" ", str(text)))


def visible_lines(text: str) -> str:
    """Return text as ``visible`` does, but keep its line breaks."""
    return "\n".join(map(visible, text.split("\n")))


def replace_hidden(text: str, replacement: Callable[[str], str]) -> str:
    """Return text with another form of each character that ``visible`` escapes; line breaks stay."""
    return _HIDDEN.sub(lambda match: match[0] if match[0] == "\n" else replacement(match[0]), text)


def hides_something(text: str) -> bool:
    """Return whether text holds a control character, a line break, or a character that ``visible`` escapes."""
    return bool(_BLANK.search(text) or _HIDDEN.search(text))


def _as_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that Python could not decode
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shorten(text: str, limit: int = MAX_LABEL) -> str:
    """Return text of about ``limit`` characters at most; different texts stay different.

    The middle of a longer text is replaced by its length and a checksum.
    """
    if len(text) <= limit:
        return text
    checksum = zlib.crc32(text.encode(errors="surrogatepass"))
    return f"{text[: limit // 2]}… [{len(text):,} characters, {checksum:08x}] …{text[-limit // 4 :]}"


def as_label(text: object, limit: int = MAX_LABEL) -> str:
    """Return a label as ``visible`` and ``shorten`` make it."""
    return shorten(visible(text), limit)


def quote(value: object, limit: int = 120) -> str:
    """Return a value as a message quotes it: its ``repr``, on one line and shortened."""
    try:
        return as_label(repr(value), limit)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or tables in tables in tables
        return f"<{value.bit_length():,} bits>" if isinstance(value, int) else "<nested tables>"


def as_message(text: object) -> str:
    """Return an error message on one line, of a length that can be read."""
    return shorten(visible(str(text).strip()), MAX_MESSAGE)


def for_markdown(text: object, limit: int = MAX_LABEL) -> str:
    """Return a label for a cell of a Markdown table: without a mark, a link, HTML or a separator of cells."""
    escaped = _MARKDOWN.sub(lambda match: f"\\{match[0]}", as_label(text, limit))
    return re.sub(r"&(?=#?\w+;)", "&amp;", escaped).replace("<", "&lt;")


def for_markdown_text(text: str) -> str:
    """Return a paragraph of Markdown that names labels: on one line, without HTML or links."""
    return re.sub(r"\](?=[(\[])", r"\\]", visible(text)).replace("<", "&lt;").replace("`", "\\`")


def for_csv(text: str) -> str:
    """Return a label for a CSV file: a spreadsheet must not take it for a formula, so an apostrophe precedes one."""
    shown = as_label(text)
    return f"'{shown}" if _FORMULA.match(text) and not _is_number(text) else shown


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def for_figure(text: object, limit: int = MAX_IN_FIGURE) -> str:
    """Return a label for a figure, in which a dollar sign does not start a formula."""
    return as_label(text, limit).replace("$", r"\$")


def for_latex(text: object) -> str:
    r"""Return text as LaTeX prints it.

    pdflatex stops at a character that its fonts do not have, such as a Chinese one. There, the macro ``\onlyunicode``
    (see ``latex_preamble``) prints a substitute.
    """
    return "".join(map(_for_latex, unicodedata.normalize("NFC", visible(text))))


def _for_latex(character: str) -> str:
    if character in _LATEX:
        return _LATEX[character]
    if character.isascii() or character in _PDFLATEX:
        return character
    base = unicodedata.normalize("NFKD", character)[0]
    substitute = base if base.isascii() and base.isalnum() else f"U+{ord(character):04X}"
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):  # belongs to the character before it
        substitute = ""
    return f"\\onlyunicode{{{character}}}{{{substitute}}}"


def latex_preamble(content: str) -> str:
    """Return what LaTeX needs before ``content``: the macro for characters that pdflatex lacks, if any occur."""
    if "\\onlyunicode{" not in content:
        return ""
    return (
        "% Some labels have letters that pdflatex lacks, and shows as codes. XeLaTeX and LuaLaTeX show them, with a\n"
        "% font that has them.\n"
        "\\protected\\def\\onlyunicode#1#2{\\ifdefined\\Umathchar#1\\else#2\\fi}\n"
    )


_GREEK = {
    **dict(zip("αβγδεζηθικλμνξπρστυφχψω", (
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
        "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
    ), strict=True)),
    **dict(zip("ΓΔΘΛΞΠΣΦΨΩ", (
        "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega",
    ), strict=True)),
}  # fmt: skip
_SYMBOLS = {
    **{"±": "pm", "×": "times", "≤": "le", "≥": "ge", "≠": "ne", "≈": "approx", "∞": "infty", "·": "cdot", "∑": "sum"},
    **{
        "→": "rightarrow",
        "←": "leftarrow",
        "↑": "uparrow",
        "↓": "downarrow",
        "∇": "nabla",
        "∂": "partial",
        "√": "surd",
        "∈": "in",
        "ϵ": "epsilon",
    },
}
_LATEX = {
    **{character: f"\\{character}" for character in "%&_#${}"},
    **{letter: f"\\ensuremath{{\\{name}}}" for letter, name in (_GREEK | _SYMBOLS).items()},
    **{letter: f"\\ensuremath{{^{{{digit}}}}}" for letter, digit in zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", strict=True)},
    "\\": "\\textbackslash{}",
    "–": "--",
    "−": "\\ensuremath{-}",
    "|": "\\ensuremath{|}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\ensuremath{<}",
    ">": "\\ensuremath{>}",
}
# The other characters that pdflatex prints without a package, as tried with every one below U+2200
_PDFLATEX = frozenset(
    "\xa0¡¢£¤¥¦§¨©ª¬®¯°²³´µ¶¸¹º¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõö÷øùúûüýÿĀāĂăĆćĈĉĊċČčĎďĒēĔĕĖėĚě"
    "ĜĝĞğĠġĢģĤĥĨĩĪīĬĭİıĲĳĴĵĶķĹĺĻļĽľŁłŃńŅņŇňŌōŎŏŐőŒœŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŴŵŶŷŸŹźŻżŽžȘșȚț‐‑‒—―‘’“”†‡•…‰™"
)
