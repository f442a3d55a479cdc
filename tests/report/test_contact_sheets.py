"""The names of cells on contact sheets, and of datasets above panels, never overlap, however long they are."""

from __future__ import annotations

from functools import partial
from itertools import combinations, pairwise
from pathlib import Path

from made_runs import record

from bench.evidence.results import read_evidence
from bench.report.figures.contact_sheets import draw_contact_sheets
from bench.report.figures.heat_map import draw_modes
from bench.report.figures.profile import draw_profile
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled

RESULTS = Path(__file__).parent.parent.parent / "results"
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


def test_titles_of_datasets_with_long_names_do_not_overlap() -> None:
    evidence, sheet = read_evidence(RESULTS / "translation"), Sheet(width=6.75)
    for draw in (draw_modes, partial(draw_profile, datasets=evidence.datasets())):
        with styled():
            (drawing,) = draw(evidence, sheet=sheet)
            drawing.figure.canvas.draw()
            titles = [axes.title.get_window_extent() for axes in drawing.figure.axes if axes.get_title()]
        assert len(titles) == 4
        for one, other in pairwise(titles):
            assert one.x1 < other.x0
        assert titles[-1].x1 <= drawing.figure.bbox.x1
