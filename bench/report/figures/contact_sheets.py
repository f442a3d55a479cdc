"""Contact sheets: final samples, one strip per cell with one square per seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.evidence.results import Evidence, cells
from bench.evidence.states import State
from bench.records.pairs import pairs_of
from bench.records.record import read_all_samples
from bench.records.schema import Metadata
from bench.report.figures.sample_square import MISSED, draw_samples
from bench.report.figures.sheet import Drawing, Sheet, page_name, split_evenly
from bench.report.figures.style import MAX_HEIGHT, SIZE, TINY, escape_dollars, text_width, wrap_text
from bench.report.figures.translated_points import draw_pairs
from bench.report.file_names import slug
from bench.report.row_names import REAL
from bench.report.sample_views import AROUND_MODES, Plane, can_be_shown, describe_view, plane_of, real_samples_of
from bench.report.signal_views import as_shown

MAX_SEEDS = 20  # shown per cell
MIN_SIDE, MAX_SIDE = 0.58, 1.3  # inches of a square
GAP = 0.08  # inches between squares
NAME_HEIGHT, SEED_HEIGHT = 0.2, 0.12  # inches of the line with the name of a cell, and of a line of seeds
ABOVE: dict[str, Any] = {"fontsize": TINY, "ha": "center", "color": "0.3"}  # the words above a square
LINE_HEIGHT = 0.14  # inches of each further line of a name


class Strip(NamedTuple):
    """A cell: its name and its runs; or real data, with samples instead of runs."""

    name: str
    runs: pd.DataFrame
    real: NDArray[Any] | list[str] | None = None


class SquareGrid(NamedTuple):
    """The side of a square in inches, squares in a row of a strip, strips side by side, and lines of a strip's name."""

    side: float
    squares: int
    strips: int
    name_lines: int = 1

    @property
    def strip_width(self) -> float:
        """The width of a strip in inches."""
        return self.squares * (self.side + GAP)

    @property
    def name_height(self) -> float:
        """The height in inches of the name of a strip."""
        return NAME_HEIGHT + LINE_HEIGHT * (self.name_lines - 1)

    def wrap_name(self, name: str) -> str:
        """Return the name of a strip in as many lines as its width needs."""
        return wrap_text(escape_dollars(name), self.strip_width, SIZE)

    def strip_height(self, seeds: int) -> float:
        """Return the height in inches of a strip with this many seeds."""
        return self.name_height + -(-seeds // self.squares) * (SEED_HEIGHT + self.side) + GAP


def draw_contact_sheets(evidence: Evidence, dataset: str, sheet: Sheet) -> Iterator[Drawing]:
    """Draw samples of every cell and seed of a dataset, one figure per architecture, on as many pages as needed.

    Points are drawn with circles around the true modes that none of them hits, images and spectrograms as grids,
    strings as text. A diverged run shows its last samples and the step at which it ended. Real samples come last.
    Nothing is drawn without samples that can be shown.
    """
    plane, real = plane_of(evidence, dataset), real_samples_of(evidence, dataset)
    all_strips = [Strip(name, runs) for name, runs in cells(evidence, dataset)]
    for architecture in dict.fromkeys(evidence.runs_of(dataset)["architecture"]):
        strips = [strip for strip in all_strips if (strip.runs["architecture"] == architecture).any()]
        strips = [
            strip for strip in strips if any(can_be_shown(evidence.metadata[run], plane) for run in strip.runs["run"])
        ]
        if not strips:
            continue
        if real is not None:
            strips.append(Strip(REAL, strips[0].runs[:0], real))
        all_seeds = sorted({int(seed) for strip in strips for seed in strip.runs["seed"]})
        seeds = all_seeds[:MAX_SEEDS]
        shown = "" if seeds == all_seeds else f" (first {len(seeds)} seeds)"
        description = f"{dataset}, {architecture}: final samples of every run{shown}{_view(evidence, dataset, plane)}"
        grid = _fit_grid(sheet.width - 0.1, len(seeds), len(strips))
        grid = grid._replace(name_lines=max(grid.wrap_name(strip.name).count("\n") + 1 for strip in strips))
        per_page = grid.strips * max(1, int((MAX_HEIGHT - 0.3) / grid.strip_height(len(seeds))))
        for page, part in enumerate(split_evenly(strips, per_page)):
            name = page_name(f"samples-{slug(f'{dataset}-{architecture}')}", page)
            yield Drawing(name, description, _draw(evidence, plane, sheet, part, seeds, grid, description))


def _view(evidence: Evidence, dataset: str, plane: Plane | None) -> str:
    """Return what a reader must know of the picture beside images of all channels, or points in their own plane."""
    description = describe_view(evidence, dataset, plane).replace(AROUND_MODES, MISSED)
    few = ("A few images of every run.", "A few strings of every run.")
    plain = (*few, "Points of every run.")
    return "" if description in plain else f". {description.removeprefix(few[0]).strip().removesuffix('.')}"


def _fit_grid(width: float, seeds: int, strips: int) -> SquareGrid:
    """Squares as large as fit, with strips side by side if they have few seeds."""
    squares = min(seeds, max(1, int((width + GAP) / (MIN_SIDE + GAP))))
    squares = -(-seeds // -(-seeds // squares))
    side_by_side = min(strips, max(1, int((width + 3 * GAP) / (squares * (0.9 + GAP) + 3 * GAP))))
    side = (width - 3 * GAP * (side_by_side - 1)) / (side_by_side * squares) - GAP
    return SquareGrid(min(MAX_SIDE, side), squares, side_by_side)


def _draw(
    evidence: Evidence,
    plane: Plane | None,
    sheet: Sheet,
    strips: list[Strip],
    seeds: list[int],
    grid: SquareGrid,
    description: str,
) -> Figure:
    above, strip_height = sheet.title_height(description), grid.strip_height(len(seeds))
    rows = -(-len(strips) // grid.strips)
    height = above + rows * strip_height + 0.04
    figure, canvas = sheet.canvas(height)
    points: list[NDArray[Any]] = []
    for index, strip in enumerate(strips):
        row, column = divmod(index, grid.strips)
        left = 0.05 + column * (grid.strip_width + 3 * GAP)
        top = height - above - row * strip_height
        canvas.text(left, top - grid.name_height + 0.03, grid.wrap_name(strip.name), fontsize=SIZE, va="bottom")
        if strip.real is not None:
            corner = (left, top - grid.name_height - SEED_HEIGHT - grid.side)
            canvas.text(corner[0] + grid.side / 2, corner[1] + grid.side + 0.02, "test split", **ABOVE)
            draw_samples(canvas, strip.real, plane, corner, grid.side)
        for run in strip.runs.itertuples():
            if run.seed not in seeds:
                continue
            y, x = divmod(seeds.index(run.seed), grid.squares)
            corner = (left + x * (grid.side + GAP), top - grid.name_height - (y + 1) * (SEED_HEIGHT + grid.side))
            points += _draw_square(canvas, run, evidence.metadata[run.run], plane, corner, grid.side)
    if points:  # rasterised together: thousands of points would make vector files huge
        x, y = np.concatenate(points).T
        canvas.scatter(x, y, s=1.2, color="#0072B2", alpha=0.5, linewidths=0, zorder=2, rasterized=True)
    canvas.text(sheet.width / 2, height - 0.05, sheet.wrap_title(description), ha="center", va="top")
    return figure


def _draw_square(
    canvas: Axes, run: Any, metadata: Metadata, plane: Plane | None, corner: tuple[float, float], side: float
) -> list[NDArray[Any]]:
    """Draw the seed and the samples of a run, and return the points still to be drawn."""
    left, bottom = corner
    middle = left + side / 2
    canvas.text(middle, bottom + side + 0.02, f"seed {run.seed}", **ABOVE)
    points: list[NDArray[Any]] = []
    frames = read_all_samples(Path(run.record))[1] if can_be_shown(metadata, plane) else np.empty(0)
    if len(frames):
        points = draw_samples(canvas, as_shown(frames[-1], metadata), plane, corner, side)
        if points and plane is not None and plane.dimension > 1 and (pairs := pairs_of(metadata)):
            draw_pairs(canvas, frames[-1], pairs, plane, corner, side)
    else:
        canvas.text(middle, bottom + side / 2, "no samples", fontsize=TINY, ha="center")
    if run.outcome == State.DIVERGED:
        _mark_diverged(canvas, corner, side, run.outcome_step)
    return points


def _mark_diverged(canvas: Axes, corner: tuple[float, float], side: float, step: float) -> None:
    text = "diverged" if np.isnan(step) else f"diverged at {int(step):,}"
    text = text if text_width(text, TINY) <= side else text.replace(" at ", "\n")
    canvas.text(
        corner[0] + side / 2,
        corner[1] + 0.04,
        text,
        ha="center",
        va="bottom",
        fontsize=TINY,
        color="white",
        bbox={"facecolor": "#B00020", "edgecolor": "none", "pad": 1.0},
        zorder=5,
    )
