"""Reports of a part of the results, with another title and other labels, and with a file for each table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_runs import made_pair, record

from bench.command import main
from bench.errors import ResultsError
from bench.evidence.renaming import renamed
from bench.evidence.results import Evidence, cells, read_evidence
from bench.evidence.selection import selected
from bench.evidence.step_times import step_times
from bench.plan.published import PublishedResult
from bench.report import write_report
from bench.report.page.data import page_data
from bench.report.tables import Layout, write_tables

NETWORKS = Path(__file__).parents[2] / "results" / "networks"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of synthetic runs of four losses on two datasets."""
    results = tmp_path_factory.mktemp("results")
    made_pair(results)
    return next(results.glob("*/records")).parent


def report(folder: Path, output: Path, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["report", str(folder), "--output", str(output), "--format", "none", *arguments])
    assert done.exit_code == 0, done.output
    return (output / "table.tex").read_text()


def test_only_keeps_the_runs_with_these_values(folder: Path, tmp_path: Path) -> None:
    chosen = ("--only", "loss=hinge", "--only", "loss=minimax", "--only", "dataset=digits")
    latex = report(folder, tmp_path, *chosen)
    assert "hinge" in latex
    assert "minimax" in latex
    assert "wgan-gp" not in latex
    assert "(ring" not in latex
    for name in ("table.md", "table.csv", "table.json", "report.html"):
        assert "wgan-gp" not in (tmp_path / name).read_text().partition("<script")[0]


def test_a_label_selects_its_runs_and_not_others_of_its_name(tmp_path: Path) -> None:
    """As in the suite techniques, where non-saturating is a label, and the loss of many others."""
    chosen = {axis: {"name": name, "label": name} for axis, name in (("dataset", "ring"), ("architecture", "mlp"))}
    for label, name in (("hinge", "hinge"), ("wide", "hinge"), ("slow", "minimax")):
        training = {**chosen, "loss": {"name": name, "label": label}, "steps": 120}
        record(tmp_path, label, 0, (1.0, 0.5, 0.2, 0.1), training=training)
    evidence = read_evidence(tmp_path)
    for wanted, labels in (("hinge", {"hinge"}), ("minimax", {"slow"}), ("wide", {"wide"})):
        assert set(selected(evidence, {"loss": {wanted}}).runs["loss"]) == labels


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("los=hinge", "--only: no axis 'los' in these records; did you mean 'loss'?"),
        ("loss=hing", "--only: axis 'loss' has no value 'hing'; did you mean 'hinge'?"),
        ("loss", "--only loss: expected AXIS=VALUE"),
    ],
)
def test_a_selection_that_cannot_be_is_told(folder: Path, tmp_path: Path, chosen: str, message: str) -> None:
    done = CliRunner().invoke(main, ["report", str(folder), "--output", str(tmp_path / "out"), "--only", chosen])
    assert done.exit_code == 2
    assert message in done.output
    assert not (tmp_path / "out").exists()


def test_a_selection_without_runs_is_an_error(pair: Evidence) -> None:
    with pytest.raises(ResultsError, match="no run matches all of these filters"):
        selected(pair, {"dataset": {"ring"}, "architecture": {"dcgan"}})


def test_a_selection_leaves_out_published_results_of_others(pair: Evidence) -> None:
    references = tuple(
        PublishedResult.model_validate({"source": loss, "when": {"loss": loss}, "values": {"fd": 0.1}})
        for loss in ("hinge", "minimax")
    )
    kept = selected(replace(pair, references=references), {"loss": {"hinge"}})
    assert [reference.source for reference in kept.references] == ["hinge"]
    assert set(kept.traces["run"]) == set(kept.runs["run"]) == kept.records.keys()


def test_the_title_and_the_labels_are_those_that_were_chosen(folder: Path, tmp_path: Path) -> None:
    latex = report(folder, tmp_path, "--title", "Losses at 100%", "--label-prefix", "appendix-")
    assert "\\caption{Losses at 100\\% (ring" in latex
    assert "\\label{tab:appendix-pair-ring}" in latex
    assert '"tab:appendix-pair-ring"' in (tmp_path / "table.json").read_text()
    assert (tmp_path / "table.md").read_text().startswith("# Losses at 100%\n")
    assert "<title>Losses at 100%" in (tmp_path / "report.html").read_text()


def test_other_names_are_used_everywhere_and_lose_nothing(tmp_path: Path) -> None:
    """Timings have the recorded labels."""
    chosen = ["mlp=Perceptron", "architecture=network"]
    evidence = read_evidence(NETWORKS)
    named = renamed(evidence, chosen)
    assert step_times(named, "digits") == step_times(evidence, "digits") != {}
    assert page_data(named)["axes"][named.axes.index("architecture")] == "network"
    write_report(NETWORKS, output=tmp_path, formats=(), labels=chosen)
    speed = (tmp_path / "speed.md").read_text()
    assert "| network" in speed
    assert "| Perceptron" in speed
    assert "mlp" not in speed
    table = (tmp_path / "table.md").read_text()
    assert "| architecture" not in table
    assert "| mlp" not in table


def test_a_number_is_preceded_by_the_name_of_its_axis_that_was_chosen(tmp_path: Path) -> None:
    for width in (16, 32):
        axes = {"dataset": "ring", "architecture": "mlp", "loss": "hinge", "width": width}
        record(tmp_path, "hinge", width, (1.0, 0.5, 0.2, 0.1), axes=axes, cell=f"cell {width}")
    evidence = renamed(read_evidence(tmp_path), ["width=units"])
    assert [name for name, _ in cells(evidence, "ring")] == ["units 16", "units 32"]


def test_an_empty_title_is_refused(folder: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["report", str(folder), "--output", str(tmp_path / "out"), "--title", " "])
    assert done.exit_code == 2
    assert "the title of a report must not be empty" in done.output


def test_every_table_has_a_file_of_its_own_beside_the_joint_one(pair: Evidence, tmp_path: Path) -> None:
    paths, _ = write_tables(pair, tmp_path)
    joint = (tmp_path / "table.tex").read_text()
    for dataset in ("ring", "digits"):
        text = (tmp_path / f"table-{dataset}.tex").read_text()
        assert tmp_path / f"table-{dataset}.tex" in paths
        assert text.partition("\\begin")[2] in joint
        assert f"\\label{{tab:pair-{dataset}}}" in text
        assert text.startswith("% needs \\usepackage{booktabs,siunitx}")


def test_one_table_has_no_second_file(pair: Evidence, tmp_path: Path) -> None:
    write_tables(pair, tmp_path, Layout(rows=("loss", "architecture"), columns=("dataset",)))
    assert {path.name for path in tmp_path.glob("*.tex")} == {"table.tex", "notes.tex"}


def header(latex: str) -> list[str]:
    """The rows above the numbers of the first table."""
    between = latex.partition("\\toprule\n")[2].partition("\\midrule")[0]
    return [line for line in between.splitlines() if not line.startswith("\\cmidrule")]


def test_a_header_of_one_kind_of_values_has_no_row_for_it(pair: Evidence, tmp_path: Path) -> None:
    for values, words in (("final", "Values after the last step."), ("best", "Values at the best evaluation.")):
        write_tables(pair, tmp_path, Layout(measures=("fd",), values=values))
        latex = (tmp_path / "table.tex").read_text()
        (row,) = header(latex)
        assert values not in row
        assert "FD" in row
        assert "{loss}" in row
        assert "{failed}" in row
        assert words in latex
    write_tables(pair, tmp_path, Layout(measures=("fd",)))
    latex = (tmp_path / "table.tex").read_text()
    assert len(header(latex)) == 2
    assert "Values a" not in latex


def test_measures_with_a_direction_have_an_arrow(pair: Evidence, tmp_path: Path) -> None:
    write_tables(pair, tmp_path, Layout(measures=("fd", "modes")))
    measures, *_ = header((tmp_path / "table.tex").read_text())
    assert "{FD \\ensuremath{\\downarrow}}" in measures
    assert "{modes \\ensuremath{\\uparrow}}" in measures
    assert "↓" not in (tmp_path / "table.md").read_text()  # its headings are names that others look up
