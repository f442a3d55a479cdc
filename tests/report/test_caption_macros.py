"""Captions of figures are macros that LaTeX inputs once and uses in every caption."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.evidence.results import Evidence
from bench.report.figures import CAPTIONS, draw_figures
from bench.report.figures.caption_macros import caption_macros, macro_names


def test_names_are_letters_and_all_different() -> None:
    figures = ["curves-ring", "curves-ring-2", "curves-r.ing", "curves-ring.", "samples-漢-1a2b"]
    names = macro_names("my-suite2", figures)
    assert names[:2] == ["\\captionMySuiteTwoCurvesRing", "\\captionMySuiteTwoCurvesRingTwo"]
    assert len(set(names)) == len(figures)
    assert all(re.fullmatch(r"\\[A-Za-z]+", name) for name in names)
    assert len(set(macro_names("s", ["a"] * 60))) == 60


def test_every_caption_ends_in_one_full_stop() -> None:
    text = caption_macros("s", {"a": "without one", "b": "With one. Circles: real samples."})
    assert [line.partition("}%")[0][-3:] for line in text.splitlines()[-2:]] == ["ne.", "es."]


@pytest.fixture(scope="module")
def drawn(pair: Evidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of figures, drawn once."""
    folder = tmp_path_factory.mktemp("figures")
    draw_figures(pair, folder, ["png"])
    return folder


def test_every_figure_has_a_macro(drawn: Path) -> None:
    paths = list(drawn.glob("*.png"))
    text = (drawn / CAPTIONS).read_text()
    assert text.count("\\newcommand{\\captionPair") == len(paths)
    for path in paths:
        assert f"% {path.stem}\n" in text


def test_the_captions_compile_beside_those_of_another_suite(drawn: Path, tmp_path: Path) -> None:
    """Also with a list of figures, and with characters that LaTeX or pdflatex treats in a special way."""
    if not shutil.which("pdflatex"):
        pytest.skip("apt-get install texlive-latex-recommended")
    shutil.copy(drawn / CAPTIONS, tmp_path)
    (tmp_path / "other.tex").write_text(caption_macros("other", {"a_b": "100% of $x_1$ & 漢 {~^\\ 2·10⁻⁴}"}))
    macro = macro_names("pair", ["profile"])[0]
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\input{captions.tex}\\begin{document}\\input{other.tex}\\listoffigures Text\n"
        f"\\begin{{figure}}\\rule{{1cm}}{{1cm}}\\caption{{{macro}}}\\end{{figure}}\n"
        f"\\begin{{figure}}\\rule{{1cm}}{{1cm}}\\caption{{\\captionOtherAB}}\\end{{figure}}\n"
        "\\end{document}"
    )
    words = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex")
    for _ in range(2):  # the second has the list of figures
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.lof").read_text().count("contentsline") == 2


def test_the_file_itself_prints_nothing(drawn: Path) -> None:
    lines = (drawn / CAPTIONS).read_text().splitlines()
    assert all(line.startswith(("%", "\\newcommand{", "\\protected\\def")) for line in lines)
    assert all("}% " in line for line in lines if line.startswith("\\newcommand"))
