"""Response curves: which axes are drawn, and the rates, intervals, medians and runs that they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import drawn, record
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.evidence.results import Evidence, read_evidence
from bench.evidence.statistics import wilson_interval
from bench.report.figures.response import draw_response, is_logarithmic, moved
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled
from bench.report.figures.tick_labels import label_boxes, separate_tick_labels, touch

RATES = (0.001, 0.003, 0.01)
LAST = {"minimax": (0.5, 0.02, 0.01), "hinge": (0.01, 0.01, 0.6)}  # FD; more than 0.04 is never-learned


def record_at(folder: Path, loss: str, seed: int, values: tuple[float, ...], real: Any = None, **settings: Any) -> None:
    axes = {"dataset": "ring", "architecture": "mlp", "loss": loss, **settings}
    name = "-".join(map(str, (loss, *settings.values())))
    record(folder, loss, seed, values, axes=axes, cell=name, run=f"{name}-{seed}", **({"real": real} if real else {}))


@pytest.fixture
def made(tmp_path: Path) -> Evidence:
    for loss, finals in LAST.items():
        for rate, last in zip(RATES, finals, strict=True):
            for seed in range(3):
                record_at(tmp_path, loss, seed, (1.0, 0.5, 0.2, last * (1 + seed / 10)), **{"optimizer.lr": rate})
    return read_evidence(tmp_path / "made")


def test_rates_medians_and_runs_are_those_of_the_records(made: Evidence) -> None:
    figure = drawn(made, "response-ring-optimizer.lr")
    rates, quality = figure.axes
    (minimax, _, (bars,)), (hinge, *_) = rates.containers
    assert minimax.get_ydata().tolist() == [1, 0, 0]
    assert hinge.get_ydata().tolist() == [0, 0, 1]
    assert bars.get_segments()[0][:, 1] == pytest.approx(wilson_interval(3, 3))
    medians = [line.get_ydata().tolist() for line in quality.lines if len(line.get_ydata()) == len(RATES)]
    assert medians[0] == pytest.approx([1.1 * last for last in LAST["minimax"]])


def test_every_run_is_drawn_and_failed_ones_are_open(made: Evidence) -> None:
    dots = [line for line in drawn(made, "response-ring-optimizer.lr").axes[1].lines if line.get_marker() == "o"]
    faces = {True: 0, False: 0}
    for dot in dots:
        if dot.get_markersize() < 3:
            faces[dot.get_markerfacecolor() == "white"] += len(dot.get_ydata())
    assert faces == {True: 6, False: 12}


def test_ticks_are_the_values_and_series_stand_side_by_side(made: Evidence) -> None:
    figure = drawn(made, "response-ring-optimizer.lr")
    figure.canvas.draw()
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["0.001", "0.003", "0.01"]
    assert "real data" in [text.get_text() for text in figure.legends[0].get_texts()]
    values = np.array(RATES)
    assert is_logarithmic(values)
    assert moved(values, values, 0.5) == pytest.approx(values * 3**0.5)  # half-way to the next, as it is drawn
    few = np.array([1.0, 2.0, 5.0])
    assert not is_logarithmic(few)
    assert moved(few, few, -0.25).tolist() == [0.75, 1.75, 4.75]


def drawings_of(evidence: Evidence) -> list[Figure]:
    with styled():
        return [each.figure for each in draw_response(evidence, "ring", Sheet(width=6.75))]


def test_of_many_values_some_ticks_have_no_label(tmp_path: Path) -> None:
    for number in range(20):
        record_at(tmp_path, "hinge", 0, (1.0, 0.1), real={"modes": 2.0}, **{"optimizer.lr": 0.001 * (1 + number)})
    (figure,) = drawings_of(read_evidence(tmp_path / "made"))
    FigureCanvasAgg(figure).draw()
    figure.get_layout_engine().execute(figure)
    assert separate_tick_labels(figure)
    assert not touch(label_boxes(figure.axes[1].xaxis, FigureCanvasAgg(figure).get_renderer()), 1)
    assert "real data" not in [text.get_text() for text in figure.legends[0].get_texts()]


def test_two_values_and_labels_are_no_curve(tmp_path: Path) -> None:
    for rate, penalty in ((0.1, "none"), (0.1, "r1"), (0.2, "r2"), (0.2, "none")):
        record_at(tmp_path, "hinge", 0, (1.0, 0.1), penalty=penalty, **{"optimizer.lr": rate})
    assert drawings_of(read_evidence(tmp_path / "made")) == []


def test_switches_are_no_numbers(tmp_path: Path) -> None:
    for switch in (True, False):
        record_at(tmp_path, "hinge", 0, (1.0, 0.1), conditional=switch)
    assert drawings_of(read_evidence(tmp_path / "made")) == []
