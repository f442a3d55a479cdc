"""Figures show the computed numbers: closed forms read back from lines, bars and marks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from changed_records import content_of, publish_content, rows_of
from made_runs import LOSSES, drawn, line_of, made_evidence, record, thin_lines
from matplotlib.colors import to_hex

from bench.evidence.outcomes import Stage
from bench.evidence.ranking import rank_cells
from bench.evidence.results import Evidence, read_evidence
from bench.evidence.statistics import expected_best, wilson_interval
from bench.records.listing import record_paths
from bench.records.record import publish
from bench.report.figures import draw_all, draw_figures
from bench.report.figures.budget import final_values, worst_seen
from bench.report.figures.curves import draw_curves
from bench.report.figures.heat_map import map_of_means, map_of_modes
from bench.report.figures.profile import best_of_cells, draw_profile, ratios_to_best
from bench.report.figures.run_curves import RunCurve, median_curve
from bench.report.figures.sample_square import image_grid
from bench.report.figures.series import panels
from bench.report.figures.sheet import Sheet
from bench.report.figures.style import MAX_HEIGHT, styled
from bench.report.figures.timelines import draw_timeline
from bench.report.outcome_styles import STAGES
from bench.report.tables.cell_summaries import summarise_cells
from bench.report.threshold_times import time_to_reach

NO_MODES: dict[str, Any] = {"higher_is_better": {"fd": False}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return made_evidence(tmp_path_factory.mktemp("made"))


# What is drawn


def test_every_run_is_a_line_and_a_diverged_one_ends_in_a_cross(made: Evidence) -> None:
    figure = drawn(made, "curves-ring")
    names = [panel.get_ylabel() for panel in figure.axes]
    panel = names.index("FD")
    assert sum(len(each) for each in thin_lines(figure, panel)) == 6
    crosses = [line for line in figure.axes[panel].lines if line.get_marker() == "x"]
    assert [line.get_xydata().tolist() for line in crosses] == [[[40, 0.4]]]
    (failed,) = [line for line in figure.axes[panel].lines if line.get_markerfacecolor() == "white"]
    assert failed.get_xydata().tolist() == [[120, 1.5]]
    assert {"diverged", "other failure"} <= {each.get_label() for each in figure.legends[0].legend_handles}


def test_a_run_that_diverged_is_the_worst_from_then_on() -> None:
    """The median of 1, 3 and a diverged run (∞) is 3; if half of the runs have diverged there is none."""
    steps = np.array([0.0, 10.0])
    lines = [RunCurve(steps, steps, np.array([9.0, y])) for y in (1.0, 3.0)]
    ended = RunCurve(steps[:1], steps[:1], np.array([9.0]), diverged=True)
    assert median_curve([*lines, ended], False)[1].tolist() == [9, 3]
    assert median_curve([*lines, ended], True)[1].tolist() == [9, 1]
    assert median_curve([*lines, ended], None)[1].tolist() == [9, 2]
    assert np.isnan(median_curve([lines[0], ended], False)[1][1])


def test_a_median_is_of_steps_at_which_all_were_measured() -> None:
    one = RunCurve(np.array([0.0, 10, 20]), np.array([0.0, 1, 2]), np.array([4.0, 5, 6]))
    other = RunCurve(np.array([0.0, 20]), np.array([0.0, 4]), np.array([6.0, 8]))
    x, y = median_curve([one, other], False)
    assert x.tolist() == [0, 3]
    assert y.tolist() == [5, 7]


def test_a_ranking_counts_failures_and_has_wilsons_interval(made: Evidence) -> None:
    panel = drawn(made, "ranking-ring").axes[0]
    widths = sorted(bar.get_width() for bar in panel.patches)
    assert widths == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    intervals = [line.get_xdata() for line in panel.lines if len(line.get_xdata()) == 2]
    for interval in intervals:
        assert list(interval) == pytest.approx(wilson_interval(1, 3))
    assert [text.get_text() for text in panel.texts] == ["1/3 failed", "1/3 failed"]


def test_cells_are_ranked_by_failures_then_by_the_median_run(made: Evidence) -> None:
    """Both losses fail in one of three runs; the median is 0.04 for minimax, 0.08 for hinge, whose diverged run is last."""
    ranked = rank_cells(made, "ring")
    assert [(cell.name, cell.shown["seed"]) for cell in ranked] == [("minimax", 1), ("hinge", 1)]
    assert ranked[1].final.tolist() == pytest.approx([0.02, 0.08, np.nan], nan_ok=True)
    assert [cell.median for cell in rank_cells(made, "grid")] == pytest.approx([0.15, 0.6])
    assert [cell.shown["fd_final"] for cell in rank_cells(made, "grid")] == pytest.approx(
        [0.2, 0.8]
    )  # the worse of two
    outcomes = made.runs["outcome"].where(made.runs["run"] != "ring-hinge-2", "stable")
    ranked = rank_cells(replace(made, runs=made.runs.assign(outcome=outcomes)), "ring")
    assert [(cell.name, cell.failed) for cell in ranked] == [("hinge", 0), ("minimax", pytest.approx(1 / 3))]
    outcomes = made.runs["outcome"].where(made.runs["loss"] != "minimax", "unresolved")
    ranked = rank_cells(replace(made, runs=made.runs.assign(outcome=outcomes)), "ring")
    assert [cell.name for cell in ranked] == ["hinge", "minimax"]  # what cannot be judged is last
    assert np.isnan(ranked[1].failed)


def test_a_ranking_shows_the_quality_of_every_run_and_the_points_of_the_median_one(made: Evidence) -> None:
    quality, canvas = drawn(made, "ranking-ring").axes[1:]
    dots = [line.get_xdata().tolist() for line in quality.lines if line.get_marker() == "o"]
    assert dots == [
        *[pytest.approx([0.01, 0.04]), [1.5]],
        *[pytest.approx([0.02, 0.08]), pytest.approx([np.nan], nan_ok=True)],
    ]
    medians = [line.get_xdata()[0] for line in quality.lines if line.get_color() == "black"]
    assert medians == pytest.approx([0.04, 0.08])
    (points,) = canvas.collections[-1:]
    assert len(points.get_offsets()) <= 2 * 50
    assert len(drawn(made, "ranking-ring", width=3.25).axes) == 2  # no room for the quality


def test_the_budget_counts_a_failed_run_as_the_worst_seen(made: Evidence) -> None:
    """Minimax: 0.01, 0.04 and a failed run that counts as 1.5: pairs (0.01, 0.04), (0.01, 1.5), (0.04, 1.5)."""
    assert worst_seen(made, "ring") == 1.5
    runs = made.runs[(made.runs["dataset"] == "ring") & (made.runs["loss"] == "hinge")]
    assert final_values(runs, "fd", 1.5).tolist() == [0.02, 0.08, 1.5]
    assert final_values(runs.assign(outcome="collapsed"), "fd", 1.5).tolist() == [1.5, 1.5, 1.5]
    line = line_of(drawn(made, "budget"), 0, "minimax")
    assert line[:, 0].tolist() == [1, 2, 3]
    assert line[:, 1] == pytest.approx([1.55 / 3, 0.06 / 3, 0.01])
    assert line[1, 1] == pytest.approx(expected_best([0.01, 0.04, 1.5], 2, False))


def test_profiles_end_at_the_share_that_did_not_fail(made: Evidence) -> None:
    """Ring: only minimax has a value for every run; their geometric mean is (0.01 · 0.04 · 1.5)^(1/3)."""
    best = best_of_cells(made, "ring")
    assert best == pytest.approx((0.01 * 0.04 * 1.5) ** (1 / 3))
    figure = drawn(made, "profile")
    for loss in LOSSES:
        assert line_of(figure, 0, loss)[-1, 1] == pytest.approx(2 / 3)
    (hinge,) = [each for each in panels(made, "ring")[0].series if each.name == "hinge"]
    assert ratios_to_best(made, "ring", hinge.runs, 0.04).tolist() == [0.5, 2, np.inf]
    relapsed = hinge.runs.assign(outcome="relapsed")
    assert np.isinf(ratios_to_best(made, "ring", relapsed, 0.04)).all()
    # grid: minimax has 0.1 and 0.2 with geometric mean √0.02, hinge four times as much
    assert best_of_cells(made, "grid") == pytest.approx(0.02**0.5)
    minimax, hinge = (line_of(figure, 1, loss) for loss in LOSSES)
    assert minimax[0].tolist() == [1, 0.5]
    assert minimax[1] == pytest.approx([2**0.5, 1])
    assert hinge[1:3] == pytest.approx(np.array([[4 / 2**0.5, 0.5], [4 * 2**0.5, 1]]))


def test_nothing_is_drawn_of_a_dataset_on_which_every_run_failed(made: Evidence) -> None:
    failed = made.runs.assign(outcome=made.runs["outcome"].where(made.runs["dataset"] != "ring", "collapsed"))
    for name in ("budget", "profile"):
        figure = drawn(replace(made, runs=failed), name)
        assert {panel.get_title().split(" ")[0] for panel in figure.axes} == {"grid"}
    with styled():
        evidence = replace(made, runs=made.runs.assign(outcome="collapsed"))
        names = {each.name for each in draw_all(evidence, Sheet(width=6.75))}
    assert not names & {"budget", "profile"}


def test_one_exploded_run_does_not_flatten_the_others(tmp_path: Path) -> None:
    """Of six runs one ends at 10¹²: the axis leaves it out, and marks its end at the edge. A median is never left out."""
    for seed in range(6):
        record(tmp_path, "minimax", seed, (1.0, 0.5, 0.2, 1e12 if seed == 5 else 0.1))
    evidence = read_evidence(tmp_path)
    figure = drawn(evidence, "curves-ring", measures=["fd"])
    low, high = figure.axes[0].get_ylim()
    assert 1 < high < 2
    assert low < 0.001
    (end,) = [line for line in figure.axes[0].lines if line.get_marker() == 6]
    assert end.get_xydata().tolist() == [[120, high]]
    assert "beyond the axis" in {each.get_label() for each in figure.legends[0].legend_handles}
    with styled():
        drawing = next(draw_curves(evidence, "ring", Sheet(width=6.75), measures=["modes", "fd"]))
    assert "1 run goes beyond the axis of FD." in drawing.description
    half = replace(evidence, runs=evidence.runs[evidence.runs["seed"] > 3])
    assert drawn(half, "curves-ring", measures=["fd"]).axes[0].get_ylim()[1] > 1e12


def test_more_cells_than_colours_are_on_several_pages_with_the_same_axes(made: Evidence) -> None:
    ring = made.runs[(made.runs["dataset"] == "ring") & (made.runs["loss"] == "minimax")]
    many = replace(made, runs=pd.concat([ring.assign(loss=f"loss {number}") for number in range(12)]))
    with styled():
        pages = [page for page in draw_all(many, Sheet(width=6.75)) if page.name.startswith(("curves", "budget"))]
    of_name = {page.name: page.figure for page in pages}
    assert {"curves-ring", "curves-ring-2", "budget", "budget-2"} <= of_name.keys()
    for one, other in (("curves-ring", "curves-ring-2"), ("budget", "budget-2")):
        labels = [{str(each.get_label()) for each in of_name[name].legends[0].legend_handles} for name in (one, other)]
        assert len({label for label in labels[0] | labels[1] if label.startswith("loss")}) == 12
        assert not {label for label in labels[0] & labels[1] if label.startswith("loss")}
    assert [panel.get_ylim() for panel in of_name["curves-ring"].axes] == [
        panel.get_ylim() for panel in of_name["curves-ring-2"].axes
    ]


def test_quality_is_drawn_against_the_training_time_of_every_run(made: Evidence) -> None:
    panel = drawn(made, "quality-time").axes[0]
    points = {
        (line.get_marker(), *map(tuple, line.get_xydata().round(6))) for line in panel.lines if len(line.get_xdata())
    }
    (open_one,) = [line for line in panel.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert open_one.get_xydata().tolist() == [[12, 1.5]]
    assert ("x", (4.7, 1.0)) in points  # at the upper edge: it has no final value
    finals = sorted(y for each in points for _, y in each[1:] if each[0] != "x")
    assert finals == [0.01, 0.02, 0.04, 0.08, 1.5]


def test_a_run_that_diverged_never_reaches(made: Evidence) -> None:
    """The median of 4, 6 and an early divergence is 6, not the median of the two runs that reached it."""
    runs = made.runs[(made.runs["dataset"] == "ring") & (made.runs["loss"] == "hinge")]
    steps = [4.0, 6.0, np.nan]
    there = runs.assign(reached=[True, True, False], steps_to_threshold=steps, steps_done=[10.0, 10.0, 1.0])
    assert time_to_reach(there).median == 6
    assert np.isinf(time_to_reach(there.assign(reached=False)).median)


def test_the_threshold_shows_every_run_that_came_there(made: Evidence) -> None:
    runs = made.runs.assign(reach=0.05, reached=made.runs["fd_final"] < 0.05, steps_to_threshold=5.0)
    panel = drawn(replace(made, runs=runs), "threshold-ring").axes[0]
    assert sum(len(line.get_xdata()) for line in panel.lines if line.get_marker() == "o") == 3
    assert [text.get_text() for text in panel.texts] == ["1/3 not reached", "2/3 not reached"]


def test_heat_maps_hold_means_and_what_failed(made: Evidence) -> None:
    modes = map_of_modes(made, "ring")
    assert modes.values.ravel() == pytest.approx([2 / 3, 2 / 3])
    assert modes.texts == [["1.3"], ["1.3\n1 div."]]
    means = map_of_means(made, "grid")
    assert means.values.ravel() == pytest.approx([1, 4])
    assert means.texts == [["0.141"], ["0.566"]]


def test_a_cell_in_which_every_run_diverged_is_drawn_as_the_worst(tmp_path: Path) -> None:
    for seed in range(2):
        record(tmp_path, "minimax", seed, (1.0, 0.5, 0.2, 0.1), dataset="images", **NO_MODES)
        record(tmp_path, "hinge", seed, (1.0, 0.5), dataset="images", diverged=True, **NO_MODES)
    heat_map = map_of_means(read_evidence(tmp_path), "images")
    values = dict(zip(heat_map.losses, heat_map.values.ravel().tolist(), strict=True))
    assert values == {"minimax": 1.0, "hinge": 30.0}


def test_without_positive_values_there_is_no_ratio(tmp_path: Path) -> None:
    """As of kernel distances, whose estimates may be negative; the best cell could not be told."""
    for seed, best in enumerate((0.001, -0.001)):
        record(tmp_path, "minimax", seed, (1.0, 0.5, 0.2, best), **NO_MODES)
        record(tmp_path, "hinge", seed, (1.0, 0.5, 0.2, 0.1), **NO_MODES)
    evidence = read_evidence(tmp_path)
    assert np.isnan(best_of_cells(evidence, "ring"))
    with styled():
        names = {drawing.name for drawing in draw_all(evidence, Sheet(width=6.75))}
    assert not names & {"primary", "profile"}
    assert "curves-ring" in names


def test_a_heat_map_shows_the_means_of_the_table(tmp_path: Path) -> None:
    """Means where higher is better are not geometric: 0.6, not √0.32."""
    declared = {"higher_is_better": {"agreement": True}, "rules": {"primary": "agreement"}}
    for loss in LOSSES:
        for seed, last in enumerate((0.4, 0.8)):
            record(tmp_path, loss, seed, (1.0, 1.0), measures=[{"agreement": 0.1}, {"agreement": last}], **declared)
    evidence = read_evidence(tmp_path)
    assert map_of_means(evidence, "ring").texts == [["0.6000\n2 failed"]] * 2
    table = summarise_cells(evidence, "ring")
    assert table["agreement_final"].tolist() == pytest.approx([0.6, 0.6])


def test_a_figure_as_high_as_the_page_leaves_room_for_its_caption() -> None:
    """LaTeX warns of a float that is too large: 10 pt above a caption of four lines of 12 pt."""
    lowest = min(641.4, 9 * 72.27)  # points of the text of cvpr.sty, and of icml2025.sty
    assert lowest >= MAX_HEIGHT * 72.27 + 10 + 4 * 12


def test_figures_without_content_are_not_drawn(tmp_path: Path) -> None:
    record(tmp_path, "minimax", 0, (1.0, 0.5, 0.2, 0.1))
    with styled():
        names = {each.name for each in draw_all(read_evidence(tmp_path), Sheet(width=6.75))}
    assert names == {"curves-ring", "timeline-ring", "samples-ring-mlp", "modes"}


def test_records_of_other_code_lack_much_and_are_drawn(tmp_path: Path) -> None:
    """No samples, times, batch size, real data or modes, and no evaluation before the first step."""
    from bench.records.external.external_run import ExternalRun, describe_record, ended, trace_of

    for loss in LOSSES:
        for seed in range(2):
            axes = {"dataset": "faces", "architecture": "theirs", "loss": loss}
            run = ExternalRun(suite="foreign", axes=axes, seed=seed, higher_is_better={"their_fid": False})
            trace = trace_of([{"step": step, "their_fid": 90.0 / step} for step in (1, 2, 3)])
            publish(run.record_path(tmp_path), describe_record(run, trace, ended(3), {}), trace)
    evidence = read_evidence(tmp_path)
    paths = draw_figures(evidence, tmp_path / "figures", ["svg"])
    names = {path.stem for path in paths}
    assert names == {"curves-faces", "timeline-faces", "ranking-faces", "profile", "budget", "primary"}
    assert not [path for path in draw_figures(evidence, tmp_path, ["svg"], x="images") if "curves" in path.name]


def test_panels_are_wrapped_and_paged_not_shrunk(made: Evidence) -> None:
    several = [made.runs.assign(architecture=f"network {number}") for number in range(5)]
    many = replace(made, runs=pd.concat(several, ignore_index=True))
    with styled():
        sheet, datasets = Sheet(width=3.25), many.datasets()
        curves = draw_curves(many, "ring", sheet)
        pages = [*curves, *draw_profile(many, datasets, sheet), *draw_timeline(many, "ring", sheet)]
        assert [each.name for each in pages].count("curves-ring-3") == 1
        for each in pages:
            each.figure.draw_without_rendering()
            assert each.figure.get_figheight() <= 9, each.name
            for panel in each.figure.axes:
                assert panel.get_position().width * 3.25 > 0.8, each.name


# Timelines and contact sheets


@pytest.fixture
def with_a_failure(tiny_results: Path) -> Path:
    """The tiny suite with one run recorded as diverged."""
    path = record_paths(tiny_results)[0]
    metadata = content_of(path)
    trace = [{**row, "samples": bytes(200 * 2 * 4)} for row in rows_of(path)][:3]
    trace[-1]["samples"] = np.zeros((200, 2), np.float32).tobytes()
    metadata["ending"] = {"status": "diverged", "step": 93, "place": "critic loss", "reason": "critic loss not finite"}
    publish_content(path, metadata, trace)
    return tiny_results


def test_a_timeline_has_one_row_per_run_with_its_outcome(with_a_failure: Path) -> None:
    evidence = read_evidence(with_a_failure)
    panel = drawn(evidence, "timeline-ring-points-1000").axes[0]
    assert len(panel.collections) == 4
    words = [text.get_text() for text in panel.texts]
    assert sorted(word for word in words if not word.isdigit()) == sorted(evidence.runs["outcome"])
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["non-saturating", "wgan-gp"]
    colours = [[to_hex(colour).upper() for colour in row.get_facecolors()] for row in panel.collections]
    assert sum(STAGES[Stage.DIVERGED].colour in row for row in colours) == 1
    extents = [path.get_extents() for row in panel.collections for path in row.get_paths()]
    assert min(extent.x0 for extent in extents) == 0
    assert max(extent.x1 for extent in extents) == 120


def test_a_timeline_of_many_runs_counts_them(made: Evidence) -> None:
    many = [made.runs.assign(loss=f"loss {number}") for number in range(20)]
    evidence = replace(made, runs=pd.concat(many, ignore_index=True))
    with styled():
        pages = list(draw_timeline(evidence, "ring", Sheet(width=6.75)))
    panels = [page.figure.axes[0] for page in pages]
    assert sum(len(panel.collections) for panel in panels) == 120
    words = [text.get_text() for panel in panels for text in panel.texts]
    assert words == ["4 stable, 1 never-learned, 1 diverged"] * 20


def test_seeds_keep_their_place_where_one_is_missing(made: Evidence) -> None:
    lacking = replace(made, runs=made.runs[made.runs["run"] != "ring-minimax-0"])
    canvas = drawn(lacking, "samples-ring-mlp").axes[0]
    words = [text.get_text() for text in canvas.texts]
    assert [word for word in words if word.startswith("seed")] == [
        *("seed 1", "seed 2"),
        *("seed 0", "seed 1", "seed 2"),
    ]
    places = {(text.get_text(), round(text.get_position()[0], 2)) for text in canvas.texts if "seed" in text.get_text()}
    assert len(places) == 3 or len({x for _, x in places}) == 5  # the same columns, or strips side by side
    assert [word for word in words if "diverged" in word] == ["diverged at 47"]


def test_samples_outside_the_square_are_not_drawn_elsewhere(made: Evidence) -> None:
    canvas = drawn(made, "samples-ring-mlp").axes[0]
    (points,) = [each for each in canvas.collections if each.get_rasterized()]
    frames = [line.get_xydata() for line in canvas.lines]
    for x, y in points.get_offsets():
        assert any(
            frame[:, 0].min() <= x <= frame[:, 0].max() and frame[:, 1].min() <= y <= frame[:, 1].max()
            for frame in frames
        )


def test_images_in_a_grid() -> None:
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) * np.ones((1, 1, 2, 2), np.uint8)
    assert image_grid(images).tolist() == [
        [0, 0, 255, 1, 1],
        [0, 0, 255, 1, 1],
        [255, 255, 255, 255, 255],
        [2, 2, 255, 255, 255],
        [2, 2, 255, 255, 255],
    ]
    assert image_grid(np.zeros((4, 3, 8, 8), np.uint8)).shape == (17, 17, 3)
