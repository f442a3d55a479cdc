"""Text from outside cannot break what shows it."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.escaping import (
    MAX_LABEL,
    as_label,
    as_message,
    for_csv,
    for_figure,
    for_latex,
    for_markdown,
    hides_something,
    quote,
    shorten,
    visible,
)
from bench.report.tables.plain_text import to_csv, to_markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines\tand\r\nmore\u2028", "two lines and  more "),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud83d", "\\ud83d"),
        ("Wasserstein · λ = 1 ± 漢 😀", "Wasserstein · λ = 1 ± 漢 😀"),
    ],
)
def test_what_has_no_shape_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert hides_something(text) == (text != shown)


@given(st.text())
def test_what_is_visible_is_one_line_that_utf_8_can_write(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert not any(ord(character) < 0x20 for character in shown)
    assert visible(shown) == shown


def test_a_long_text_is_shortened_and_stays_different_from_others() -> None:
    one, other = "a" * 300_000, "a" * 150_000 + "b" + "a" * 149_999
    assert len(shorten(one)) < 1.2 * MAX_LABEL
    assert "300,000 characters" in shorten(one)
    assert shorten(one) != shorten(other)
    assert shorten("a" * MAX_LABEL) == "a" * MAX_LABEL
    assert len(as_message("x" * 10**6)) < 5000


def test_a_value_is_quoted_whatever_it_is() -> None:
    assert quote("it's\x1b") == '"it\'s\\x1b"'
    assert quote(1 << 20_000) == "<20,001 bits>"
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert quote(nested) == "<nested tables>"


@pytest.mark.parametrize(
    ("label", "escaped"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("a|b", "a\\|b"),
        ("`code` *bold* ~~old~~", "\\`code\\` \\*bold\\* \\~\\~old\\~\\~"),
        ("[click](javascript:x)", "\\[click\\](javascript:x)"),
        ("snake_case but _em_", "snake_case but \\_em\\_"),
        ("&lt;b>", "&amp;lt;b>"),
        ("back\\slash", "back\\\\slash"),
        ("wgan-gp (weight=0.1) + r1", "wgan-gp (weight=0.1) + r1"),
    ],
)
def test_a_label_has_no_marks_of_markdown(label: str, escaped: str) -> None:
    assert for_markdown(label) == escaped


def test_a_markdown_table_keeps_its_rows_and_columns() -> None:
    frame = pd.DataFrame({"lo|ss\n": ["a\n|b", "\x1b[0m"], "FD": ["**1** [0, 2]", "2 | 3"]})
    lines = to_markdown(frame, ["lo|ss\n"], ["left", "right"]).split("\n")
    assert len(lines) == 4
    assert all(line.replace("\\|", "").count("|") == 3 for line in lines)
    assert "**1** [0, 2]" in lines[2]


def test_a_spreadsheet_takes_no_label_for_a_formula() -> None:
    frame = pd.DataFrame({"=axis": ['=HYPERLINK("x")', "@a", "-0.5", "+x", "ok,\n"], "fd": [-1.5, 2.0, 0.0, 1.0, 3.0]})
    head, *rows = csv.reader(io.StringIO(to_csv(frame)))
    assert head == ["'=axis", "fd"]
    assert [row[0] for row in rows] == ['\'=HYPERLINK("x")', "'@a", "-0.5", "'+x", "ok, "]
    assert [float(row[1]) for row in rows] == list(frame["fd"])
    assert for_csv("plain") == "plain"


def test_a_dollar_starts_no_formula_in_a_figure() -> None:
    assert for_figure("$x$ costs 5 $\n") == r"\$x\$ costs 5 \$ "


def test_pdflatex_gets_a_substitute_for_a_letter_it_lacks() -> None:
    assert for_latex("α = ½ é ± 5% <") == r"\ensuremath{\alpha} = ½ é \ensuremath{\pm} 5\% \ensuremath{<}"
    assert for_latex("漢") == r"\onlyunicode{漢}{U+6F22}"
    assert for_latex("ą") == r"\onlyunicode{ą}{a}"
    assert for_latex("e\u0301") == "é"


def test_labels_keep_what_they_are() -> None:
    for label in ("wgan-gp", "ring (modes=8)", "r1 + r2", "λ = 0.1", "漢字", "0.5", "lr 0.0002"):
        assert as_label(label) == label
