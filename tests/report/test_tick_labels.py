"""Tick labels never touch, and legends list what is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from made_runs import drawn, made_evidence
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.evidence.results import Evidence
from bench.report.figures.ranking import draw_ranking
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import set_log_scale, styled
from bench.report.figures.tick_labels import label_boxes, separate_tick_labels, touch
from bench.report.venues import implies_captions


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return made_evidence(tmp_path_factory.mktemp("made"))


def test_labels_that_would_touch_are_left_out() -> None:
    with styled():
        figure = Figure(figsize=(1.6, 1))
        axes = figure.subplots()
        axes.set(xlim=(0, 10_000), xticks=range(0, 10_001, 1000))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        renderer = FigureCanvasAgg(figure).get_renderer()
        assert touch(label_boxes(axes.xaxis, renderer), 0)
        assert separate_tick_labels(figure)
        left = label_boxes(axes.xaxis, renderer)
        assert len(left) > 1
        assert not touch(left, 2 * figure.dpi / 72)
        assert next(tick.label1.get_text() for tick in axes.xaxis.get_major_ticks()) == "0"


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_an_axis_may_reach_the_largest_float() -> None:
    """Matplotlib puts a tick beyond it, which is infinite and has no label."""
    with styled():
        figure = Figure()
        panel = figure.add_subplot()
        panel.plot([0, 1], [1e300, 1.7e308])
        set_log_scale(panel, "y", 1e300, 1.7e308)
        panel.set_ylim(1e300, np.finfo(float).max)
        FigureCanvasAgg(figure).draw()
        assert panel.yaxis.get_major_formatter()(np.inf) == ""


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.001, 900, ["0.001", "0.01", "0.1", "1", "10", "100"]),
        (0.0009, 90, ["$10^{-3}$", "$10^{-2}$", "$10^{-1}$", "$10^{0}$", "$10^{1}$"]),
        (20, 10_000, ["100", "1,000", "10,000"]),
        (90, 20_000, ["$10^{2}$", "$3·10^{2}$", "$10^{3}$", "$3·10^{3}$", "$10^{4}$"]),
    ],
)
def test_an_axis_has_numbers_or_powers_but_not_both(low: float, high: float, labels: list[str]) -> None:
    with styled():
        panel = Figure().add_subplot()
        set_log_scale(panel, "y", low, high)
        panel.set_ylim(low, high)
        FigureCanvasAgg(panel.figure).draw()
        shown = [tick.label1.get_text() for tick in panel.yaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert shown == labels


def test_legends_list_what_occurs(made: Evidence) -> None:
    assert legend_of(drawn(made, "timeline-grid")) == ["not there yet"]  # and no other stage
    assert "real data" in legend_of(drawn(made, "curves-ring"))


def test_venues_have_captions_in_place_of_titles(made: Evidence) -> None:
    assert [implies_captions(width) for width in ("two-column", "one-column", 5.5)] == [False] * 3
    assert implies_captions("icml")
    with styled():
        (titled,), (bare,) = (
            list(draw_ranking(made, "ring", Sheet(width=5.5, titles=titles))) for titles in (True, False)
        )
    assert titled.description.startswith(titled.figure.get_suptitle().replace("\n", " "))
    assert bare.figure.get_suptitle() == ""
    assert bare.figure.get_figheight() < titled.figure.get_figheight()
