"""Figures that a paper takes as they are: their widths, fonts, bytes, and that what is drawn is what was computed."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from bench.errors import GanbenchError
from bench.outcomes import Stage
from bench.records import publish, read_metadata, read_trace, record_paths
from bench.report.contact import image_grid
from bench.report.evidence import Evidence, read_evidence
from bench.report.figures import FORMATS, WIDTHS, draw_all, draw_figures
from bench.report.figures.budget import counted, worst_seen
from bench.report.figures.curves import Line, draw_curves, median_of
from bench.report.figures.heat_map import map_of_means, map_of_modes
from bench.report.figures.profile import best_of_cells, draw_profile, ratios_of
from bench.report.figures.quality_time import reach_of
from bench.report.figures.series import panels
from bench.report.figures.sheet import Sheet, even
from bench.report.figures.style import COLOURS, HATCHES, LINES, fold, inches, look, styled, text_width
from bench.report.figures.timelines import draw_timeline
from bench.report.timeline import COLOURS as STAGES
from bench.report.timeline import OUTCOMES
from bench.statistics import expected_best, wilson_interval

LOSSES = ("minimax", "hinge")
CENTRES = [[1.0, 0.0], [-1.0, 0.0]]
STEPS = (0, 40, 80, 120)


def record(
    folder: Path,
    loss: str,
    seed: int,
    values: Sequence[float],
    *,
    dataset: str = "ring",
    diverged: bool = False,
    **changed: Any,
) -> None:
    """Publishes a made run: FD at every evaluation, twice as many modes as it is below 1, points as samples."""
    axes = {"dataset": dataset, "architecture": "mlp", "loss": loss}
    run = f"{dataset}-{loss}-{seed}"
    steps = STEPS[: len(values)]
    metadata: dict[str, Any] = {
        **{"run": run, "cell": f"{dataset}-{loss}", "suite": "made", "version": 1, "title": "Made", "axes": axes},
        "seed": seed,
        "training": {
            **{axis: {"name": name, "label": name, "options": {}} for axis, name in axes.items()},
            **{"penalty": [], "steps": STEPS[-1], "batch_size": 16, "critic_steps": 2},
        },
        "evaluation": {"metrics": [], "every": 40, "samples": 50},
        "data": {"fingerprint": "f", "modes": {"centres": CENTRES, "sigma": 0.01}},
        "protocol": {"extractor": "coordinates", "samples": 50, "reference_samples": 50, "real_samples": 50},
        "real": {"fd": 0.001, "modes": 2.0},
        "higher_is_better": {"fd": False, "modes": True},
        "samples": {"shape": [50, 2], "dtype": "float32"},
        "ending": {"status": "finished", "step": STEPS[-1], "place": None, "reason": ""},
        "timing": dict.fromkeys(
            ("steps_per_second", "images_per_second", "evaluation_seconds", "wall_seconds", "peak_memory_bytes"), 1.0
        )
        | {"training_seconds": 10.0 + seed},
        "environment": {"device": "cpu", "threads": 1, "workers": 1, "pack": 1, "date": "2026-11-24"},
    }
    if diverged:
        metadata["ending"] = {"status": "diverged", "step": steps[-1] + 7, "place": "critic", "reason": "not finite"}
    points = np.random.default_rng(seed).normal(size=(50, 2)).astype(np.float32).tobytes()
    trace = [
        {
            **{"step": step, "seconds": step / 10, "critic_loss": 0.5, "fd": value, "modes": 2.0 * (value < 1)},
            "samples": points,
        }
        for step, value in zip(steps, values, strict=True)
    ]
    publish(folder / "made" / "records" / f"{run}.parquet", metadata | changed, trace)


@pytest.fixture
def made(tmp_path: Path) -> Evidence:
    """Two losses of three runs: one of minimax never learns, one of hinge diverges; a second dataset without modes."""
    for seed, last in enumerate((0.01, 0.04, 1.5)):
        record(tmp_path, "minimax", seed, (1.0, 0.5, 0.2, last))
    record(tmp_path, "hinge", 0, (1.0, 0.3, 0.05, 0.02))
    record(tmp_path, "hinge", 1, (1.0, 0.3, 0.05, 0.08))
    record(tmp_path, "hinge", 2, (1.0, 0.4), diverged=True)
    other = {"higher_is_better": {"fd": False}}
    for seed, last in enumerate((0.1, 0.2)):
        record(tmp_path, "minimax", seed, (1.0, 0.5, 0.2, last), dataset="grid", **other)
        record(tmp_path, "hinge", seed, (1.0, 0.5, 0.2, 4 * last), dataset="grid", **other)
    evidence = read_evidence(tmp_path)
    states = {"ring-minimax-2": "never-learned", "ring-hinge-2": "diverged"}
    runs = evidence.runs.assign(outcome=[states.get(run, "converged") for run in evidence.runs["run"]])
    return replace(evidence, runs=runs)


def drawn(evidence: Evidence, name: str, width: float = 6.75, **options: Any) -> Figure:
    """The figure of this name."""
    with styled():
        return next(each.figure for each in draw_all(evidence, Sheet(width=width), **options) if each.name == name)


def line_of(figure: Figure, panel: int, label: str) -> np.ndarray:
    """The drawn line of a panel that looks as this name does in the legend, [n, 2]."""
    (key,) = [each for each in figure.legends[0].legend_handles if each.get_label() == label]
    (line,) = [each for each in figure.axes[panel].lines if each.get_color() == key.get_color()]
    return np.asarray(line.get_xydata())


# What stands in the files


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A results folder, and the figures of it in all formats and one column wide."""
    folder = tmp_path_factory.mktemp("written")
    for seed in range(2):
        record(folder, "minimax", seed, (1.0, 0.5, 0.2, 0.01 + seed))
        record(folder, "hinge", seed, (1.0, 0.5, 0.3)[: 3 - seed], diverged=True)
    return folder, draw_figures(read_evidence(folder), folder / "figures", width="one-column")


def test_every_kind_is_written_in_every_format(written: tuple[Path, list[Path]]) -> None:
    names = {path.stem for path in written[1]}
    assert names == {
        *("curves-ring", "curves-ring-seconds", "timeline-ring", "rates-ring", "samples-ring-mlp"),
        *("quality-time", "profile", "budget", "modes"),
    }
    assert sorted(path.name for path in written[1]) == sorted(f"{name}.{each}" for name in names for each in FORMATS)


def test_files_are_as_wide_as_the_column_and_no_higher_than_the_page(written: tuple[Path, list[Path]]) -> None:
    for path in written[1]:
        if path.suffix == ".pdf":
            (box,) = re.findall(rb"/MediaBox \[ ?([\d. ]+)\]", path.read_bytes())
            width, height = (float(each) for each in box.split()[2:])
        elif path.suffix == ".svg":
            root = ET.parse(path).getroot()
            width, height = (float(root.attrib[key].removesuffix("pt")) for key in ("width", "height"))
            assert not list(root.iter("{http://www.w3.org/2000/svg}text"))
        else:
            pixels = imread(path)
            height, width = (72 * each / 200 for each in pixels.shape[:2])
            assert pixels[..., :3].std() > 0.05, f"{path} is blank"
        assert width == pytest.approx(72 * 3.25, abs=0.4), path
        assert height <= 72 * 9, path


def test_no_font_is_of_type_3(written: tuple[Path, list[Path]]) -> None:
    if not shutil.which("pdffonts"):
        pytest.skip("apt-get install poppler-utils")
    for path in written[1]:
        if path.suffix == ".pdf":
            done = subprocess.run(["pdffonts", str(path)], capture_output=True, text=True, check=True)
            fonts = done.stdout.splitlines()[2:]
            assert fonts, path
            for font in fonts:
                assert "TrueType" in font, path
                assert font.split()[-5] == "yes", f"{path}: {font} is not embedded"


def test_the_bytes_are_the_same_in_another_process(written: tuple[Path, list[Path]], tmp_path: Path) -> None:
    folder, paths = written
    code = (
        "import sys; from pathlib import Path; from bench.report.evidence import read_evidence;"
        "from bench.report.figures import draw_figures;"
        "draw_figures(read_evidence(sys.argv[1]), Path(sys.argv[2]), ('pdf', 'svg'), 'one-column')"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, str(folder), str(tmp_path)], check=True, env=environment)
    for path in (path for path in paths if path.suffix != ".png"):  # of PNG the test of reports says so
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("width", [3.25, 6.75])
def test_no_text_is_tiny_or_cut_off(made: Evidence, width: float) -> None:
    with styled():
        for each in draw_all(made, Sheet(width=width)):
            figure = each.figure
            figure.draw_without_rendering()
            for text in figure.findobj(Text):
                assert text.get_fontsize() >= 6, (each.name, text)
            titles = [text for text in figure.texts if text.get_text()]
            boxes = [panel.get_tightbbox() for panel in figure.axes]
            boxes += [part.get_window_extent() for part in (*titles, *figure.legends)]
            for box in boxes:
                assert box.x0 >= figure.bbox.x0 - 2, each.name
                assert box.x1 <= figure.bbox.x1 + 2, each.name
                assert box.y0 >= figure.bbox.y0 - 2, each.name
                assert box.y1 <= figure.bbox.y1 + 2, each.name


# What is asked for


def test_widths_are_of_names_or_of_inches() -> None:
    assert inches("icml-column") == 3.25
    assert inches("ieee") == pytest.approx(43 * 12 / 72.27)  # 43 pica of 12 TeX points
    assert inches("4.5") == inches(4.5) == 4.5
    assert min(WIDTHS.values()) == WIDTHS["one-column"]
    with pytest.raises(GanbenchError, match="did you mean 'neurips'"):
        inches("nurips")
    with pytest.raises(GanbenchError, match=r"400 inches wide"):
        inches(400)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": ["pgf"]}, "no format 'pgf'"),
        ({"x": "second"}, "did you mean 'seconds'"),
        ({"measures": ["mode"]}, "did you mean 'modes'"),
    ],
)
def test_what_is_not_there_is_named(made: Evidence, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(GanbenchError, match=message):
        draw_figures(made, tmp_path / "figures", **options)
    assert not (tmp_path / "figures").exists()


def test_curves_of_one_measure_over_images(made: Evidence, tmp_path: Path) -> None:
    paths = draw_figures(made, tmp_path, ["png"], x="images", measures=["modes"], titles=False)
    curves = {path.name for path in paths if path.name.startswith("curves")}
    assert curves == {"curves-ring-images.png"}
    figure = drawn(made, "curves-ring-images", x="images", measures=["modes"])
    assert [panel.get_ylabel() for panel in figure.axes] == ["modes"]
    ends = {segment[-1, 0] for each in _thin(figure, 0) for segment in each}
    assert ends == {120 * 2 * 16, 40 * 2 * 16}  # steps · critic steps · batch


def test_a_title_can_be_left_to_the_caption(made: Evidence) -> None:
    with styled():
        titled, bare = (next(iter(draw_all(made, Sheet(width=6.75, titles=titles)))).figure for titles in (True, False))
    assert titled.get_suptitle().startswith("ring")
    assert bare.get_suptitle() == ""
    assert bare.get_figheight() < titled.get_figheight()


# What is drawn


def _thin(figure: Figure, panel: int) -> list[list[np.ndarray]]:
    return [each.get_segments() for each in figure.axes[panel].collections if isinstance(each, LineCollection)]


def test_every_run_is_a_line_and_a_diverged_one_ends_in_a_cross(made: Evidence) -> None:
    figure = drawn(made, "curves-ring")
    names = [panel.get_ylabel() for panel in figure.axes]
    panel = names.index("FD")
    assert sum(len(each) for each in _thin(figure, panel)) == 6
    crosses = [line for line in figure.axes[panel].lines if line.get_marker() == "x"]
    assert [line.get_xydata().tolist() for line in crosses] == [[[40, 0.4]]]
    (failed,) = [line for line in figure.axes[panel].lines if line.get_markerfacecolor() == "white"]
    assert failed.get_xydata().tolist() == [[120, 1.5]]
    assert {"diverged", "failed otherwise"} <= {each.get_label() for each in figure.legends[0].legend_handles}


def test_a_run_that_diverged_is_the_worst_from_then_on() -> None:
    """Of 1, 3 and one that has ended: the median of 1, 3, ∞ is 3; of more that ended than go on there is none."""
    steps = np.array([0.0, 10.0])
    lines = [Line(steps, steps, np.array([9.0, y])) for y in (1.0, 3.0)]
    ended = Line(steps[:1], steps[:1], np.array([9.0]), diverged=True)
    assert median_of([*lines, ended], False)[1].tolist() == [9, 3]
    assert median_of([*lines, ended], True)[1].tolist() == [9, 1]
    assert median_of([*lines, ended], None)[1].tolist() == [9, 2]
    assert np.isnan(median_of([lines[0], ended], False)[1][1])


def test_a_median_is_of_steps_at_which_all_were_measured() -> None:
    one = Line(np.array([0.0, 10, 20]), np.array([0.0, 1, 2]), np.array([4.0, 5, 6]))
    other = Line(np.array([0.0, 20]), np.array([0.0, 4]), np.array([6.0, 8]))
    x, y = median_of([one, other], False)
    assert x.tolist() == [0, 3]
    assert y.tolist() == [5, 7]


def test_rates_are_counted_and_have_wilsons_interval(made: Evidence) -> None:
    panel = drawn(made, "rates-ring").axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == list(LOSSES)
    widths = sorted(bar.get_width() for bar in panel.patches)
    assert widths == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    intervals = [line.get_xdata() for line in panel.lines if len(line.get_xdata()) == 2]
    for interval in intervals:
        assert list(interval) == pytest.approx(wilson_interval(1, 3))
    assert [text.get_text() for text in panel.texts] == ["1/3 failed", "1/3 failed"]


def test_the_budget_counts_a_failed_run_as_the_worst_seen(made: Evidence) -> None:
    """Minimax: 0.01, 0.04 and a failed one, worth 1.5, the worst: pairs (0.01, 0.04), (0.01, 1.5), (0.04, 1.5)."""
    assert worst_seen(made, "ring") == 1.5
    runs = made.runs[(made.runs["dataset"] == "ring") & (made.runs["loss"] == "hinge")]
    assert counted(made, "ring", runs, 1.5).tolist() == [0.02, 0.08, 1.5]
    assert counted(made, "ring", runs.assign(outcome="collapsed"), 1.5).tolist() == [1.5, 1.5, 1.5]
    line = line_of(drawn(made, "budget"), 0, "minimax")
    assert line[:, 0].tolist() == [1, 2, 3]
    assert line[:, 1] == pytest.approx([1.55 / 3, 0.06 / 3, 0.01])
    assert line[1, 1] == pytest.approx(expected_best([0.01, 0.04, 1.5], 2, False))


def test_profiles_end_at_the_share_that_did_not_fail(made: Evidence) -> None:
    """Ring: only minimax has all its values, with the geometric mean (0.01 · 0.04 · 1.5)^(1/3)."""
    best = best_of_cells(made, "ring")
    assert best == pytest.approx((0.01 * 0.04 * 1.5) ** (1 / 3))
    figure = drawn(made, "profile")
    for loss in LOSSES:
        assert line_of(figure, 0, loss)[-1, 1] == pytest.approx(2 / 3)
    (hinge,) = [each for each in panels(made, "ring")[0].series if each.name == "hinge"]
    assert ratios_of(made, "ring", hinge, 0.04).tolist() == [0.5, 2, np.inf]
    relapsed = hinge._replace(runs=hinge.runs.assign(outcome="relapsed"))
    assert np.isinf(ratios_of(made, "ring", relapsed, 0.04)).all()
    # grid: 0.1 and 0.2 against their geometric mean √0.02, four times as much of hinge
    assert best_of_cells(made, "grid") == pytest.approx(0.02**0.5)
    minimax, hinge = (line_of(figure, 1, loss) for loss in LOSSES)
    assert minimax[0].tolist() == [1, 0.5]
    assert minimax[1] == pytest.approx([2**0.5, 1])
    assert hinge[1:3] == pytest.approx(np.array([[4 / 2**0.5, 0.5], [4 * 2**0.5, 1]]))


def test_quality_stands_over_the_seconds_of_every_run(made: Evidence) -> None:
    panel = drawn(made, "quality-time").axes[0]
    points = {
        (line.get_marker(), *map(tuple, line.get_xydata().round(6))) for line in panel.lines if len(line.get_xdata())
    }
    (open_one,) = [line for line in panel.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert open_one.get_xydata().tolist() == [[12, 1.5]]
    assert ("x", (12.0, 1.0)) in points  # at the upper edge: it has no final value
    finals = sorted(y for each in points for _, y in each[1:] if each[0] != "x")
    assert finals == [0.01, 0.02, 0.04, 0.08, 1.5]


def test_a_run_that_diverged_never_reaches(made: Evidence) -> None:
    """Of 4, 6 and one that diverged early the median is 6, not that of the two that came there."""
    runs = made.runs[(made.runs["dataset"] == "ring") & (made.runs["loss"] == "hinge")]
    seconds = [4.0, 6.0, np.nan]
    there = runs.assign(reached=[True, True, False], seconds_to_threshold=seconds, training_seconds=[10.0, 10.0, 1.0])
    assert reach_of(there).median == 6
    assert np.isinf(reach_of(there.assign(reached=False)).median)


def test_the_threshold_shows_every_run_that_came_there(made: Evidence) -> None:
    runs = made.runs.assign(reach=0.05, reached=made.runs["fd_final"] < 0.05, seconds_to_threshold=5.0)
    panel = drawn(replace(made, runs=runs), "threshold-ring").axes[0]
    assert sum(len(line.get_xdata()) for line in panel.lines if line.get_marker() == "o") == 3
    assert [text.get_text() for text in panel.texts] == ["1/3 never", "2/3 never"]


def test_heat_maps_hold_means_and_what_failed(made: Evidence) -> None:
    modes = map_of_modes(made, "ring")
    assert modes.values.ravel() == pytest.approx([2 / 3, 2 / 3])
    assert modes.texts == [["1.3"], ["1.3\n1 div."]]
    means = map_of_means(made, "grid")
    assert means.values.ravel() == pytest.approx([1, 4])
    assert means.texts == [["0.141"], ["0.566"]]


def test_what_makes_no_sense_is_not_drawn(tmp_path: Path) -> None:
    record(tmp_path, "minimax", 0, (1.0, 0.5, 0.2, 0.1))
    with styled():
        names = {each.name for each in draw_all(read_evidence(tmp_path), Sheet(width=6.75))}
    assert names == {"curves-ring", "curves-ring-seconds", "timeline-ring", "samples-ring-mlp", "quality-time", "modes"}


def test_records_of_other_code_lack_much_and_are_drawn(tmp_path: Path) -> None:
    """No samples, no seconds, no batch, no real data, no modes, and nothing before the first step."""
    from bench.foreign import Ending, ForeignRun, completed, describe_record

    for loss in LOSSES:
        for seed in range(2):
            axes = {"dataset": "faces", "architecture": "theirs", "loss": loss}
            run = ForeignRun(suite="foreign", axes=axes, seed=seed, ways={"their_fid": False})
            trace = completed([{"step": step, "their_fid": 90.0 / step} for step in (1, 2, 3)])
            publish(run.record(tmp_path), describe_record(run, trace, Ending(3), {}), trace)
    evidence = read_evidence(tmp_path)
    paths = draw_figures(evidence, tmp_path / "figures", ["svg"])
    names = {path.stem for path in paths}
    assert names == {"curves-faces", "timeline-faces", "rates-faces", "profile", "budget", "primary"}
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


# Looks


def test_the_colours_of_stages_and_outcomes_differ_without_colour() -> None:
    """Luma of ITU-R BT.709; a tenth of the scale apart is told apart in print."""

    def luma(colour: str) -> float:
        return float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))

    for colours in (STAGES.values(), OUTCOMES.values()):
        assert (np.diff(sorted(map(luma, colours))) > 0.08).all()
    greys = sorted(OUTCOMES, key=lambda state: luma(OUTCOMES[state]))
    marks = [HATCHES.get(state, "") for state in greys]
    assert all(one != other for one, other in itertools.pairwise(marks[1:]))  # beside the near-black


def test_no_two_series_look_alike() -> None:
    assert len({look(place) for place in range(64)}) == 64
    assert len(COLOURS) == len(set(COLOURS)) == len(LINES) == len(set(LINES))


def test_text_is_folded_at_its_parts_before_its_words() -> None:
    assert fold("hinge · r1 + r2 · plain", 10, 7) == "hinge · r1 + r2 · plain"
    assert fold("hinge · r1 + r2 · plain", text_width("r1 + r2", 7), 7) == "hinge\nr1 + r2\nplain"
    assert fold("relativistic-average", text_width("relativistic-", 7), 7) == "relativistic-\naverage"
    assert fold("lr 1e-05", text_width("1e-05", 7), 7) == "lr\n1e-05"


def test_parts_are_as_alike_as_can_be() -> None:
    assert even([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert even(range(5), 4) == [[0, 1, 2], [3, 4]]
    assert even([], 3) == []


def test_labels_of_any_letters_and_a_dollar_is_no_formula(made: Evidence) -> None:
    odd = replace(made, runs=made.runs.assign(loss=made.runs["loss"].replace("hinge", r"网络 $\frac{1}$")))
    with styled():
        for each in draw_all(odd, Sheet(width=6.75)):
            each.figure.draw_without_rendering()


# Timelines and contact sheets


@pytest.fixture
def with_a_failure(tiny_results: Path) -> Path:
    """The tiny suite, one of whose runs is said to have diverged."""
    path = record_paths(tiny_results)[0]
    metadata: dict[str, Any] = read_metadata(path)
    trace = [{**row, "samples": bytes(500 * 2 * 4)} for row in read_trace(path).to_dict("records")][:3]
    trace[-1]["samples"] = np.zeros((200, 2), np.float32).tobytes()
    metadata["ending"] = {"status": "diverged", "step": 93, "place": "critic loss", "reason": "critic loss not finite"}
    path.unlink()
    publish(path, metadata, trace)
    return tiny_results


def test_a_timeline_has_a_row_a_run_and_says_the_outcomes(with_a_failure: Path) -> None:
    evidence = read_evidence(with_a_failure)
    panel = drawn(evidence, "timeline-ring-points-1000").axes[0]
    assert len(panel.collections) == 4
    words = [text.get_text() for text in panel.texts]
    assert sorted(word for word in words if not word.isdigit()) == sorted(evidence.runs["outcome"])
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["non-saturating", "wgan-gp"]
    colours = [[to_hex(colour).upper() for colour in row.get_facecolors()] for row in panel.collections]
    assert sum(STAGES[Stage.DIVERGED] in row for row in colours) == 1
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
    assert words == ["4 converged, 1 never-learned, 1 diverged"] * 20


def test_seeds_keep_their_place_where_one_is_missing(made: Evidence) -> None:
    lacking = replace(made, runs=made.runs[made.runs["run"] != "ring-minimax-0"])
    canvas = drawn(lacking, "samples-ring-mlp").axes[0]
    words = [text.get_text() for text in canvas.texts]
    assert [word for word in words if word.startswith("seed")] == [
        *("seed 1", "seed 2"),
        *("seed 0", "seed 1", "seed 2"),
    ]
    places = {(text.get_text(), round(text.get_position()[0], 2)) for text in canvas.texts if "seed" in text.get_text()}
    assert len(places) == 3 or len({x for _, x in places}) == 5  # the same columns, or strips beside each other
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
