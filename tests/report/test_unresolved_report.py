"""Reports of runs that cannot be judged: their count is shown, and no rate or ranking includes them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_runs import record

from bench.evidence.results import Evidence, read_evidence
from bench.plan.rules import Rules
from bench.plan.suite import load_suite
from bench.report.captions import caption
from bench.report.contrasts import contrasts
from bench.report.explanations import note
from bench.report.figures import draw_all
from bench.report.figures.budget import budget_curve, worst_seen
from bench.report.figures.profile import best_of_cells
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled
from bench.report.page.data import page_data
from bench.report.tables import summarise_cells, write_tables

TOO_FEW = {"real": {"fd": 632.0}, "data": {"shape": [1, 8, 8]}, "higher_is_better": {"fd": False}}
ENOUGH = TOO_FEW | {"real": {"fd": 1.0}}


def evidence_of(folder: Path, cells: dict[tuple[str, str], tuple[int, int]]) -> Evidence:
    """Record cells, (dataset, loss) → number of runs that can be judged, of which the last diverged, and that cannot."""
    for (dataset, loss), (good, unresolved) in cells.items():
        for seed in range(good):
            last = seed == good - 1 and good > 1
            values = (501.0, 10.0) if last else (501.0, 10.0, 9.0, 8.0 + seed)
            record(folder, loss, seed, values, dataset=dataset, diverged=last, **ENOUGH)
        for seed in range(good, good + unresolved):
            record(folder, loss, seed, (501.0, 400.0, 450.0, 499.0 - seed), dataset=dataset, **TOO_FEW)
    return read_evidence(folder / "made")


MIXED = {("ring", "hinge"): (3, 1), ("ring", "minimax"): (0, 3), ("grid", "hinge"): (2, 0), ("grid", "minimax"): (2, 0)}
NOTHING = {("ring", "hinge"): (0, 2), ("ring", "minimax"): (0, 2)}
ONE_RUN = {("ring", "hinge"): (0, 1)}


@pytest.mark.parametrize("cells", [MIXED, NOTHING, ONE_RUN])
def test_every_output_is_written(tmp_path: Path, cells: dict[tuple[str, str], tuple[int, int]]) -> None:
    evidence = evidence_of(tmp_path, cells)
    write_tables(evidence, tmp_path)
    for x in ("steps", "seconds"):
        with styled():
            names = [drawing.name for drawing in draw_all(evidence, Sheet(width=6.75), x=x)]
    assert "timeline-ring" in names
    page = page_data(evidence)
    json.dumps(page, allow_nan=False)
    assert page["outcomes"][-1]["name"] == "unresolved"
    assert page["stages"][-1]["name"] == "cannot be judged"
    assert "cannot be judged" in (tmp_path / "table.md").read_text()
    assert "that can be judged" in (tmp_path / "table.tex").read_text()
    assert "unresolved" in (tmp_path / "table.tex").read_text()


def test_tables_show_their_count_and_leave_them_out_of_the_rate(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, MIXED)
    _, formatted = write_tables(evidence, tmp_path)
    ring = formatted["ring"].set_index("loss")
    assert ring.loc["hinge", "failed"] == "1/3 (6–79%) + 1 unresolved"
    assert ring.loc["hinge", "failures"] == "1 diverged, 1 unresolved"
    assert ring.loc["minimax", "failed"] == "3 unresolved"
    rows = [line for line in (tmp_path / "table.tex").read_text().splitlines() if line.startswith(("minimax", "hinge"))]
    assert rows[0].endswith("& 3 unresolved \\\\")
    assert rows[1].endswith("& 1/3 + 1 unresolved \\\\")
    assert formatted["grid"].set_index("loss").loc["hinge", "failed"].startswith("1/2 (")
    numbers = summarise_cells(evidence, "ring").set_index("loss")
    assert numbers.loc["hinge", ["n", "failed", "n_unresolved"]].tolist() == [4, 1, 1]
    assert numbers.loc["hinge", "failed_high"] == pytest.approx(0.792, abs=1e-3)  # Wilson's interval of 1 of 3
    assert np.isnan(numbers.loc["minimax", "failed_high"])
    assert "n_unresolved" not in summarise_cells(without_unresolved(evidence), "ring")


def without_unresolved(evidence: Evidence) -> Evidence:
    return replace(evidence, runs=evidence.runs.loc[evidence.runs["outcome"] != "unresolved"])


def test_no_entry_of_a_cell_that_cannot_be_judged_is_bold(tmp_path: Path) -> None:
    evidence_of(tmp_path, {("ring", "hinge"): (4, 0), ("ring", "wasserstein"): (4, 0), ("ring", "minimax"): (0, 3)})
    record(tmp_path, "minimax", 3, (501.0, 0.1, 0.1, 0.1), **TOO_FEW)  # by far the best values
    write_tables(read_evidence(tmp_path / "made"), tmp_path)
    bold = {
        entry["row"]["loss"]
        for table in json.loads((tmp_path / "table.json").read_text())
        for entry in table["entries"]
        if entry["bold"]
    }
    assert bold == {"hinge", "wasserstein"}


def test_comparisons_and_rankings_leave_them_out(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, MIXED)
    frame = contrasts(evidence, "ring")
    assert frame is not None
    row = frame.iloc[0]
    assert {row["n_a"], row["n_b"]} == {0, 3}
    assert row["verdict"] == "the runs of minimax cannot be judged"
    assert pd.isna(row["better"])
    hinge = evidence.runs_of("ring").query("loss == 'hinge'")
    assert worst_seen(evidence, "ring") == 501.0
    assert len(budget_curve(evidence, "ring", hinge, 501.0)) == 3
    assert np.isnan(best_of_cells(evidence, "ring"))  # only one cell can be judged
    assert "## Across datasets" not in tables_text(evidence, tmp_path)  # one common cell only


def tables_text(evidence: Evidence, folder: Path) -> str:
    write_tables(evidence, folder)
    return (folder / "table.md").read_text()


def test_captions_say_how_many_and_why(tmp_path: Path) -> None:
    evidence = evidence_of(tmp_path, MIXED)
    many = "4 of 7 runs cannot be judged (unresolved): FD 632 of real data is not clearly better than 501 at"
    assert many in caption(evidence, "ring")
    failed = evidence.runs["outcome_reason"].where(
        evidence.runs["seed"] != 1, "cannot be judged: FD is NaN from step 40 on"
    )
    other = caption(replace(evidence, runs=evidence.runs.assign(outcome_reason=failed)), "ring")
    assert "3 of 7 runs cannot be judged (unresolved): FD 632 of real data is not" in other
    assert "1 of 7 runs cannot be judged (unresolved): FD is NaN from step 40 on." in other
    assert "unresolved" not in caption(evidence, "grid")
    assert "out of all runs that can be judged" in note(evidence)
    assert "unresolved (real data is not clearly better than the untrained generator" in note(evidence)
    assert "unresolved" not in note(without_unresolved(evidence))


def test_captions_say_what_is_of_some_cells_only(tmp_path: Path) -> None:
    """Models of one dataset may draw samples in different ways; which record is first must not decide."""
    protocol = {"samples": 50, "extractor": "coordinates"}
    for loss, given in (("hinge", {**protocol, "sampler": "heun"}), ("minimax", protocol)):
        record(tmp_path, loss, 0, (1.0, 0.5, 0.2, 0.1), protocol=given)
    words = caption(read_evidence(tmp_path), "ring")
    assert "ring: 50 samples; features: coordinates; sampler: heun (of some cells); suite made, version 1." in words


def test_captions_warn_of_fewer_samples_than_features(tmp_path: Path) -> None:
    def of(samples: int, real: int, extractor: str = "digits", shape: tuple[int, ...] = (1, 8, 8)) -> str:
        shutil.rmtree(tmp_path / "made", ignore_errors=True)
        protocol = {"extractor": extractor, "samples": samples, "real_samples": real, "reference_samples": 1000}
        record(
            tmp_path, "hinge", 0, (501.0, 10.0, 9.0, 8.0), **ENOUGH | {"protocol": protocol, "data": {"shape": shape}}
        )
        return caption(read_evidence(tmp_path / "made"), "ring")

    assert "FD is biased: 64 generated samples and 16 samples of real data for 64 features (digits)" in of(64, 16)
    assert "full rank only with more than 64 samples" in of(64, 16)
    assert "biased" not in of(65, 65)
    assert "192 features" in of(100, 100, "stacked-digits")
    assert "2,048 features" in of(1000, 5000, "inception")
    assert "for 2 features (coordinates)" in of(2, 100, "coordinates", (2,))
    assert "biased" not in of(2, 2, "an extractor of other code")


def test_times_to_a_threshold_leave_them_out(tmp_path: Path) -> None:
    """All runs reach an FD of 500, but the value of those that cannot be judged means nothing."""
    evidence_of(tmp_path, MIXED)
    suite = load_suite("ring").model_copy(update={"outcome": Rules(reach=500.0)})
    evidence = read_evidence(tmp_path / "made", suite=suite)
    text = tables_text(evidence, tmp_path).partition("## Time to the threshold")[2].partition("##")[0]
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.startswith("| ring")]
    assert [(row[2], row[4]) for row in rows] == [("hinge", "3/3")]
    with styled():
        assert "threshold-ring" in [drawing.name for drawing in draw_all(evidence, Sheet(width=6.75))]
