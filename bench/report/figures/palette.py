"""PNG files with a palette: a third of the size, wherever 256 colours are enough."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, PngImagePlugin

from bench.report.figures.style import DPI

MAX_LOSS = 3.0  # of 255 levels, on average: lines and grey images lose up to 2.3, images of many colours more
NEARLY = 4  # levels that an entry of the palette may miss white and black by


def save_png(figure: Figure, path: Path, title: str) -> None:
    """Write a figure as a PNG file, with a palette unless its colours would suffer.

    Raises:
        OSError: The file cannot be written.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
    texts = PngImagePlugin.PngInfo()
    texts.add_itxt("Title", title)
    reduce_colours(Image.open(drawn).convert("RGB")).save(path, "png", optimize=True, dpi=(DPI, DPI), pnginfo=texts)


def reduce_colours(image: Image.Image) -> Image.Image:
    """Return an RGB image with 256 colours, white and black exact, or as it is if that would change it too much."""
    reduced = image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette = np.asarray(reduced.getpalette(), dtype=int)
    palette[palette >= 255 - NEARLY] = 255
    palette[palette <= NEARLY] = 0
    reduced.putpalette(palette.tolist())
    loss = np.abs(np.asarray(image, dtype=float) - np.asarray(reduced.convert("RGB"), dtype=float)).mean()
    return reduced if loss <= MAX_LOSS else image
