"""The names of cells on contact sheets never overlap, however long they are."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from made_runs import record

from bench.evidence.results import read_evidence
from bench.report.figures.contact_sheets import draw_contact_sheets
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled

LOSSES = [f"a loss with a long name and options (weight={number}.25, margin=0.125)" for number in range(4)]


def test_names_of_strips_do_not_overlap(tmp_path: Path) -> None:
    for loss in LOSSES:
        record(tmp_path, loss, 0, (1.0, 0.5, 0.2, 0.1))
    with styled():
        (sheet,) = draw_contact_sheets(read_evidence(tmp_path / "made"), "ring", Sheet(width=6.75))
        sheet.figure.canvas.draw()
        (axes,) = sheet.figure.axes
        boxes = [text.get_window_extent() for text in axes.texts if text.get_text().strip()]
    names = [text.get_text().replace("\n", " ") for text in axes.texts]
    assert [name for name in names if "margin" in name] != []
    assert len(boxes) > 8
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
