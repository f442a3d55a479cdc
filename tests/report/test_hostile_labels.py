"""Labels of old records, or of other code, cannot break a report; each output is read back as its readers read it."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from click.testing import CliRunner
from made_runs import CENTRES, record

from bench.command import main
from bench.errors import SuiteError
from bench.evidence.results import read_evidence
from bench.records.external.recorder import Recorder
from bench.report import write_report
from bench.report.file_names import slug
from bench.report.page.runs import LARGEST_IN_JAVASCRIPT, exact
from bench.report.tables import Layout

LABELS = (
    "[a] <script>alert(1)</script>",
    '=HYPERLINK("x")|b\tc\nd',
    "\x1b[31mred\x07 $x$ $\\frac$ {",
    "α漢字😀 ą é",
    "*star* _u_ 5 $ \\",
    "\u202eevil\u2066",
    "L" * 300_000,
    "# \\input{/etc/passwd} % ~^{}&",
    "[x](javascript:alert(1)) `code`",
)
TITLE = "T\x1b[1m <b> | $ [x] 漢 " + "t" * 5000
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def hostile_records(folder: Path, labels: tuple[str, ...] = LABELS, dataset: str = "[ring] <i>") -> Path:
    """Publish two runs of each label; return the results folder."""
    for number, label in enumerate(labels):
        axes = {"dataset": dataset, "architecture": "mlp", "loss": label}
        training: dict[str, Any] = {
            **{axis: {"name": "name", "label": value, "options": {}} for axis, value in axes.items()},
            **{"penalty": [], "steps": 120, "batch_size": 16, "critic_steps": 2},
        }
        for seed in (2 * number, 2 * number + 1):
            changed = {"axes": axes, "training": training, "title": TITLE, "cell": str(number)}
            changed["data"] = {"fingerprint": "f", "modes": {"centres": CENTRES, "sigma": 0.01}}
            record(folder, f"l{number}", seed, (1.0, 0.5, 0.2, 0.01 * (seed + 1)), **changed)
    return folder / "made"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with hostile labels and a report without figures."""
    folder = hostile_records(tmp_path_factory.mktemp("hostile"))
    write_report(folder, formats=())
    return folder


def test_no_file_has_control_characters(hostile: Path) -> None:
    for name in ("table.md", "table.csv", "table.tex", "table.json", "report.html"):
        text = (hostile / name).read_text(encoding="utf-8")
        if name == "report.html":
            text = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', text, re.S)[1]  # type: ignore[index]
        assert not CONTROL.search(text), name
        assert "L" * 1000 not in text, f"{name} holds a label of 300,000 characters"


def test_markdown_has_neither_html_nor_broken_rows(hostile: Path) -> None:
    text = (hostile / "table.md").read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<i>" not in text
    table, _, further = text.partition("\n## ")[2].partition("\n## ")
    assert "## Failures with other thresholds" in f"## {further}"
    rows = [line for line in table.splitlines() if line.startswith("|")]
    columns = {line.replace("\\\\", "").replace("\\|", "").count("|") for line in rows}
    assert len(columns) == 1, "a label splits a row"
    assert len(rows) == len(LABELS) + 4  # the heading, its rule, untrained and real data


def test_csv_has_one_row_for_each_cell_and_no_formula(hostile: Path) -> None:
    with (hostile / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(LABELS)
    assert not any(row["loss"].startswith("=") for row in rows)
    assert len({row["loss"] for row in rows}) == len(LABELS), "two labels became one"


def test_the_page_has_the_labels_as_text(hostile: Path) -> None:
    html = (hostile / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    data = json.loads(re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', html, re.S)[1])  # type: ignore[index]
    labels = {label for run in data["runs"] for label in run["labels"]}
    assert "[a] <script>alert(1)</script>" in labels
    assert len(labels) == len(LABELS) + 1
    assert max(map(len, labels)) < 300


def test_the_terminal_shows_escapes(hostile: Path) -> None:
    result = CliRunner().invoke(main, ["report", str(hostile), "--format", "none"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "\\x1b[31mred" in result.stdout
    assert not CONTROL.search(result.stdout)
    for form in ("text", "markdown", "json", "junit"):
        compared = CliRunner().invoke(main, ["compare", str(hostile), str(hostile), "--format", form])
        assert compared.exit_code in (0, 3), compared.output
        assert not CONTROL.search(compared.stdout), form


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("columns", [(), ("loss",)])
def test_pdflatex_sets_every_label(hostile: Path, tmp_path: Path, columns: tuple[str, ...]) -> None:
    write_report(hostile, output=tmp_path, formats=(), layout=Layout(columns=columns, values="final"))
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs,siunitx}\\begin{document}\\input{table.tex}\\end{document}"
    )
    words = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "paper.tex")
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    errors = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.startswith("!")]
    assert (done.returncode, errors) == (0, [])
    assert "XeLaTeX" in (tmp_path / "table.tex").read_text(encoding="utf-8")


def test_a_row_that_begins_with_a_bracket_is_no_argument(tmp_path: Path) -> None:
    folder = hostile_records(tmp_path, ("[0.1]", "*", "plain"), dataset="ring")
    write_report(folder, formats=())
    lines = (folder / "table.tex").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" & ")[0] for line in lines if " & " in line][-5:-2] == ["{}*", "{}[0.1]", "plain"]
    assert not any(line.lstrip().startswith(("[", "*")) for line in lines)


def test_figures_are_drawn_without_warnings(tmp_path: Path) -> None:
    """Also labels that fill the width of a figure, and dollars that are no formula; every SVG file is valid XML."""
    few = (LABELS[0], LABELS[2], LABELS[3], "L" * 300_000, "two\nlines")
    folder = hostile_records(tmp_path, few, dataset="漢 $")
    with mpl.rc_context():
        report = write_report(folder, formats=("svg",))
    assert len(report.figures) > 5
    for path in report.figures:
        ElementTree.parse(path)
    written = {path.name for path in (folder / "figures").iterdir()}
    assert {path.name for path in report.figures} == written - {"captions.tex"}


def test_datasets_with_other_letters_have_their_own_figures() -> None:
    assert len({slug("漢"), slug("字"), slug("a" * 300), slug("a" * 299 + "b")}) == 4
    assert max(map(len, (slug("漢" * 300), slug("a" * 300)))) < 80
    assert slug("ring (points=1000)") == "ring-points-1000"


def test_seeds_that_javascript_would_round_are_text(tmp_path: Path) -> None:
    assert exact(LARGEST_IN_JAVASCRIPT) == 2**53 - 1
    assert exact(2**53 + 1) == "9007199254740993"
    for seed in (2**53, 2**53 + 1):
        record(tmp_path, "hinge", seed, (1.0, 0.5, 0.2, 0.1))
    evidence = read_evidence(tmp_path / "made")
    assert list(evidence.runs["seed"]) == [2**53, 2**53 + 1]
    write_report(tmp_path / "made", formats=())
    html = (tmp_path / "made" / "report.html").read_text(encoding="utf-8")
    assert '"seed":"9007199254740993"' in html
    assert '"seed":"9007199254740992"' in html


@pytest.mark.parametrize("label", ["x" * 300_000, "\x1b[31m", "two\nlines", "\u202e"])
def test_the_recorder_refuses_labels_that_nothing_can_show(tmp_path: Path, label: str) -> None:
    given = {"suite": "s", "dataset": "d", "architecture": "a", "loss": "l", "seed": 0}
    for changed in (
        {"loss": label},
        {"penalty": label},
        {"title": 2 * label if "x" in label else label.replace("\n", "\b")},
    ):
        with pytest.raises(SuiteError) as caught:
            Recorder(tmp_path, **{**given, **changed})
        assert len(str(caught.value)) < 400
    with pytest.raises(SuiteError):
        Recorder(tmp_path, **given, **{label: 1})
    assert not list(tmp_path.iterdir())
