"""PNG files with a palette."""

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from bench.report.figures.palette import reduce_colours, save_png

rng = np.random.default_rng(0)


def image_of(levels):
    return Image.fromarray(levels.astype(np.uint8))


def test_a_grey_image_gets_a_palette_with_white_and_black_exact():
    levels = np.repeat(rng.integers(0, 256, size=(64, 64, 1)), 3, axis=2)
    levels[:16], levels[16:32] = 255, 0  # as in most figures, half of it has no shade
    levels[32:36], levels[36:48] = 250, 6  # shades that share their entries of the palette with white and black
    reduced = reduce_colours(image_of(levels))
    assert reduced.mode == "P"
    assert np.abs(np.asarray(reduced.convert("RGB"), dtype=int) - levels).max() <= 16
    assert set(np.unique(np.asarray(reduced.convert("RGB"))[:32])) == {0, 255}


def test_an_image_of_many_colours_stays_as_it_is():
    image = image_of(rng.integers(0, 256, size=(64, 64, 3)))
    assert reduce_colours(image) is image


def test_a_figure_keeps_its_size_resolution_and_title(tmp_path):
    figure = Figure(figsize=(2, 1))
    figure.add_subplot().plot([0, 1])
    save_png(figure, tmp_path / "line.png", "failures − of “ring”")
    with Image.open(tmp_path / "line.png") as image:
        assert image.mode == "P"
        assert image.size == (400, 200)
        assert round(image.info["dpi"][0]) == 200
        assert image.info["Title"] == "failures − of “ring”"
