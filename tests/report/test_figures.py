"""Figures ready for a paper: widths, fonts, reproducible bytes, options and style."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_runs import drawn, made_evidence, record, thin_lines
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from matplotlib.text import Text

from bench.errors import GanbenchError
from bench.evidence.results import Evidence, read_evidence
from bench.report.figures import FORMATS, WIDTHS, draw_all, draw_figures
from bench.report.figures.sheet import Sheet, split_evenly
from bench.report.figures.style import (
    COLOURS,
    LINES,
    series_style,
    styled,
    text_width,
    wrap_text,
)
from bench.report.outcome_styles import OUTCOMES, STAGES
from bench.report.venues import width_in_inches


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return made_evidence(tmp_path_factory.mktemp("made"))


# Files


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """A results folder and its figures in all formats, one column wide."""
    folder = tmp_path_factory.mktemp("written")
    for seed in range(2):
        record(folder, "minimax", seed, (1.0, 0.5, 0.2, 0.01 + seed))
        record(folder, "hinge", seed, (1.0, 0.5, 0.3)[: 3 - seed], diverged=True)
    return folder, draw_figures(read_evidence(folder), folder / "figures", width="one-column")


def test_datasets_whose_file_names_would_be_equal_have_figures_of_their_own(tmp_path: Path) -> None:
    for dataset in ("ring", "ring*"):
        for seed in range(2):
            for loss in ("minimax", "hinge"):
                record(tmp_path, loss, seed, (1.0, 0.5, 0.2, 0.01), dataset=dataset)
    paths = draw_figures(read_evidence(tmp_path), tmp_path / "figures", formats=("svg",))
    assert len(set(paths)) == len(paths)
    assert {"curves-ring", "curves-ring-2", "ranking-ring", "ranking-ring-2"} <= {path.stem for path in paths}
    titles = [(tmp_path / "figures" / f"ranking-ring{end}.svg").read_text() for end in ("", "-2")]
    assert ["ring*" in title for title in titles] == [False, True]


def test_every_kind_is_written_in_every_format(written: tuple[Path, list[Path]]) -> None:
    names = {path.stem for path in written[1]}
    assert names == {
        *("curves-ring", "timeline-ring", "ranking-ring", "samples-ring-mlp"),
        *("profile", "budget", "modes"),
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
        "import sys; from pathlib import Path; from bench.evidence.results import read_evidence;"
        "from bench.report.figures import draw_figures;"
        "draw_figures(read_evidence(sys.argv[1]), Path(sys.argv[2]), ('pdf', 'svg'), 'one-column')"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, str(folder), str(tmp_path)], check=True, env=environment)
    for path in (path for path in paths if path.suffix != ".png"):  # the test of reports covers PNG
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


# Options


def test_widths_are_names_or_inches() -> None:
    assert width_in_inches("icml-column") == 3.25
    assert width_in_inches("ieee") == pytest.approx(43 * 12 / 72.27)  # 43 pica of 12 TeX points
    assert width_in_inches("4.5") == width_in_inches(4.5) == 4.5
    assert min(WIDTHS.values()) == WIDTHS["one-column"]
    with pytest.raises(GanbenchError, match="did you mean 'neurips'"):
        width_in_inches("nurips")
    with pytest.raises(GanbenchError, match=r"figure width 400 inches"):
        width_in_inches(400)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": ["pgf"]}, "unknown format 'pgf'"),
        ({"x": "second"}, "did you mean 'seconds'"),
        ({"measures": ["mode"]}, "did you mean 'modes'"),
    ],
)
def test_unknown_options_are_named(made: Evidence, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(GanbenchError, match=message):
        draw_figures(made, tmp_path / "figures", **options)
    assert not (tmp_path / "figures").exists()


def test_curves_of_one_measure_over_images(made: Evidence, tmp_path: Path) -> None:
    paths = draw_figures(made, tmp_path, ["png"], x="images", measures=["modes"])
    curves = {path.name for path in paths if path.name.startswith("curves")}
    assert curves == {"curves-ring-images.png"}
    figure = drawn(made, "curves-ring-images", x="images", measures=["modes"])
    assert [panel.get_ylabel() for panel in figure.axes] == ["modes"]
    ends = {segment[-1, 0] for each in thin_lines(figure, 0) for segment in each}
    assert ends == {120 * 2 * 16, 40 * 2 * 16}  # steps · critic steps · batch


# Style


def test_the_colours_of_stages_and_outcomes_differ_without_colour() -> None:
    """Luma of ITU-R BT.709; differences of a tenth of the scale are visible in print."""

    def luma(colour: str) -> float:
        return float(np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722)))

    for styles in (STAGES.values(), OUTCOMES.values()):
        assert (np.diff(sorted(luma(style.colour) for style in styles)) > 0.08).all()
    greys = sorted(OUTCOMES.values(), key=lambda style: luma(style.colour))
    hatches = [style.hatch for style in greys]
    assert all(one != other for one, other in itertools.pairwise(hatches[1:]))  # beside the near-black
    assert len({style.symbol for style in greys}) == len(greys)


def test_no_two_series_look_alike() -> None:
    assert len({series_style(index) for index in range(64)}) == 64
    assert len(COLOURS) == len(set(COLOURS)) == len(LINES) == len(set(LINES))


def test_text_is_folded_at_its_parts_before_its_words() -> None:
    assert wrap_text("hinge · r1 + r2 · plain", 10, 7) == "hinge · r1 + r2 · plain"
    assert wrap_text("hinge · r1 + r2 · plain", text_width("r1 + r2", 7), 7) == "hinge\nr1 + r2\nplain"
    assert wrap_text("relativistic-average", text_width("relativistic-", 7), 7) == "relativistic-\naverage"
    assert wrap_text("lr 1e-05", text_width("1e-05", 7), 7) == "lr\n1e-05"


def test_parts_are_as_alike_as_can_be() -> None:
    assert split_evenly([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert split_evenly(range(5), 4) == [[0, 1, 2], [3, 4]]
    assert split_evenly([], 3) == []


def test_labels_of_any_letters_and_a_dollar_is_no_formula(made: Evidence) -> None:
    odd = replace(made, runs=made.runs.assign(loss=made.runs["loss"].replace("hinge", r"网络 $\frac{1}$")))
    with styled():
        for each in draw_all(odd, Sheet(width=6.75)):
            each.figure.draw_without_rendering()
