"""Samples of any shape: they are drawn in two dimensions, on figures and page, or a notice says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import record

from bench.evidence.results import read_evidence
from bench.report import write_report
from bench.report.figures import draw_all
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import styled
from bench.report.page.data import page_data
from bench.report.sample_views import Plane, plane_of, visible_channels

GOOD = (1.0, 0.5, 0.2, 0.1)
RECTANGLE = [[x, y, 0.1 * x * y] for x in (-1.0, 1.0) for y in (-2.0, 2.0)]
# The 400 bytes of an evaluation, read as samples of other shapes.
SHAPES: dict[str, tuple[list[int], str, list[list[float]] | None, str]] = {
    "one dimension": ([100, 1], "float32", None, "Distribution functions"),
    "one dimension, two modes": ([100, 1], "float32", [[-1.0], [1.0]], "Distribution functions"),
    "the plane without modes": ([50, 2], "float32", None, "Points of every run."),
    "four dimensions": ([25, 4], "float32", None, "First two principal components of 4 dimensions."),
    "four dimensions, modes on a line": ([25, 4], "float32", [[0.0] * 4, [1.0] * 4, [2.0] * 4], "principal components"),
    "fifty dimensions": ([2, 50], "float32", None, "First two principal components of 50 dimensions."),
    "one point of many dimensions": ([1, 100], "float32", None, "First two principal components of 100 dimensions."),
    "two channels": ([50, 2, 2, 2], "uint8", None, "Only the first of 2 channels is shown."),
    "four channels": ([25, 4, 2, 2], "uint8", None, "Only the first 3 of 4 channels are shown."),
}


@pytest.mark.parametrize("name", SHAPES)
def test_samples_of_any_shape_are_drawn(tmp_path: Path, name: str) -> None:
    shape, dtype, centres, description = SHAPES[name]
    data = {"fingerprint": "f", "modes": {"centres": centres, "sigma": 0.1} if centres else None}
    for seed in (0, 1):
        record(tmp_path, "hinge", seed, GOOD, samples={"shape": shape, "dtype": dtype}, data=data)
    evidence = read_evidence(tmp_path / "made")
    with styled():
        sheets = [drawing for drawing in draw_all(evidence, Sheet(width=6.75)) if drawing.name.startswith("samples-")]
        for sheet in sheets:
            sheet.figure.canvas.draw()
    assert len(sheets) == 1
    page = page_data(evidence)
    json.dumps(page, allow_nan=False)
    assert description in page["datasets"][0]["samples_note"]
    assert all(run["samples"]["steps"] for run in page["runs"])


@pytest.mark.parametrize("dimension", [2, 50])
def test_real_samples_are_shown_beside_signals_of_unknown_modes(tmp_path: Path, dimension: int) -> None:
    real = np.sin(np.arange(1, 7)[:, None] * np.linspace(0, 3, dimension)).round(3)
    samples = {"shape": [100 // dimension, dimension], "dtype": "float32", "real": real.tolist()}
    record(tmp_path, "hinge", 0, GOOD, samples=samples, data={"fingerprint": "f", "modes": None})
    evidence = read_evidence(tmp_path / "made")
    plane = plane_of(evidence, "ring")
    assert plane is not None
    assert plane.centres == pytest.approx(plane.place(real))
    assert np.abs(plane.centres).max() < plane.reach
    page = page_data(evidence)["datasets"][0]
    assert len(page["window"]["centres"]) == 6
    assert "Circles: real samples." in page["samples_note"]


def test_what_cannot_be_drawn_is_left_out_with_a_notice(tmp_path: Path) -> None:
    record(tmp_path, "hinge", 0, GOOD, samples={"shape": [25, 4], "dtype": "float32"})
    record(tmp_path, "hinge", 1, GOOD, samples={"shape": [50, 2], "dtype": "float32"})
    report = write_report(tmp_path / "made", formats=("png",))
    told = "Samples of 2 runs on ring (shape 2 and 4) are not shown: pictures need images, sounds or strings, "
    assert report.notices[0].startswith(told)
    assert report.page is not None
    assert told in report.page.read_text()


def test_the_principal_plane_of_modes_keeps_distances_within_it(tmp_path: Path) -> None:
    points = np.array(RECTANGLE, np.float32)
    modes: Any = {"centres": RECTANGLE, "sigma": 0.1}
    record(
        tmp_path,
        "hinge",
        0,
        GOOD,
        samples={"shape": [25, 4], "dtype": "float32"},
        data={"fingerprint": "f", "modes": {**modes, "centres": [[*centre, 0.0] for centre in RECTANGLE]}},
    )
    plane = plane_of(read_evidence(tmp_path / "made"), "ring")
    assert isinstance(plane, Plane)
    placed = plane.place(np.hstack([points, np.zeros((4, 1))]))
    wanted = np.linalg.norm(points[:, None, :2] - points[None, :, :2], axis=2)
    assert np.linalg.norm(placed[:, None] - placed[None], axis=2) == pytest.approx(wanted)
    assert placed == pytest.approx(plane.centres)
    assert np.abs(placed).max() < plane.reach


def test_numbers_are_shown_as_their_distribution_function() -> None:
    plane = Plane(2.0, np.empty((0, 2)), 0.0, np.zeros(1), np.empty((0, 1)))
    placed = plane.place(np.array([[0.5], [-1.0]]))
    assert placed.tolist() == [[-1.0, -1.0], [0.5, 1.0]]


def test_points_of_the_plane_stay_as_they_are() -> None:
    points = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    assert Plane(1.0, np.empty((0, 2)), 0.0, np.zeros(2), np.empty((0, 2))).place(points) is points


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 1), (3, 3), (4, 3), (7, 3)])
def test_one_or_three_channels_are_visible(channels: int, shown: int) -> None:
    assert visible_channels(np.zeros((2, channels, 4, 4), np.uint8)).shape == (2, shown, 4, 4)
