"""Tables checked by hand, LaTeX that compiles, figures, and reproducible files."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from changed_records import content_of, publish_content, rows_of
from matplotlib.image import imread

import bench
from bench.command.show_plan import duration
from bench.command.show_report import fitting_columns
from bench.errors import ResultsError
from bench.evidence.results import Evidence, read_evidence
from bench.plan.suite import load_suite
from bench.records.listing import record_paths
from bench.report import Report, write_report
from bench.report.tables import Layout, format_table, summarise_cells
from bench.report.tables.layout import lay_out


def formatted(evidence: Evidence) -> pd.DataFrame:
    """The single table of the tiny suite."""
    (table,) = lay_out(evidence, Layout())
    return format_table(evidence, table)


@pytest.fixture(scope="module")
def with_a_failure(trained_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny suite with one run recorded as diverged; tests must not change it."""
    results = Path(shutil.copytree(trained_tiny, tmp_path_factory.mktemp("results") / "tiny"))
    path = record_paths(results)[0]
    record = content_of(path)
    trace = [{**row, "samples": bytes(200 * 2 * 4)} for row in rows_of(path)][:3]
    trace[-1]["samples"] = np.zeros((200, 2), np.float32).tobytes()
    record["ending"] = {"status": "diverged", "step": 93, "place": "critic loss", "reason": "critic loss not finite"}
    publish_content(path, record, trace)
    return results


@pytest.fixture(scope="module")
def with_report(with_a_failure: Path) -> tuple[Path, Report]:
    """Those results and their report, in all formats."""
    return with_a_failure, write_report(with_a_failure)


def test_cells_count_failures_and_keep_them(with_a_failure: Path) -> None:
    evidence = read_evidence(with_a_failure)
    (dataset,) = evidence.datasets()
    table = summarise_cells(evidence, dataset)
    assert table["n"].tolist() == [2, 2]
    assert table["n_diverged"].sum() == 1
    counts = [f"n_{name}" for name in ("diverged", "never_learned", "collapsed", "relapsed", "oscillating", "stable")]
    assert (table[counts].sum(axis=1) == table["n"]).all()
    failed = table[table["n_diverged"] == 1].iloc[0]
    assert failed["finished"] == 1
    assert failed["fd_final_count"] == 1
    assert np.isnan(failed["fd_final_half_width"])
    assert failed["fd_best_count"] == 2
    runs = evidence.runs[evidence.runs["loss"] == failed["loss"]]
    assert failed["fd_best"] == pytest.approx(runs["fd_best"].mean())
    assert "modes_ema_final" in table


def test_formatted_cells_have_intervals_and_real_data(tiny_results: Path) -> None:
    evidence = read_evidence(tiny_results)
    table = formatted(evidence)
    assert table["loss"].tolist() == [
        "non-saturating",
        "wgan-gp",
        "untrained",
        "real data",
    ]  # as the catalogue has them
    assert table["FD final"].str.contains("[", regex=False).tolist() == [True, True, False, False]
    assert table["modes final"].str.contains("[", regex=False).tolist() == [True, True, False, False]
    assert table["modes best"].tolist()[2:] == ["", "8.0"]
    first = bench.traces(tiny_results).query("step == 0 and measure == 'fd'")["value"]
    assert table["FD final"].iloc[2] == f"{first.mean():#.3g}"


def test_outcomes_are_counted_in_words(tiny_results: Path) -> None:
    evidence = read_evidence(tiny_results)
    states = ["stable", "diverged", "collapsed", "collapsed"]
    judged = replace(evidence, runs=evidence.runs.assign(outcome=states))
    table = formatted(judged)
    assert table["failed"].tolist() == ["1/2 (9–91%)", "2/2 (34–100%)", "", ""]
    assert table["failures"].tolist() == ["1 diverged", "2 collapsed", "", ""]
    well = replace(evidence, runs=evidence.runs.assign(outcome="stable"))
    assert formatted(well)["failures"].tolist() == ["–", "–", "", ""]


REFERENCES = """
[outcome]
tau = 0.001
[[reference]]
source = "A paper"
when = { loss = "wgan-gp", dataset = "ring (points=1000)", critic_steps = 5 }
values = { high_quality = 0.5, fd = 0.25 }
plus_minus = { fd = 0.125 }
note = "read off a figure"
[[reference]]
source = "Another"
values = { fd = 3 }
at = "final"
"""


def test_published_numbers_are_rows_with_their_axes_and_source(tiny: str, tiny_results: Path) -> None:
    Path(tiny).write_text(Path(tiny).read_text() + REFERENCES)
    report = write_report(tiny_results, suite=load_suite(tiny), formats=())
    table = report.formatted["ring (points=1000)"].set_index("loss")
    assert table.index.tolist()[-2:] == ["published: A paper (wgan-gp, 5)", "published: Another"]
    assert table["FD best"].tolist()[-2:] == ["0.250 ± 0.125", ""]
    assert table["FD final"].tolist()[-2:] == ["", "3.00"]
    assert table["high quality % best"].iloc[-2] == "50.0"
    text = (tiny_results / "table.md").read_text()
    assert "A paper: read off a figure" in text
    assert "never-learned (the best value is worse than τ; still improving if the last third" in text
    assert "τ = 0.001" in text
    assert table["failures"].iloc[0] == "1 never-learned, 1 collapsed"


def test_the_caption_says_the_rules_and_the_sampling_floor(tiny_results: Path) -> None:
    """(8 − 1) / (2 · 200): the expected KL of a uniform histogram of 200 samples, to first order."""
    write_report(tiny_results, formats=())
    text = (tiny_results / "table.md").read_text()
    assert "Sampling floor of KL: (modes − 1) / (2 · samples) = 0.018" in text
    assert "Runs are classified by overlap" in text
    assert "relapsed (the final value is more than 1.5 (1.25 for overlap) times worse than the best" in text


def test_measures_of_the_game_have_no_real_value_and_need_none(tiny_results: Path) -> None:
    """Records with distance, θ and a probe besides the measures of samples."""
    for path in record_paths(tiny_results):
        record = content_of(path)
        record["higher_is_better"] |= {"distance": False, "theta": None}
        rows = rows_of(path)
        for number, row in enumerate(rows):
            row |= {"samples": bytes(200 * 2 * 4), "distance": 2.0**-number, "theta": -1.0, "gap": float("nan")}
        publish_content(path, record, rows)
    report = write_report(tiny_results, formats=("png",))
    table = report.formatted["ring (points=1000)"]
    assert table["distance final"].tolist() == ["0.125 [0.125, 0.125]", "0.125 [0.125, 0.125]", "1.00", ""]
    assert "θ best" not in table
    assert not any("gap" in column for column in table)


def test_a_report_is_written_and_comes_out_the_same_twice(with_report: tuple[Path, Report]) -> None:
    folder, report = with_report
    names = {path.name for path in [*report.tables, *report.figures]}
    assert {
        "table.md",
        "table.csv",
        "table.tex",
        "table.json",
        "modes.png",
        "modes.pdf",
        "timeline-ring-points-1000.png",
    } <= names
    assert {path.suffix for path in report.figures} == {".png", ".pdf", ".svg"}
    before = {path: path.read_bytes() for path in [*report.tables, *report.figures, report.page]}
    write_report(folder)
    assert {path: path.read_bytes() for path in before} == before
    for path in report.figures:
        if path.suffix == ".png":
            assert imread(path)[..., :3].std() > 0.05, f"{path} is blank"
    csv = pd.read_csv(folder / "table.csv")
    assert csv["n_diverged"].sum() == 1


def test_latex_compiles_and_fonts_are_embedded(with_report: tuple[Path, Report], tmp_path: Path) -> None:
    if not (shutil.which("pdflatex") and shutil.which("pdffonts")):
        pytest.skip("apt-get install texlive-latex-recommended texlive-science poppler-utils")
    folder, report = with_report
    (tmp_path / "paper.tex").write_text(
        "\\documentclass[twocolumn]{article}\\usepackage[margin=1.5cm]{geometry}\\usepackage{booktabs,siunitx}"
        f"\\begin{{document}}\\input{{{folder / 'table.tex'}}}\\end{{document}}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    for path in report.figures:
        if path.suffix == ".pdf":
            fonts = subprocess.run(["pdffonts", str(path)], capture_output=True, text=True, check=True).stdout
            assert "Type 3" not in fonts
            assert "TrueType" in fonts


def test_a_broken_record_is_named(tiny_results: Path) -> None:
    path = record_paths(tiny_results)[0]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ResultsError, match=path.name):
        write_report(tiny_results)


def test_a_narrow_terminal_keeps_what_matters() -> None:
    frame = pd.DataFrame(
        {
            "loss": ["hinge"],
            "modes final": ["8.0 ± 0.1"],
            "modes best": ["8.0"],
            "KL final": ["0.1"],
            "FD final": ["3"],
            "failed": ["0/3"],
            "failures": ["–"],
            "steps/s": ["100"],
        }
    )
    assert fitting_columns(frame, 200) == list(frame)
    assert fitting_columns(frame, 36) == ["loss", "modes final", "FD final", "failed"]
    assert fitting_columns(frame, 25, primary=("FD",)) == ["loss", "FD final", "failed"]
    assert fitting_columns(frame, 25, primary=("KL",)) == ["loss", "KL final", "failed"]


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.usefixtures("no_figures")
def test_different_experiments_are_never_averaged(tiny: str, tiny_results: Path) -> None:
    """After an edit of the suite its runs differ but have the same values on all axes."""
    text = Path(tiny).read_text()
    Path(tiny).write_text(text.replace("steps = 120", "steps = 80"))
    summary = bench.run(tiny, results=tiny_results.parent, workers=0)
    assert len(summary.recorded) == 4
    assert summary.report is not None
    csv = pd.read_csv(tiny_results / "table.csv")
    assert csv["n"].tolist() == [2, 2]  # of the suite as it is
    with pytest.raises(
        ResultsError,
        match=r"different experiments .*training\.steps is (80 in one record and 120|120 in one record and 80) in",
    ):
        write_report(tiny_results)


@pytest.mark.usefixtures("no_figures")
def test_settings_from_the_command_line_are_an_axis_beside_the_suites_own(tiny: str, tiny_results: Path) -> None:
    summary = bench.run(tiny, results=tiny_results.parent, workers=0, settings={"steps": 80, "latent": 4})
    assert len(summary.recorded) == 4
    table = summarise_cells(read_evidence(tiny_results), "ring (points=1000)")
    assert table["steps"].tolist() == [80, 120, 80, 120]
    assert "latent" not in table  # the same everywhere
    assert len(bench.run(tiny, results=tiny_results.parent, workers=0, settings={"steps": 120}).recorded) == 0


@pytest.mark.usefixtures("no_figures")
def test_a_label_does_not_make_another_run(tiny: str, tiny_results: Path) -> None:
    text = Path(tiny).read_text()
    Path(tiny).write_text(text.replace('label = "mlp"', 'label = "small"'))
    summary = bench.run(tiny, results=tiny_results.parent, workers=0)
    assert (len(summary.already), len(summary.recorded)) == (4, 0)


def test_labels_of_any_letters(tiny: str, tmp_path: Path) -> None:
    text = Path(tiny).read_text()
    Path(tiny).write_text(text.replace('label = "mlp"', 'label = "网络[/b] $\\\\alpha_{x}$ & 100 %"'))
    summary = bench.run(tiny, results=tmp_path / "labels", workers=0, seeds=1)
    assert summary.report is not None
    assert len(summary.recorded) == 2


@pytest.mark.usefixtures("no_figures")
def test_suites_and_protocols_are_never_mixed(tiny: str, tiny_results: Path) -> None:
    text = Path(tiny).read_text()
    Path(tiny).write_text(text.replace("samples = 200", "samples = 100"))
    summary = bench.run(tiny, results=tiny_results.parent, workers=0, filters={"loss": {"wgan-gp"}})
    assert len(summary.recorded) == 2
    assert "measured differently" in summary.report_problem or "different experiments" in summary.report_problem
    Path(tiny).write_text(text.replace('name = "tiny"', 'name = "other"'))
    bench.run(tiny, results=tiny_results.parent, workers=0, seeds=1)
    with pytest.raises(ResultsError, match="several suites"):
        write_report(tiny_results.parent)


def test_a_measure_that_is_not_finite_is_shown(tiny_results: Path) -> None:
    path = record_paths(tiny_results)[0]
    record = content_of(path)
    trace = [{**row, "samples": b""} for row in rows_of(path)]
    trace[-1]["fd"] = float("inf")
    publish_content(path, record, trace)
    table = formatted(read_evidence(tiny_results))
    assert table["FD final"].str.contains(r"\(1 of 2\)").tolist().count(True) == 1
