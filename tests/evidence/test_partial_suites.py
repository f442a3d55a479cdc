"""A suite given with a report orders its rows, whatever part of the results it lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_runs import LOSSES, record

from bench.evidence.results import Evidence, read_evidence
from bench.plan.suite import load_suite
from bench.report import write_report

SUITE = """
name = "made"
version = 1
seeds = 1
[matrix]
loss = ["wgan-gp", "hinge", "non-saturating", "minimax"]
dataset = ["grid"]
architecture = ["mlp"]
"""
REMAINS = """
[[override]]
when = { dataset = "ring" }
set = { steps = 10 }
[[exclude]]
dataset = "ring"
loss = "hinge"
[outcome]
reach = { ring = 0.1 }
[compare]
tolerance = { ring = 0.5 }
[[reference]]
source = "A paper"
when = { dataset = "ring" }
values = { fd = 0.1 }
"""
UNKNOWN = """
[training]
critic = { name = "of-a-plug-in" }
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for dataset in ("ring", "grid"):
        for loss in (*LOSSES, "non-saturating", "wgan-gp"):
            record(tmp_path, loss, 0, (1.0, 0.5, 0.2, 0.1), dataset=dataset)
    return tmp_path / "made"


def read(results: Path, text: str) -> Evidence:
    path = results / "suite.toml"
    path.write_text(text)
    return read_evidence(results, (), load_suite(str(path)))


@pytest.mark.parametrize("rest", ["", REMAINS, UNKNOWN], ids=["valid", "remains of a dataset", "unknown names"])
def test_rows_have_the_order_of_a_suite_that_lists_some_of_the_datasets(results: Path, rest: str) -> None:
    evidence = read(results, SUITE + rest)
    assert list(evidence.runs["loss"].unique()) == ["wgan-gp", "hinge", "non-saturating", "minimax"]
    assert evidence.datasets() == ["grid", "ring"]
    assert bool(evidence.notices) == (rest == UNKNOWN)


def test_a_report_says_if_the_cells_of_its_suite_cannot_be_planned(results: Path) -> None:
    path = results / "suite.toml"
    path.write_text(SUITE + UNKNOWN)
    report = write_report(results, suite=load_suite(str(path)), formats=(), output=results / "out")
    (notice,) = [text for text in report.notices if "suite.toml" in text]
    assert "records keep their own labels" in notice
    assert "of-a-plug-in" in notice
