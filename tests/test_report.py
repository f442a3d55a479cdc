"""Tables by hand, LaTeX that compiles, figures that are there, and files that come out the same twice."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

import bench
from bench.errors import ResultsError
from bench.records import publish, read_metadata, read_trace, record_paths
from bench.report import write_report
from bench.report.evidence import read_evidence
from bench.report.tables import format_cells, summarise_cells
from bench.statistics import t_interval, wilson_interval
from bench.suite import load_suite
from bench.terminal import duration, fitting_columns


def test_t_interval_by_hand() -> None:
    """t₂ at 97.5 % is 4.302653; s of 1, 2, 3 is 1: 4.302653 / √3 (any table of Student's t)."""
    interval = t_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2
    assert interval.half_width == pytest.approx(4.302653 / 3**0.5, abs=1e-6)
    assert t_interval([1.0, float("nan"), 3.0]).n == 2
    assert np.isnan(t_interval([4.0]).half_width)
    assert np.isnan(t_interval([]).mean)


def test_wilson_by_hand() -> None:
    """(p̂ + z²/2n ± z √(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n) with z = 1.959964."""
    z, p, n = 1.959964, 0.7, 10
    centre, half = p + z**2 / (2 * n), z * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    expected = [(centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)]
    assert list(wilson_interval(7, 10)) == pytest.approx(expected, abs=1e-6)
    assert wilson_interval(0, 5)[0] == 0
    assert wilson_interval(5, 5)[1] == pytest.approx(1)


def test_t_interval_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    hits = [
        abs(t_interval(values).mean) <= t_interval(values).half_width for values in generator.normal(size=(4000, 3))
    ]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.01)


@pytest.fixture
def with_a_failure(tiny_results: Path) -> Path:
    """The tiny suite, one of whose runs is said to have diverged."""
    path = record_paths(tiny_results)[0]
    record: dict[str, Any] = read_metadata(path)
    trace = [{**row, "samples": bytes(500 * 2 * 4)} for row in read_trace(path).to_dict("records")][:3]
    trace[-1]["samples"] = np.zeros((200, 2), np.float32).tobytes()
    record["ending"] = {"status": "diverged", "step": 93, "place": "critic loss", "reason": "critic loss not finite"}
    path.unlink()
    publish(path, record, trace)
    return tiny_results


def test_cells_count_failures_and_keep_them(with_a_failure: Path) -> None:
    evidence = read_evidence(with_a_failure)
    (dataset,) = evidence.datasets()
    table = summarise_cells(evidence, dataset)
    assert table["n"].tolist() == [2, 2]
    assert table["n_diverged"].sum() == 1
    counts = [
        f"n_{name}" for name in ("diverged", "never_learned", "collapsed", "relapsed", "oscillating", "converged")
    ]
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
    table = format_cells(evidence, evidence.datasets()[0])
    assert table["loss"].tolist() == [
        "non-saturating",
        "wgan-gp",
        "untrained",
        "real data",
    ]  # as the catalogue has them
    assert table["FD final"].str.contains("±").tolist() == [True, True, False, False]
    assert table["modes best"].tolist()[2:] == ["", "8.0"]
    first = bench.traces(tiny_results).query("step == 0 and measure == 'fd'")["value"]
    assert table["FD final"].iloc[2] == f"{first.mean():.3g}"


def test_outcomes_are_counted_in_words(tiny_results: Path) -> None:
    evidence = read_evidence(tiny_results)
    states = ["converged", "diverged", "collapsed", "collapsed"]
    judged = replace(evidence, runs=evidence.runs.assign(outcome=states))
    table = format_cells(judged, "ring (points=1000)")
    assert table["converged"].tolist() == ["1/2 (9–91 %)", "0/2 (0–66 %)", "", ""]
    assert table["other outcomes"].tolist() == ["1 diverged", "2 collapsed", "", ""]
    well = replace(evidence, runs=evidence.runs.assign(outcome="converged"))
    assert format_cells(well, "ring (points=1000)")["other outcomes"].tolist() == ["–", "–", "", ""]


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


def test_published_numbers_stand_beside_with_their_place_and_source(tiny: str, tiny_results: Path) -> None:
    Path(tiny).write_text(Path(tiny).read_text() + REFERENCES)
    report = write_report(tiny_results, suite=load_suite(tiny))
    table = report.formatted["ring (points=1000)"].set_index("loss")
    assert table.index.tolist()[-2:] == ["published: A paper (wgan-gp, 5)", "published: Another"]
    assert table["FD best"].tolist()[-2:] == ["0.25 ± 0.125", ""]
    assert table["FD final"].tolist()[-2:] == ["", "3"]
    assert table["high quality % best"].iloc[-2] == "50.0"
    text = (tiny_results / "table.md").read_text()
    assert "A paper: read off a figure" in text
    assert "never-learned (the best is worse than τ)" in text
    assert "τ = 0.001" in text
    assert table["other outcomes"].iloc[0] == "2 never-learned"


def test_the_caption_says_the_rules_and_the_sampling_floor(tiny_results: Path) -> None:
    """(8 − 1) / (2 · 200): the expected KL of a uniform histogram of 200 samples, to first order."""
    write_report(tiny_results)
    text = (tiny_results / "table.md").read_text()
    assert "Sampling floor of KL: (modes − 1) / (2 · samples) = 0.018" in text
    assert "Outcomes are judged by FD" in text
    assert "relapsed (the last over 1.5 times worse than the best" in text


def test_measures_of_the_game_have_no_real_value_and_need_none(tiny_results: Path) -> None:
    """Records with distance and θ beside the samples' measures, and with a probe that is no measure."""
    for path in record_paths(tiny_results):
        record: dict[str, Any] = read_metadata(path)
        record["higher_is_better"] |= {"distance": False, "theta": None}
        rows = read_trace(path).to_dict("records")
        for number, row in enumerate(rows):
            row |= {"samples": bytes(200 * 2 * 4), "distance": 2.0**-number, "theta": -1.0, "gap": float("nan")}
        path.unlink()
        publish(path, record, rows)
    report = write_report(tiny_results)
    table = report.formatted["ring (points=1000)"]
    assert table["distance final"].tolist() == ["0.125 ± 0", "0.125 ± 0", "1", ""]
    assert "θ best" not in table
    assert not any("gap" in column for column in table)


def test_a_report_is_written_and_comes_out_the_same_twice(with_a_failure: Path) -> None:
    report = write_report(with_a_failure)
    names = {path.name for path in [*report.tables, *report.figures]}
    assert {"table.md", "table.csv", "table.tex", "modes.png", "modes.pdf", "timeline-ring-points-1000.png"} <= names
    assert {path.suffix for path in report.figures} == {".png", ".pdf", ".svg"}
    before = {path: path.read_bytes() for path in [*report.tables, *report.figures]}
    write_report(with_a_failure)
    assert {path: path.read_bytes() for path in before} == before
    for path in report.figures:
        if path.suffix == ".png":
            assert imread(path)[..., :3].std() > 0.05, f"{path} is blank"
    csv = pd.read_csv(with_a_failure / "table.csv")
    assert csv["n_diverged"].sum() == 1


def test_latex_compiles_and_fonts_are_embedded(with_a_failure: Path, tmp_path: Path) -> None:
    if not (shutil.which("pdflatex") and shutil.which("pdffonts")):
        pytest.skip("apt-get install texlive-latex-recommended poppler-utils")
    report = write_report(with_a_failure)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass[twocolumn]{article}\\usepackage[margin=1.5cm]{geometry}\\usepackage{booktabs,graphicx}"
        f"\\begin{{document}}\\input{{{with_a_failure / 'table.tex'}}}\\end{{document}}"
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
            "n": ["3"],
            "converged": ["3/3"],
            "other outcomes": ["–"],
        }
    )
    assert fitting_columns(frame, 200) == list(frame)
    assert fitting_columns(frame, 50) == ["loss", "modes final", "FD final", "n", "converged", "other outcomes"]


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_different_experiments_are_never_averaged(tiny: str, tiny_results: Path) -> None:
    """The same suite after an edit: its runs have the same place in the matrix, and are other runs."""
    text = Path(tiny).read_text()
    Path(tiny).write_text(text.replace("steps = 120", "steps = 80"))
    summary = bench.run(tiny, results=tiny_results.parent, workers=0)
    assert len(summary.recorded) == 4
    assert summary.report is not None
    csv = pd.read_csv(tiny_results / "table.csv")
    assert csv["n"].tolist() == [2, 2]  # of the suite as it is
    with pytest.raises(ResultsError, match=r"different experiments .*training\.steps is (80 and 120|120 and 80)"):
        write_report(tiny_results)


def test_settings_from_the_command_line_are_an_axis_beside_the_suites_own(tiny: str, tiny_results: Path) -> None:
    summary = bench.run(tiny, results=tiny_results.parent, workers=0, settings={"steps": 80, "latent": 4})
    assert len(summary.recorded) == 4
    table = summarise_cells(read_evidence(tiny_results), "ring (points=1000)")
    assert table["steps"].tolist() == [80, 120, 80, 120]
    assert "latent" not in table  # the same everywhere
    assert len(bench.run(tiny, results=tiny_results.parent, workers=0, settings={"steps": 120}).recorded) == 0


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


def test_a_measure_that_is_not_finite_is_told(tiny_results: Path) -> None:
    path = record_paths(tiny_results)[0]
    record: dict[str, Any] = read_metadata(path)
    trace = [{**row, "samples": b""} for row in read_trace(path).to_dict("records")]
    trace[-1]["fd"] = float("inf")
    path.unlink()
    publish(path, record, trace)
    table = format_cells(read_evidence(tiny_results), "ring (points=1000)")
    assert table["FD final"].str.contains(r"\(1 of 2\)").tolist().count(True) == 1
