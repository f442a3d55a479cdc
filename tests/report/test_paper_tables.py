"""Tables for papers: they compile within the page, and their captions are short."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench.evidence.renaming import renamed
from bench.evidence.results import Evidence, read_evidence
from bench.report.search import write_search
from bench.report.tables import Layout, write_tables
from bench.report.tables.fitting import fit, limited, table_width
from bench.report.tables.latex import to_latex
from bench.report.tables.layout import lay_out
from bench.report.venues import page_of

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def ring() -> Evidence:
    return read_evidence(RESULTS / "ring")


LAYOUTS = {
    "narrow": Layout(rows=("loss",), columns=("architecture",), measures=("fd",), values="final"),
    "wide": Layout(rows=("loss",), columns=("dataset",), measures=("fd", "modes", "kl"), values="both"),
}
PAGES = {
    "two-column": ("[10pt,twocolumn]", "textwidth=6.75in,columnsep=0.25in"),
    "icml-column": ("[10pt,twocolumn]", "textwidth=6.75in,columnsep=0.25in"),
    "neurips": ("[10pt]", "textwidth=5.5in"),
}


@pytest.mark.parametrize("width", PAGES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_latex_compiles_within_the_page(
    ring: Evidence, pair: Evidence, tmp_path: Path, name: str, width: str
) -> None:
    if not shutil.which("pdflatex"):
        pytest.skip("apt-get install texlive-latex-recommended texlive-science")
    evidence = pair if name == "wide" else ring
    write_tables(evidence, tmp_path, LAYOUTS[name], width)
    options, geometry = PAGES[width]
    (tmp_path / "paper.tex").write_text(
        f"\\documentclass{options}{{article}}\\usepackage[{geometry}]{{geometry}}\\usepackage{{booktabs,siunitx}}"
        "\\begin{document}\\input{table.tex}\\sloppy Text.\\input{notes.tex}\\end{document}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull \\hbox" not in done.stdout
    latex = (tmp_path / "table.tex").read_text()
    assert "\\resizebox" not in latex
    assert re.findall(r"\\(tiny|scriptsize|footnotesize)", latex) == ["footnotesize"] * latex.count("\\centering")
    assert ("\\bfseries" in latex) == (name == "narrow")  # of ten runs, and of three
    if (name, width) == ("wide", "icml-column"):
        assert "part 2 of" in latex
        assert "\\begin{table*}" not in latex


def test_a_table_that_is_too_wide_is_split_between_its_measures(pair: Evidence) -> None:
    (table, *_) = lay_out(pair, LAYOUTS["wide"], for_paper=True)
    page = page_of("two-column")
    parts = fit(pair, table, page)
    assert len(parts) > 1
    assert [column for part in parts for column in part.columns] == table.columns
    assert [part.part for part in parts] == [(number + 1, len(parts)) for number in range(len(parts))]
    assert len({part.label for part in parts}) == len(parts)
    assert all(table_width(pair, part, page) <= page.text for part in parts)
    (whole,) = fit(pair, table, page._replace(text=2000.0))
    assert whole.columns == table.columns


def test_failures_stand_in_the_last_part_that_has_room_for_them(ring: Evidence) -> None:
    """Not in a table of their own, whose first row of headings would be empty."""
    (table,) = lay_out(ring, Layout(measures=("modes", "fd")), for_paper=True)
    page = page_of("icml-column")
    wide = {column: table_width(ring, replace(table, columns=[column]), page) for column in table.columns}
    room = max(wide.values()) + wide[table.columns[-1]]
    for text in (room, page.text, 150.0):
        parts = fit(ring, table, page._replace(text=text))
        assert sorted(column for part in parts for column in part.columns) == sorted(table.columns)
        assert any(column.which for column in parts[-1].columns) or text == 150.0
    alone = replace(table, columns=table.columns[-1:])
    assert "\\toprule\n{loss}" in to_latex(ring, [alone], page)


def test_labels_that_take_too_much_are_cut_to_one_length() -> None:
    assert limited([10, 20, 30], 60) == [10, 20, 30]
    assert limited([10, 80, 90], 70) == [10, 30, 30]
    assert limited([50, 60], 40) == [20, 20]


def caption_of(folder: Path, label: str) -> str:
    found = re.search(rf"\\caption\{{(.*?)\}}\n\\label\{{tab:{label}\}}", (folder / "table.tex").read_text(), re.S)
    assert found
    return found[1]


def test_the_caption_of_a_paper_is_short(pair: Evidence, ring: Evidence, tmp_path: Path) -> None:
    write_tables(ring, tmp_path, Layout(measures=("modes", "fd")))
    caption = caption_of(tmp_path, "ring-ring")
    for text in (
        "(ring, architecture mlp)",  # the axis with one value is no column
        "n = 10 per cell",
        "modes: mean [95\\% CI] over seeds",
        "FD: geometric mean [95\\% CI] over seeds",
        "Failed: runs that are not stable.",
        "Bold: the best of each column",
    ):
        assert text in caption, text
    assert len(caption) < 400
    write_tables(pair, tmp_path)
    assert "Nothing is bold: with 3 per cell no test can show a difference at 5\\%." in caption_of(
        tmp_path, "pair-digits"
    )
    assert "\\bfseries" not in (tmp_path / "table.tex").read_text()


def test_the_notes_say_the_rest_once(ring: Evidence, tmp_path: Path) -> None:
    write_tables(ring, tmp_path)
    notes = (tmp_path / "notes.tex").read_text()
    for text in (
        "\\item[{collapsed}] After the last step, modes are below 85\\% of those of real data",
        "exceeds 1\\ensuremath{\\cdot}10\\ensuremath{^{8}}",
        "2,500 samples; features",
        "They are a finite sample too, so a good generator can score slightly better by chance.",
        "Holm-corrected",
    ):
        assert notes.count(text) == 1, text


def test_bold_numbers_keep_their_distance_to_the_interval(ring: Evidence, tmp_path: Path) -> None:
    write_tables(ring, tmp_path, Layout(measures=("overlap",), values="best"))
    (distance,) = re.findall(r"@\{\\hspace\{(.*?)em\}\}", (tmp_path / "table.tex").read_text())
    # Three decimals of cmbx8 are 3 × (0.613 − 0.531) em wider than those of cmr8 (its metrics).
    assert float(distance) >= 3 * (0.613 - 0.531) + 0.2


def test_labels_are_chosen_when_reporting(ring: Evidence, tmp_path: Path) -> None:
    chosen = renamed(ring, ["wgan-gp=WGAN-GP", "loss=objective", "fd=FD (points)"])
    write_tables(chosen, tmp_path, Layout(measures=("fd",)))
    latex = (tmp_path / "table.tex").read_text()
    assert "WGAN-GP &" in latex
    assert "wgan-gp &" not in latex
    assert "{objective}" in latex
    assert "FD (points)" in latex


def test_a_search_fits_the_page(ring: Evidence, tmp_path: Path) -> None:
    assert write_search(replace(ring, search=()), tmp_path, "neurips") == []
